"""``/api/appointments``: visits and their states. Old names are accepted at this edge (D7-D10)."""

import datetime as dt
from typing import Annotated, Any

from flask import Response, request
from pydantic import AliasChoices, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.clinics import queries as clinics
from app.clinics.profiles import therapist_id_of
from app.http import cycle
from app.http.json import ApiBlueprint, to_response
from app.http.resources import Body, Id, ListQuery, Page, Period, Query, listing, one_of
from app.kernel import clock
from app.kernel.access import Actor, can
from app.kernel.errors import DomainError, Invalid, NotFound
from app.kernel.i18n import N_
from app.patients.profiles import patient_id_of
from app.scheduling import permissions, rules
from app.scheduling.actions import appointments, booking, transitions
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments as appointment_queries
from app.scheduling.queries import bookable, sight, slots, visit_rows
from app.scheduling.queries import day as day_queries
from app.scheduling.queries.bookable import Asked
from app.scheduling.queries.visit_rows import select_visits, visit_row
from app.scheduling.resources import AppointmentResource, DayResource
from app.scheduling.rules.booking import WALK_IN, BookingRequest, MoveRequest
from app.tenancy import queries as tenancy

api = ApiBlueprint("appointments", __name__)

READERS = (permissions.READ, permissions.READ_ASSIGNED, permissions.READ_OWN)
BOOKERS = (permissions.BOOK, permissions.BOOK_OWN)


STATUSES = (*map(str, rules.Status), *rules.ALIASES)


class AgendaQuery(ListQuery, Period):
    """The visits of one therapist."""

    patient_id: Id | None = None
    clinic_id: Id | None = None
    status: Annotated[str, one_of(*STATUSES)] | None = None
    date: str | None = None


class AppointmentQuery(AgendaQuery):
    doctor: str | None = None
    therapist_id: Id | None = None


class DayQuery(Query):
    date: str | None = None
    clinic_id: Id | None = None
    therapist_id: Id | None = None


class NewAppointment(Body):
    patient_id: Id | None = Field(None, validation_alias=AliasChoices("patient_id", "patient"))
    therapist_id: Id = Field(validation_alias=AliasChoices("therapist_id", "doctor"))
    service_id: Id | None = None
    clinic_id: Id | None = None
    status: Annotated[str, one_of("booked", "arrived", *rules.REQUESTS)] = "booked"
    starts_at: str | None = Field(
        None, validation_alias=AliasChoices("starts_at", "datetime", "date_time"), validate_default=True
    )
    duration: int | None = None
    reason: str = Field("", max_length=200)
    notes: str = Field("", max_length=2000)
    override_reason: str = Field("", max_length=200)

    @field_validator("starts_at")
    @classmethod
    def check_start(cls, starts_at: str | None, info: ValidationInfo) -> str | None:
        """Only who is here needs no time: the visit begins now."""
        if starts_at is None and info.data.get("status") != rules.Status.ARRIVED:
            raise PydanticCustomError("missing", "")
        return starts_at


class ChangedAppointment(Body):
    starts_at: str | None = Field(None, validation_alias=AliasChoices("starts_at", "datetime", "date_time"))
    therapist_id: Id | None = Field(None, validation_alias=AliasChoices("therapist_id", "doctor"))
    duration: int | None = None
    status: str | None = None
    reason: str | None = Field(None, max_length=200)
    notes: str | None = Field(None, max_length=2000)
    version: int | None = None
    override_reason: str = Field("", max_length=200)
    money: str = Field("", max_length=10)


class NewStatus(Body):
    status: str
    reason: str = Field("", max_length=200)
    money: str = Field("", max_length=10)


class Cancellation(Body):
    reason: str = Field("", max_length=200)
    money: str = Field("", max_length=10)


@api.get("/api/appointments/", requires=READERS, query=AppointmentQuery, answers=Page[AppointmentResource])
def index(query: AppointmentQuery) -> dict[str, Any]:
    """Visits that the actor may see; ``doctor=current&date=today`` is the therapist's day. Of the visits of other
    therapists a therapist gets the time (``busy``), unless the list is filtered by what is not theirs to know."""
    return _listed(query)


def _listed(query: AppointmentQuery) -> dict[str, Any]:
    actor = cycle.actor()
    if query.patient_id is not None:
        cycle.note_reading("appointment", patient_id=query.patient_id, action="searched")
    seen = sight.of_actor(actor)
    visible = sight.whole(actor)
    if seen.agendas and query.patient_id is None and query.status is None:
        visible = visible | sight.taken(seen.agendas)
    statement = select_visits(*visit_rows.FULL).where(visible, *_filters(query, actor, cycle.now()))
    orderings = {"starts_at": Appointment.starts_at, "created_at": Appointment.created_at, "id": Appointment.id}
    page = listing(statement, query, to_json=visit_row, orderings=orderings, default_ordering="starts_at")
    page["results"] = [_for_actor(shown) for shown in appointment_queries.list_json(page["results"], seen)]
    return page


def _for_actor(shown: dict[str, Any]) -> dict[str, Any]:
    """A visit as JSON; the desk's notes are for those who work in the clinic."""
    if shown["clinic"]["id"] not in cycle.actor().grants:
        del shown["notes"]
    return shown


def _filters(query: AppointmentQuery, actor: Actor, now: dt.datetime) -> list[Any]:
    zone = _zone(query.clinic_id, actor)
    conditions: list[Any] = []
    therapist = therapist_id_of(actor) if query.doctor == "current" else _therapist_asked(query)
    if query.doctor == "current" or therapist is not None:
        conditions.append(Appointment.therapist_id == therapist)
    if query.patient_id is not None:
        conditions.append(Appointment.patient_id == query.patient_id)
    if query.clinic_id is not None:
        conditions.append(Appointment.clinic_id == query.clinic_id)
    if query.status is not None:
        conditions.append(Appointment.status == rules.ALIASES.get(query.status, query.status))
    first, last = _days(query, clock.local_day(now, zone))
    if first is not None:
        conditions.append(Appointment.starts_at >= clock.day_bounds(first, zone)[0])
    if last is not None:
        conditions.append(Appointment.starts_at < clock.day_bounds(last, zone)[1])
    return conditions


def _days(query: AppointmentQuery, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
    if query.date is None:
        return query.date_from, query.date_to
    day = _day(query.date, today)
    return day, day


def _day(text: str, today: dt.date) -> dt.date:
    """A day of the address; ``today`` is one. Raises Invalid."""
    try:
        return today if text == "today" else clock.parse_day(text)
    except clock.BadDay as error:
        raise Invalid({"date": error.text}) from error


def _therapist_asked(query: AppointmentQuery) -> int | None:
    return _number(query.doctor) if query.therapist_id is None else query.therapist_id


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise Invalid({"doctor": N_("Escriba un número entero.")})
    return int(text)


def _zone(clinic_id: int | None, actor: Actor) -> str:
    """The zone in which days of a question are meant: the clinic's, else that of the actor's first."""
    mine = tenancy.clinic_names(actor)
    chosen = next((c["id"] for c in mine if clinic_id in {None, c["id"]}), None)
    if chosen is None:
        raise NotFound
    return clinics.clinic(chosen).timezone


@api.get(
    "/api/appointments/therapist/<int:therapist_id>/",
    requires=READERS,
    query=AgendaQuery,
    endpoint="of_therapist",
    answers=Page[AppointmentResource],
)
def of_therapist(therapist_id: int, query: AgendaQuery) -> dict[str, Any]:
    """A therapist's agenda over a range."""
    return _listed(AppointmentQuery(**query.model_dump(), therapist_id=therapist_id))


@api.get("/api/appointments/day/", requires=permissions.READ, query=DayQuery, answers=DayResource)
def day(query: DayQuery) -> dict[str, Any]:
    """All visits of a clinic's day in one answer (no pages): what boards and mirrors want. Of the visits of other
    therapists a therapist gets the time (``busy``)."""
    mine = cycle.actor().clinics_with(permissions.READ)
    clinic_id = min(mine) if query.clinic_id is None else query.clinic_id
    if not can(cycle.actor(), permissions.READ, clinic_id):
        raise NotFound
    clinic = clinics.clinic(clinic_id)
    today = clock.local_day(cycle.now(), clinic.timezone)
    wanted = today if query.date is None else _day(query.date, today)
    found = day_queries.day_json(clinic, wanted, actor=cycle.actor(), therapist_id=query.therapist_id)
    return {"date": wanted, "clinic_id": clinic_id, "count": len(found), "results": found}


@api.post("/api/appointments/", requires=BOOKERS, body=NewAppointment, answers=AppointmentResource, status=201)
def create(body: NewAppointment) -> dict[str, Any]:
    """Book a time. A patient may omit ``patient_id``; the therapist's default service stands in for none (D43).

    With ``"status": "arrived"`` the desk receives a walk-in: without ``starts_at`` the visit begins now. ``proposed``
    and ``waitlist`` ask for a time: none is taken until the clinic accepts it."""
    actor = cycle.actor()
    patient_id = patient_id_of(actor) if body.patient_id is None else body.patient_id
    if patient_id is None:
        raise Invalid({"patient_id": N_("Este dato es obligatorio.")})
    [offer] = bookable.bookable(Asked(body.clinic_id, body.therapist_id, body.service_id), actor=actor)
    clinic_id = offer.service.clinic_id
    if slots.books_for_self(clinic_id, actor):
        _refuse_staff_fields(body)
    is_here = body.status == rules.Status.ARRIVED
    request = BookingRequest(
        clinic_id=clinic_id,
        therapist_id=body.therapist_id,
        patient_id=patient_id,
        service_id=offer.service.id,
        starts_at=_start(body, clinic_id),
        duration_minutes=body.duration,
        reason=body.reason,
        notes=body.notes,
        override_reason=body.override_reason or (WALK_IN if is_here else ""),
        is_here=is_here,
    )
    if body.status in rules.REQUESTS:
        return _one(booking.request_appointment(request, rules.Status(body.status), actor=actor, now=cycle.now()))
    booked = booking.book_appointment(request, actor=actor, now=cycle.now())
    return _one(booked.id)


def _refuse_staff_fields(body: NewAppointment) -> None:
    wrong = [name for name in ("notes", "override_reason") if getattr(body, name)]
    if wrong:
        raise Invalid(dict.fromkeys(wrong, N_("Lo escribe solo el personal de la clínica.")))


def _start(body: NewAppointment, clinic_id: int) -> dt.datetime:
    """The time asked for, else now in steps of five minutes. Raises Invalid."""
    return clock.five_minutes(cycle.now()) if body.starts_at is None else _instant(body.starts_at, clinic_id)


def _instant(text: str, clinic_id: int) -> dt.datetime:
    try:
        return clock.parse_instant(text, clinics.clinic(clinic_id).timezone)
    except clock.BadTime as error:
        raise Invalid({"starts_at": error.text}) from error


def _one(appointment_id: int) -> dict[str, Any]:
    visit = appointment_queries.get(appointment_id, actor=cycle.actor())
    return _for_actor(appointment_queries.as_json(visit, visit.ticket))


@api.get("/api/appointments/<int:appointment_id>/", requires=READERS, answers=AppointmentResource)
def show(appointment_id: int) -> Response:
    """One visit. Its ``ETag`` is its version: send it as ``If-Match`` with a change."""
    found = _one(appointment_id)
    clinic_id, patient_id = found["clinic"]["id"], found["patient"]["id"]
    cycle.note_reading("appointment", appointment_id, patient_id=patient_id, clinic_id=clinic_id)
    return _tagged(found)


def _tagged(visit: dict[str, Any]) -> Response:
    response = to_response(visit, 200)
    response.set_etag(str(visit["version"]))
    return response


class VersionDiffers(DomainError):
    status = 412
    code = "STALE_VERSION"
    message = booking.StaleVersion.message


def _check_version(appointment_id: int) -> None:
    """Raises VersionDiffers when the request names another version in ``If-Match``, NotFound out of sight."""
    wanted = request.if_match
    if wanted and not wanted.contains_weak(str(appointment_queries.get(appointment_id, actor=cycle.actor()).version)):
        raise VersionDiffers


@api.put(
    "/api/appointments/<int:appointment_id>/",
    requires=BOOKERS,
    body=ChangedAppointment,
    endpoint="replace",
    answers=AppointmentResource,
)
@api.patch(
    "/api/appointments/<int:appointment_id>/",
    requires=(*BOOKERS, permissions.ATTEND),
    body=ChangedAppointment,
    answers=AppointmentResource,
)
def change(appointment_id: int, body: ChangedAppointment) -> Response:
    """Move the visit, change its state (D9) or its remarks."""
    actor, now = cycle.actor(), cycle.now()
    _check_version(appointment_id)
    visit = appointment_queries.get(appointment_id, actor=actor)
    if body.starts_at is not None or body.therapist_id is not None or body.duration is not None:
        request = MoveRequest(
            starts_at=visit.starts_at if body.starts_at is None else _instant(body.starts_at, visit.clinic_id),
            therapist_id=body.therapist_id,
            duration_minutes=body.duration,
            version=body.version,
            override_reason=body.override_reason,
        )
        booking.move_appointment(appointment_id, request, actor=actor, now=now)
    if body.status is not None:
        transitions.change_status(
            appointment_id, body.status, reason=body.reason or "", money=body.money, actor=actor, now=now
        )
    if body.notes is not None or (body.reason is not None and body.status is None):
        appointments.edit_notes(
            appointment_id, reason=None if body.status else body.reason, notes=body.notes, actor=actor, now=now
        )
    return _tagged(_one(appointment_id))


@api.delete("/api/appointments/<int:appointment_id>/", requires=BOOKERS, body=Cancellation, answers=AppointmentResource)
def cancel(appointment_id: int, body: Cancellation) -> Response:
    """Cancel (D10): the row stays. Without a reason it is the patient's wish or the clinic's."""
    _check_version(appointment_id)
    appointments.cancel_appointment(
        appointment_id, reason=body.reason, money=body.money, actor=cycle.actor(), now=cycle.now()
    )
    return _tagged(_one(appointment_id))


@api.patch(
    "/api/appointments/<int:appointment_id>/status/",
    requires=(*BOOKERS, permissions.ATTEND),
    body=NewStatus,
    endpoint="set_status",
    answers=AppointmentResource,
)
def set_status(appointment_id: int, body: NewStatus) -> Response:
    """Change the state through the one table of transitions; the present state is a no-op."""
    _check_version(appointment_id)
    transitions.change_status(
        appointment_id, body.status, reason=body.reason, money=body.money, actor=cycle.actor(), now=cycle.now()
    )
    return _tagged(_one(appointment_id))
