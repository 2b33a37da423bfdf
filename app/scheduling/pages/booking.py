"""Booking a visit and moving it to another time, in a dialog or as pages of their own."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.clinics import queries as clinics
from app.clinics.queries import ClinicFacts
from app.http import cycle, error_responses, fragments
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.access import can_anywhere, require
from app.kernel.db import db
from app.kernel.errors import Conflict, DomainError, RuleBroken
from app.kernel.i18n import N_
from app.patients import queries as patients
from app.patients import rules as patient_rules
from app.scheduling import permissions, rules
from app.scheduling.actions import appointments
from app.scheduling.forms import booking as forms
from app.scheduling.pages.visits import changed
from app.scheduling.queries import appointments as reads
from app.scheduling.queries import booking as queries

pages = PageBlueprint("booking", __name__)

LOCAL = "%Y-%m-%dT%H:%M"  # as a datetime-local input writes it


@pages.get("/appointments/new", requires=permissions.BOOK)
def new() -> Response:
    """The form for what the address says; its part ``#booking-what`` for every choice made in it."""
    clinic = _clinic()
    wanted = _wanted(clinic)
    form = forms.BookingForm(
        formdata=None,
        patient_id=request.args.get("patient_id", type=int),
        therapist_id=request.args.get("therapist_id", type=int),
        service_id=request.args.get("service_id", type=int),
        starts_at=clock.local(wanted, clinic.timezone).strftime(LOCAL) if wanted else "",
    )
    return _booking(clinic, form, wanted)


@pages.post("/appointments", requires=permissions.BOOK)
def create() -> Response:
    clinic, form = _clinic(), forms.BookingForm()
    wanted = _typed(form, clinic)
    offer = _offer(clinic, form, wanted)
    if not form.validate() or wanted is None:
        return _booking(clinic, form, wanted, offer=offer, status=422)
    try:
        booked = appointments.book_appointment(
            clinic_id=clinic.id,
            therapist_id=form.therapist_id.data,
            patient_id=form.patient_id.data,
            service_id=form.service_id.data,
            starts_at=wanted,
            reason=form.reason.data or "",
            override_reason=form.override_reason.data or "",
            actor=cycle.actor(),
            now=cycle.now(),
        )
    except (Conflict, RuleBroken) as error:
        return _booking(clinic, form, wanted, **_refused(form, error))
    return changed(booked.id, N_("Reservada: %(when)s · %(name)s"))


def _clinic() -> ClinicFacts:
    return clinics.clinic(cycle.clinic_id(permissions.BOOK))


def _wanted(clinic: ClinicFacts) -> datetime | None:
    """The time of the address: an instant, a wall clock, or a day (its opening); None for none of them."""
    asked = request.args
    try:
        if asked.get("starts_at"):
            return clock.parse_instant(asked["starts_at"], clinic.timezone)
        return clock.at(date.fromisoformat(asked["day"]), clinic.opens_minute, clinic.timezone)
    except (KeyError, ValueError):
        return None


def _typed(form: Any, clinic: ClinicFacts) -> datetime | None:
    try:
        return form.starts_at.instant(clinic.timezone)
    except ValueError:
        return None


def _offer(clinic: ClinicFacts, form: forms.BookingForm, wanted: datetime | None) -> queries.Choices:
    """What may be chosen beside what is chosen already. Raises NotFound for what is of somewhere else."""
    offer = queries.choices(
        clinic,
        therapist_id=form.therapist_id.data,
        service_id=form.service_id.data,
        wanted=wanted or cycle.now(),
        now=cycle.now(),
    )
    form.offer(offer.people, offer.services, clinic.currency)
    return offer


def _booking(
    clinic: ClinicFacts,
    form: forms.BookingForm,
    wanted: datetime | None,
    *,
    offer: queries.Choices | None = None,
    status: int = 200,
    asks_override: bool = False,
) -> Response:
    offer = offer or _offer(clinic, form, wanted)
    if status == 200:
        _fill(form, offer, clinic)
    patient = patients.get(form.patient_id.data, actor=cycle.actor()) if form.patient_id.data else None
    return fragments.dialog(
        "scheduling/_booking_form.html",
        title=_("Reservar"),
        parts={"booking-what": "scheduling/_booking_what.html"},
        status=status,
        form=form.with_submission_id(),
        form_id="booking",
        patient={"id": patient["id"], "label": patient_rules.label(patient)} if patient else None,
        offer=offer,
        clinic_facts=clinic,
        today=clock.local_day(cycle.now(), clinic.timezone),
        asks_override=asks_override or bool(form.override_reason.data),
    )


def _fill(form: forms.BookingForm, offer: queries.Choices, clinic: ClinicFacts) -> None:
    """Show the choices that stand in for what was not said: the first service, the next free time."""
    form.therapist_id.data, form.service_id.data = offer.therapist.id, offer.service.id
    if offer.times and ("starts_at" not in request.args):
        form.starts_at.data = clock.local(offer.times[0].starts_at, clinic.timezone).strftime(LOCAL)


def _refused(form: Any, error: DomainError) -> dict[str, Any]:
    """The refusal as a message of the form, and how to show it. Nothing was written."""
    db.session.rollback()  # the guards of the database may have spoken: the form is read anew
    form.form_errors.append(error_responses.sentence(error))
    is_outside = isinstance(error, rules.OutsideSchedule) and can_anywhere(cycle.actor(), permissions.OVERRIDE)
    return {"status": 409 if isinstance(error, Conflict) else 422, "asks_override": is_outside}


@pages.get("/appointments/<int:appointment_id>/schedule", requires=permissions.BOOK)
def schedule(appointment_id: int) -> Response:
    visit = _visit(appointment_id)
    form = forms.MoveForm(
        formdata=None,
        therapist_id=visit["therapist_id"],
        starts_at=clock.local(visit["starts_at"], visit["timezone"]).strftime(LOCAL),
    )
    return _moving(visit, form)


@pages.post("/appointments/<int:appointment_id>/schedule", requires=permissions.BOOK)
def move(appointment_id: int) -> Response:
    visit, form = _visit(appointment_id), forms.MoveForm.read(request.form)
    clinic = clinics.clinic(visit["clinic_id"])
    wanted = _typed(form, clinic)
    form.offer(clinics.therapists_of(clinic.id, service_id=visit["service_id"]))
    if not form.validate() or wanted is None:
        return _moving(visit, form, status=422)
    try:
        appointments.move_appointment(
            appointment_id,
            starts_at=wanted,
            therapist_id=form.therapist_id.data,
            version=form.version.data,
            override_reason=form.override_reason.data or "",
            actor=cycle.actor(),
            now=cycle.now(),
        )
    except (Conflict, RuleBroken) as error:
        refused = _refused(form, error)
        return _moving(_visit(appointment_id), form, **refused)
    return changed(appointment_id, N_("Reprogramada: %(when)s · %(name)s"))


def _visit(appointment_id: int) -> Mapping[str, Any]:
    """The visit with the right to change it. Raises NotFound, Forbidden."""
    visit = reads.get(appointment_id, actor=cycle.actor())
    require(cycle.actor(), permissions.BOOK, visit["clinic_id"])
    return visit


def _moving(
    visit: Mapping[str, Any], form: forms.MoveForm, *, status: int = 200, asks_override: bool = False
) -> Response:
    clinic = clinics.clinic(visit["clinic_id"])
    people = clinics.therapists_of(clinic.id, service_id=visit["service_id"])
    form.offer(people)
    form.version.data = visit["version"]  # what is shown is what will be moved
    return fragments.dialog(
        "scheduling/_booking_schedule.html",
        title=_("Reprogramar"),
        status=status,
        visit=visit,
        form=form.with_submission_id(),
        groups=queries.times_to_move(clinic, visit, people, now=cycle.now()),
        today=clock.local_day(cycle.now(), clinic.timezone),
        asks_override=asks_override or bool(form.override_reason.data),
    )
