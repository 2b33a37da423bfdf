"""Booking a visit and moving it to another time, in a dialog or as pages of their own."""

from datetime import datetime
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.clinics import queries as clinics
from app.clinics.queries import ClinicView, TherapistView
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.access import can, can_anywhere, require
from app.kernel.errors import Invalid, NotFound
from app.kernel.i18n import N_
from app.patients import queries as patients
from app.patients import rules as patient_rules
from app.scheduling import permissions, rules
from app.scheduling.actions import booking as actions
from app.scheduling.forms import booking as forms
from app.scheduling.pages.transitions import changed
from app.scheduling.queries import appointments
from app.scheduling.queries import booking as queries
from app.scheduling.queries.appointments import VisitDetails
from app.scheduling.rules.booking import OutsideSchedule
from app.scheduling.rules.calendar import Slot

pages = PageBlueprint("booking", __name__)

LOCAL = "%Y-%m-%dT%H:%M"  # as a datetime-local input writes it


@pages.get("/appointments/new", requires=permissions.BOOK)
def new() -> Response:
    """The form for the query string; its partial ``#booking-what`` is fetched again after every choice."""
    clinic = _clinic()
    wanted = _wanted(clinic)
    form = forms.BookingForm(
        formdata=None,
        patient_id=request.args.get("patient_id", type=int),
        therapist_id=request.args.get("therapist_id", type=int),
        service_id=request.args.get("service_id", type=int),
        starts_at=clock.local(wanted, clinic.timezone).strftime(LOCAL) if wanted else "",
    )
    offer, near = _near_times(clinic, _offer(clinic, form), wanted, form)
    _fill(form, offer, near.times, clinic)
    return _booking(clinic, form, offer, near)


def _make_form() -> forms.BookingForm:
    clinic, form = _clinic(), forms.BookingForm()
    _offer(clinic, form)
    return form


def _retry(*, form: forms.BookingForm) -> Response:
    clinic = _clinic()
    offer, near = _near_times(clinic, _offer(clinic, form), _typed(form, clinic), form)
    return _booking(clinic, form, offer, near)


@pages.post("/appointments", requires=permissions.BOOK, form=_make_form, retry=_retry)
def create(form: forms.BookingForm) -> Response:
    clinic = _clinic()
    asked = form.to_request(clinic.id, form.starts_at.instant(clinic.timezone))
    booked = actions.book_appointment(asked, actor=cycle.actor(), now=cycle.now())
    return changed(booked.id, N_("Reservada: %(when)s · %(name)s"), takes_focus=True)


def _clinic() -> ClinicView:
    return clinics.clinic(cycle.clinic_id(permissions.BOOK))


def _wanted(clinic: ClinicView) -> datetime | None:
    """The time of the address: an instant, a wall clock, or a day (its opening); None for none of them."""
    asked = request.args
    try:
        if asked.get("starts_at"):
            return clock.parse_instant(asked["starts_at"], clinic.timezone)
        return clock.at(clock.parse_day(asked["day"]), clinic.opens_minute, clinic.timezone)
    except (KeyError, ValueError):
        return None


def _typed(form: forms.BookingForm, clinic: ClinicView) -> datetime | None:
    """The time typed; None while it is none."""
    try:
        return form.starts_at.instant(clinic.timezone)
    except Invalid:
        return None


def _offer(clinic: ClinicView, form: forms.BookingForm) -> queries.Choices:
    """What may be chosen beside what is chosen already. Raises NotFound for an address that names what is of somewhere
    else; in a form that was sent the field says that its choice went away."""
    chosen = {"therapist_id": form.therapist_id.data, "service_id": form.service_id.data}
    offer = queries.choices(clinic, **chosen, lenient=request.method == "POST")
    form.set_choices(offer.people, offer.services, clinic.currency)
    return offer


def _near_times(
    clinic: ClinicView, offer: queries.Choices, wanted: datetime | None, form: forms.BookingForm
) -> tuple[queries.Choices, queries.NearTimes]:
    found, near = queries.near_times(clinic, offer, wanted, patient_id=form.patient_id.data, now=cycle.now())
    form.disable_services(near.fitting, found.service.id)
    return found, near


def _booking(
    clinic: ClinicView,
    form: forms.BookingForm,
    offer: queries.Choices,
    near: queries.NearTimes,
) -> Response:
    patient = _patient(form)
    return fragments.dialog(
        "scheduling/_booking_form.html",
        title=_("Reservar"),
        parts={"booking-what": "scheduling/_booking_what.html"},
        form=form.with_submission_id(),
        form_id="booking",
        patient={"id": patient["id"], "label": patient_rules.label(patient)} if patient else None,
        offer=offer,
        near=near,
        clinic_view=clinic,
        today=clock.local_day(cycle.now(), clinic.timezone),
        asks_override=_asks_override(form),
        may_block=can(cycle.actor(), permissions.BLOCK_HOURS, clinic.id),
    )


def _patient(form: forms.BookingForm) -> dict[str, Any] | None:
    """The chosen person; None while nobody is, and when they went away meanwhile."""
    if not form.patient_id.data:
        return None
    try:
        return patients.get(form.patient_id.data, actor=cycle.actor())
    except NotFound:
        if request.method == "GET":
            raise
        form.patient_id.data = None
        return None


def _fill(form: forms.BookingForm, offer: queries.Choices, times: list[Slot], clinic: ClinicView) -> None:
    """Preselect defaults for missing values: the suggested service, the next free time."""
    form.therapist_id.data, form.service_id.data = offer.therapist.id, offer.service.id
    if times and ("starts_at" not in request.args):
        form.starts_at.data = clock.local(times[0].starts_at, clinic.timezone).strftime(LOCAL)


def _asks_override(form: forms.BookingForm | forms.MoveForm) -> bool:
    """Whether the form asks for a reason to book outside of the hours all the same."""
    may_override = isinstance(form.refusal, OutsideSchedule) and can_anywhere(cycle.actor(), permissions.OVERRIDE)
    return may_override or bool(form.override_reason.data)


@pages.get("/appointments/<int:appointment_id>/schedule", requires=permissions.BOOK)
def schedule(appointment_id: int, form: forms.MoveForm | None = None) -> Response:
    visit = _visit(appointment_id)
    clinic = clinics.clinic(visit.clinic_id)
    people = _people(visit)
    form = form or forms.MoveForm(
        formdata=None,
        therapist_id=visit.therapist_id,
        starts_at=clock.local(visit.starts_at, visit.timezone).strftime(LOCAL),
    )
    form.set_choices(people)
    form.version.data = visit.version  # optimistic lock on the version shown
    return fragments.dialog(
        "scheduling/_booking_schedule.html",
        title=_("Reservar") if visit.status in rules.REQUESTS else _("Reprogramar"),
        visit=visit,
        form=form.with_submission_id(),
        groups=queries.times_to_move(clinic, visit, people, now=cycle.now()),
        today=clock.local_day(cycle.now(), clinic.timezone),
        asks_override=_asks_override(form),
    )


def _make_move_form(appointment_id: int) -> forms.MoveForm:
    visit, form = _visit(appointment_id), forms.MoveForm.read(request.form)
    form.set_choices(_people(visit))
    return form


def _people(visit: VisitDetails) -> list[TherapistView]:
    """To whom this person may give the visit: therapists keep theirs, the desk knows all."""
    people = clinics.therapists_of(visit.clinic_id, service_id=visit.service_id)
    return [person for person in people if appointments.may_change(visit.clinic_id, person.id, cycle.actor())]


@pages.post(
    "/appointments/<int:appointment_id>/schedule",
    requires=permissions.BOOK,
    form=_make_move_form,
    retry=schedule,
)
def move(appointment_id: int, form: forms.MoveForm) -> Response:
    visit = _visit(appointment_id)
    asked = form.to_request(form.starts_at.instant(visit.timezone))
    actions.move_appointment(appointment_id, asked, actor=cycle.actor(), now=cycle.now())
    was_request = visit.status in rules.REQUESTS
    words = N_("Reservada: %(when)s · %(name)s") if was_request else N_("Reprogramada: %(when)s · %(name)s")
    return changed(appointment_id, words, takes_focus=True)


def _visit(appointment_id: int) -> VisitDetails:
    """The visit with the right to change it. Raises NotFound, Forbidden."""
    visit = appointments.get(appointment_id, actor=cycle.actor())
    require(cycle.actor(), permissions.BOOK, visit.clinic_id)
    return visit
