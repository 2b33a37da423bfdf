"""The front desk: the day's board, walk-ins, the next visit of who just paid, the end of the day.

The steps themselves (arrival, session, cancellation) are posted to the nouns of scheduling,
collecting to billing's; the board fetches itself when they have changed something.
"""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.billing import permissions as billing
from app.clinics import queries as clinics
from app.clinics.queries import ClinicView
from app.frontdesk import forms
from app.frontdesk import queries as desk
from app.http import cycle, fragments, screens
from app.http.html import PageBlueprint
from app.http.templating import day_words, local_time
from app.kernel import clock
from app.kernel.access import can, require
from app.kernel.errors import RuleBroken
from app.kernel.i18n import N_
from app.patients import queries as patients
from app.patients import rules as patient_rules
from app.scheduling import permissions, rules
from app.scheduling.actions import booking
from app.scheduling.queries import appointments
from app.scheduling.queries.appointments import VisitDetails
from app.scheduling.rules.booking import WALK_IN, BookingRequest

pages = PageBlueprint("desk", __name__)


class NoTherapistAvailable(RuleBroken):
    message = N_("Hoy nadie tiene una hora libre en su horario. Elija con quién o reserve otro día.")


@pages.get("/front-desk", requires=permissions.RECEIVE)
def front_desk() -> Response:
    """The board or the list of a day; the fragment ``#desk`` is fetched by live refreshes."""
    clinic, filters, today = _read_filters()
    actor = cycle.actor()
    return fragments.page(
        "frontdesk/board.html",
        parts={"desk": "frontdesk/_board.html"},
        board=desk.board(
            clinic,
            filters.day,
            therapist_id=filters.therapist_id,
            actor=actor,
            now=cycle.now(),
        ),
        filters=filters,
        today=today,
        yesterday=filters.day - timedelta(days=1),
        tomorrow=filters.day + timedelta(days=1),
        therapists=partial(clinics.therapists_of, clinic.id),  # called by the whole page only, not by its refreshes
        till=_till(clinic.id),
        labels=_labels(),
        visit_links=screens.slots_of(screens.VISIT_MENU, cycle.actor()),
    )


@pages.get("/front-desk/closing", requires=permissions.RECEIVE)
def closing() -> Response:
    """The open tasks of the day before the till is closed."""
    clinic, filters, today = _read_filters()
    return fragments.page(
        "frontdesk/closing.html",
        parts={"closing": "frontdesk/_closing.html"},
        closing=desk.closing(clinic, filters.day, actor=cycle.actor(), now=cycle.now()),
        filters=filters,
        today=today,
        till=_till(clinic.id),
        labels=_labels(),
        visit_links=screens.slots_of(screens.VISIT_MENU, cycle.actor()),
    )


def _labels() -> dict[str, str]:
    """The labels of the states, translated once instead of per card."""
    return {code: _(label) for code, label in rules.LABELS.items()}


def _clinic() -> ClinicView:
    return clinics.clinic(cycle.clinic_id(permissions.RECEIVE))


def _read_filters() -> tuple[ClinicView, forms.Filters, date]:
    clinic = _clinic()
    today = clock.local_day(cycle.now(), clinic.timezone)
    return clinic, forms.Filters.read(request.args, clinic_id=clinic.id, today=today), today


def _till(clinic_id: int) -> dict[str, Any] | None:
    """The till for the day's strip; None without the permission to operate it."""
    if not can(cycle.actor(), billing.OPERATE_TILL, clinic_id):
        return None
    return {"code": desk.till_code(clinic_id, actor=cycle.actor())}


# ------------------------------------------------------------------ walk-ins


@pages.get("/walk-ins/new", requires=permissions.RECEIVE)
def new_walk_in() -> Response:
    return _walk_in(forms.WalkInForm(request.args, meta={"csrf": False}), _clinic())


def _make_walk_in_form() -> forms.WalkInForm:
    form = forms.WalkInForm()
    form.service_id.choices = _services(_clinic())
    return form


def _retry_walk_in(*, form: forms.WalkInForm) -> Response:
    return _walk_in(form, _clinic())


@pages.post("/walk-ins", requires=permissions.RECEIVE, form=_make_walk_in_form, retry=_retry_walk_in)
def receive_walk_in(form: forms.WalkInForm) -> Response:
    """Book from now (or from the next free time today) and straight to the waiting room."""
    clinic = _clinic()
    booked = _book_walk_in(form, clinic)
    visit = appointments.heading(booked.id)
    toast = _(
        "En sala: %(name)s. Con %(therapist)s a las %(hour)s.",
        name=visit.patient_name,
        therapist=visit.therapist_name,
        hour=local_time(visit.starts_at, visit.timezone),
    )
    return _done(toast, booked.id, clinic.id, "dialog:close")


def _done(toast: str, appointment_id: int, clinic_id: int, close: str) -> Response:
    """Close the form. Nothing is swapped, as the board is refreshed by its live channel."""
    card = f"visit-{appointment_id}"
    response = fragments.fragment_response(redirect_url=f"/front-desk?clinic_id={clinic_id}", toast=toast, about=card)
    fragments.trigger(response, close)
    fragments.focus(response, card)
    response.headers["HX-Reswap"] = "none"
    return response


def _book_walk_in(form: forms.WalkInForm, clinic: ClinicView) -> booking.Booked:
    now = cycle.now()
    therapist_id, starts_at, minutes = form.chosen() or _first_option(form.service_id.data, clinic, now)
    booking_request = BookingRequest(
        clinic_id=clinic.id,
        therapist_id=therapist_id,
        patient_id=form.patient_id.data or 0,
        service_id=form.service_id.data,
        starts_at=starts_at,
        duration_minutes=minutes,
        override_reason=WALK_IN,
        is_here=True,
    )
    return booking.book_appointment(booking_request, actor=cycle.actor(), now=now)


def _first_option(service_id: int, clinic: ClinicView, now: datetime) -> tuple[int, datetime, int | None]:
    """The first available option within working hours. Raises NoTherapistAvailable."""
    for option in desk.walk_in_options(clinic, clinics.service(service_id), now=now):
        if option.starts_at and option.is_regular:
            return option.therapist_id, option.starts_at, None
    raise NoTherapistAvailable


def _services(clinic: ClinicView) -> list[SelectChoice]:
    return [
        SelectChoice(s.id, _("%(name)s, %(minutes)s min", name=s.name, minutes=s.duration_minutes))
        for s in clinics.services_of(clinic.id)
    ]


def _walk_in(form: forms.WalkInForm, clinic: ClinicView) -> Response:
    form.service_id.choices = _services(clinic)
    service_ids = [choice.value for choice in form.service_id.choices]
    if form.service_id.data not in service_ids:
        form.service_id.data = next(iter(service_ids), None)
    service = clinics.service(form.service_id.data) if form.service_id.data else None
    return fragments.page(
        "frontdesk/walk_in.html",
        parts={"dialog-body": "frontdesk/_walk_in.html", "walk-in-places": "frontdesk/_places.html"},
        form=form.with_submission_id(),
        form_id="walk-in",
        patient=_picked(form.patient_id.data),
        clinic_id=clinic.id,
        zone=clinic.timezone,
        walk_in_options=desk.walk_in_options(clinic, service, now=cycle.now()) if service else [],
    )


def _picked(patient_id: int | None) -> dict[str, Any] | None:
    """The chosen person for the picker."""
    person = patients.get(patient_id, actor=cycle.actor()) if patient_id else None
    return {"id": person["id"], "label": patient_rules.label(person)} if person else None


# ------------------------------------------------------------------ the next visit


@pages.get("/appointments/<int:appointment_id>/next", requires=permissions.RECEIVE)
def next_visit(appointment_id: int) -> Response:
    return _next(appointments.get(appointment_id, actor=cycle.actor()), forms.NextVisitForm(formdata=None))


def _retry_next(*, form: forms.NextVisitForm, appointment_id: int) -> Response:
    return _next(appointments.get(appointment_id, actor=cycle.actor()), form)


@pages.post(
    "/appointments/<int:appointment_id>/next",
    requires=permissions.RECEIVE,
    form=forms.NextVisitForm,
    retry=_retry_next,
)
def book_next_visit(appointment_id: int, form: forms.NextVisitForm) -> Response:
    visit = appointments.get(appointment_id, actor=cycle.actor())
    booked = _book_next(visit, form.instant())
    zone = visit.timezone
    day, today = clock.local_day(booked.starts_at, zone), clock.local_day(cycle.now(), zone)
    toast = _(
        "Reservada: %(name)s, %(day)s %(hour)s con %(therapist)s.",
        name=visit.patient_name,
        day=day_words(day, today),
        hour=local_time(booked.starts_at, zone),
        therapist=visit.therapist_name,
    )
    return _done(toast, booked.id, visit.clinic_id, "panel:close")


def _book_next(visit: VisitDetails, starts_at: datetime) -> booking.Booked:
    booking_request = BookingRequest(
        clinic_id=visit.clinic_id,
        therapist_id=visit.therapist_id,
        patient_id=visit.patient_id,
        service_id=visit.service_id,
        starts_at=starts_at,
    )
    return booking.book_appointment(booking_request, actor=cycle.actor(), now=cycle.now())


def _next(visit: VisitDetails, form: forms.NextVisitForm) -> Response:
    require(cycle.actor(), permissions.BOOK, visit.clinic_id)
    clinic = clinics.clinic(visit.clinic_id)
    service = clinics.service(visit.service_id)
    return fragments.page(
        "frontdesk/next.html",
        parts={"panel": "frontdesk/_next.html"},
        form=form.with_submission_id(),
        visit=visit,
        proposals=desk.proposals(visit, clinic, minutes=service.duration_minutes, now=cycle.now()),
        zone=clinic.timezone,
        today=clock.local_day(cycle.now(), clinic.timezone),
    )


BLUEPRINTS = (pages,)
