"""The patient's pages: the next visit, booking in three steps, moving, cancelling. A phone first."""

from datetime import date, datetime
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound as PageNotFound

from app.clinics import queries as clinics
from app.clinics.queries import ClinicView, ServiceView, TherapistView
from app.http import cycle, fragments, screens
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.errors import Conflict, DomainError, NotFound
from app.patients.profiles import patient_id_of
from app.portal import forms
from app.portal import queries as portal
from app.scheduling import permissions
from app.scheduling.actions import appointments, booking, transitions
from app.scheduling.rules.booking import BookingRequest, MoveRequest, NotOffered
from app.scheduling.rules.calendar import Slot
from app.tenancy import queries as tenancy

pages = PageBlueprint("portal", __name__)

HOME = "/my"


@pages.get("/my", requires=permissions.READ_OWN)
def home() -> Response:
    return fragments.page(
        "portal/visits.html",
        parts={"my-visits": "portal/_visits.html"},
        visits=portal.of_patient(actor=cycle.actor(), now=cycle.now()),
        topic=f"visits:{patient_id_of(cycle.actor())}",
        slots=screens.places(screens.PATIENT_HOME, cycle.actor(), patient_id_of(cycle.actor()) or 0),
    )


@pages.post("/my/visits/<int:appointment_id>/confirmation", requires=permissions.BOOK_OWN)
def confirm(appointment_id: int) -> Response:
    portal.own_visit(appointment_id, actor=cycle.actor(), now=cycle.now())
    transitions.confirm_appointment(appointment_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=HOME, toast=_("Gracias. Su cita queda confirmada."))


@pages.get("/my/booking", requires=permissions.BOOK_OWN)
def choose() -> Any:
    """Step 1 without a service, step 2 with one, step 3 with a time: plain links, so that Back works."""
    service_id = request.args.get("service_id", type=int)
    if service_id is None:
        return _choose_service()
    service, clinic = _service(service_id)
    if request.args.get("starts_at"):
        return _confirm_page(service, clinic, forms.ConfirmForm(request.args))
    return _choose_time(service, clinic)


def _choose_service() -> Response:
    """The clinic the patient came to last first; their last visit again on top, if it is still offered."""
    choices = portal.past_choices(cycle.actor())
    came_to = list(dict.fromkeys(choice.clinic_id for choice in choices))
    mine = tenancy.clinic_names(cycle.actor())
    mine.sort(key=lambda c: came_to.index(c["id"]) if c["id"] in came_to else len(came_to))
    offers = [(c, clinics.services_of(c["id"], online_only=True)) for c in mine]
    services = {service.id for _clinic, offered in offers for service in offered}
    again = choices[0] if choices and choices[0].service_id in services else None
    if again and not clinics.offers(again.therapist_id, again.service_id):
        again = None
    return fragments.page(
        "portal/booking_service.html", offers=[o for o in offers if o[1]], again=again, came_to=came_to
    )


ANYBODY = 0  # as ``therapist_id`` in the address: chosen, unlike a missing one


def _choose_time(service: ServiceView, clinic: ClinicView) -> Response:
    """The times of the therapist in the address, else of the one the patient came to last, else of anybody."""
    people = clinics.therapists_of(clinic.id, service_id=service.id)
    usual = next(
        (c.therapist_id for c in portal.past_choices(cycle.actor()) if c.therapist_id in _ids(people)), ANYBODY
    )
    people.sort(key=lambda person: person.id != usual)
    therapist_id = request.args.get("therapist_id", usual, type=int)
    chosen = people if therapist_id == ANYBODY else [p for p in people if p.id == therapist_id]
    if not chosen:
        raise NotFound
    return fragments.page(
        "portal/booking_time.html",
        service=service,
        clinic=clinic,
        people=people,
        usual=usual,
        therapist_id=therapist_id,
        times=_times(clinic, _ids(chosen), service.duration_minutes),
        base=f"/my/booking?service_id={service.id}&therapist_id={therapist_id}",
        today=_today(clinic.timezone),
    )


def _ids(people: list[TherapistView]) -> list[int]:
    return [person.id for person in people]


def _times(clinic: ClinicView, therapist_ids: list[int], minutes: int) -> portal.Times:
    return portal.times_to_choose(
        clinic,
        therapist_ids,
        duration_minutes=minutes,
        from_day=_day(request.args.get("from")),
        chosen=_day(request.args.get("day")),
        actor=cycle.actor(),
        now=cycle.now(),
    )


def _confirm_page(
    service: ServiceView,
    clinic: ClinicView,
    form: forms.ConfirmForm,
) -> Response:
    starts_at = _instant(form.starts_at.data, clinic)
    therapist = clinics.therapist(int(form.therapist_id.data or 0))
    if therapist.organization_id != clinic.organization_id:
        raise NotFound
    return fragments.page(
        "portal/booking_confirm.html",
        form=form.with_submission_id(),
        service=service,
        clinic=clinic,
        therapist=therapist,
        starts=clock.local(starts_at, clinic.timezone),
        near=_near(form.refusal, clinic),
        today=_today(clinic.timezone),
    )


def _retry_booking(*, form: forms.ConfirmForm) -> Response:
    return _confirm_page(*_chosen_service(form), form)


@pages.post("/my/visits", requires=permissions.BOOK_OWN, form=forms.ConfirmForm, retry=_retry_booking)
def book(form: forms.ConfirmForm) -> Response:
    service, clinic = _chosen_service(form)
    booking_request = BookingRequest(
        clinic_id=clinic.id,
        therapist_id=int(form.therapist_id.data or 0),
        patient_id=patient_id_of(cycle.actor()) or 0,
        service_id=service.id,
        starts_at=_instant(form.starts_at.data, clinic),
        reason=form.reason.data or "",
    )
    booking.book_appointment(booking_request, actor=cycle.actor(), now=cycle.now())
    words = _("Su cita está reservada.") if clinic.auto_confirm else _("Recibimos su solicitud. Le avisaremos.")
    return fragments.fragment_response(redirect_url=HOME, toast=words)


def _chosen_service(form: forms.ConfirmForm) -> tuple[ServiceView, ClinicView]:
    return _service(int(form.service_id.data) if str(form.service_id.data).isdecimal() else 0)


def _near(error: DomainError | None, clinic: ClinicView) -> list[Slot]:
    """The free times that a refusal offers instead."""
    offered = error.details.get("alternatives", []) if isinstance(error, Conflict | NotOffered) else []
    return [
        Slot(
            clock.parse_instant(o["starts_at"], clinic.timezone),
            clock.parse_instant(o["ends_at"], clinic.timezone),
            o["therapist_id"],
            o["clinic_id"],
            o["room_id"],
        )
        for o in offered
    ]


@pages.get("/my/visits/<int:appointment_id>/schedule", requires=permissions.BOOK_OWN)
def change(appointment_id: int, form: forms.ChangeForm | None = None) -> Response:
    """The times to choose from; with a time in the address, both times side by side and the last button."""
    starts_at = request.args.get("starts_at")
    if form is not None or starts_at is None:
        return _change_page(appointment_id, form or forms.ChangeForm(formdata=None))
    own = portal.own_visit(appointment_id, actor=cycle.actor(), now=cycle.now())
    clinic = clinics.clinic(own.visit.row.clinic_id)
    return fragments.page(
        "portal/change_confirm.html", own=own, starts=clock.local(_instant(starts_at, clinic), clinic.timezone)
    )


def _change_page(appointment_id: int, form: forms.ChangeForm) -> Response:
    own = portal.own_visit(appointment_id, actor=cycle.actor(), now=cycle.now())
    clinic = clinics.clinic(own.visit.row.clinic_id)
    times = _times(clinic, [own.visit.row.therapist_id], own.visit.minutes) if own.can_change else None
    return fragments.page(
        "portal/change.html",
        form=form,
        own=own,
        clinic=clinic,
        times=times,
        base=f"/my/visits/{appointment_id}/schedule?",
        today=_today(clinic.timezone),
    )


@pages.post(
    "/my/visits/<int:appointment_id>/schedule",
    requires=permissions.BOOK_OWN,
    form=forms.ChangeForm,
    retry=change,
)
def move(appointment_id: int, form: forms.ChangeForm) -> Response:
    own = portal.own_visit(appointment_id, actor=cycle.actor(), now=cycle.now())
    clinic = clinics.clinic(own.visit.row.clinic_id)
    move_request = MoveRequest(starts_at=form.starts_at.instant(clinic.timezone), version=form.version.data)
    booking.move_appointment(appointment_id, move_request, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=HOME, toast=_("Su cita cambió de hora."))


@pages.get("/my/visits/<int:appointment_id>/cancellation", requires=permissions.BOOK_OWN)
def cancel_page(appointment_id: int, form: forms.OwnCancelForm | None = None) -> Response:
    own = portal.own_visit(appointment_id, actor=cycle.actor(), now=cycle.now())
    form = form or forms.OwnCancelForm(formdata=None)
    return fragments.page("portal/cancel.html", own=own, form=form.with_submission_id())


@pages.post(
    "/my/visits/<int:appointment_id>/cancellation",
    requires=permissions.BOOK_OWN,
    form=forms.OwnCancelForm,
    retry=cancel_page,
)
def cancel(appointment_id: int, form: forms.OwnCancelForm) -> Response:
    portal.own_visit(appointment_id, actor=cycle.actor(), now=cycle.now())
    appointments.cancel_appointment(appointment_id, reason=form.reason.data, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=HOME, toast=_("Su cita quedó cancelada."))


def _service(service_id: int) -> tuple[ServiceView, ClinicView]:
    """A service patients may book, with its clinic. Raises NotFound."""
    service = clinics.service(service_id)
    if not service.is_online or service.clinic_id not in {c["id"] for c in tenancy.clinic_names(cycle.actor())}:
        raise NotFound
    return service, clinics.clinic(service.clinic_id)


def _instant(text: str | None, clinic: ClinicView) -> datetime:
    try:
        return clock.parse_instant(text or "", clinic.timezone)
    except ValueError as error:
        raise PageNotFound from error


def _day(text: str | None) -> date | None:
    try:
        return clock.parse_day(text)
    except clock.BadDay:
        return None


def _today(zone: str) -> date:
    return clock.local_day(cycle.now(), zone)


BLUEPRINTS = (pages,)
