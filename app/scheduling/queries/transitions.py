"""What the table of transitions decides on, read for one visit: its facts, and who asks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row, select

from app.billing.queries import tickets
from app.clinics import queries as clinics
from app.clinics.models import Settings
from app.clinics.profiles import therapist_id_of
from app.clinics.queries import ClinicView
from app.encounters.rules import EncounterStatus
from app.kernel import clock
from app.kernel.access import Actor, can
from app.kernel.db import db
from app.kernel.errors import DomainError
from app.patients.profiles import patient_id_of
from app.scheduling import permissions
from app.scheduling.models import Appointment, AppointmentEvent
from app.scheduling.queries import booking as booking_queries
from app.scheduling.rules import REQUESTS, Status
from app.scheduling.rules import transitions as rules
from app.scheduling.rules.booking import Attempt, check_free, choose_room
from app.scheduling.rules.transitions import Caller, Change, Facts, Task


class Visit(Protocol):
    """What is read of a visit: a row of the table or of a list."""

    @property
    def status(self) -> str: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def status_since(self) -> datetime: ...


TASKS = {
    permissions.BOOK: Task.BOOK,
    permissions.RECEIVE: Task.RECEIVE,
    permissions.ATTEND: Task.ATTEND,
    permissions.CORRECT: Task.CORRECT,
    permissions.ANY_THERAPIST: Task.ANY_THERAPIST,
}


def _tasks_of(actor: Actor, clinic_id: int) -> frozenset[Task]:
    return frozenset(task for permission, task in TASKS.items() if can(actor, permission, clinic_id))


def caller_of(actor: Actor, clinic: ClinicView, *, therapist_id: int, patient_id: int) -> Caller:
    """The actor as seen from a visit of this therapist and patient."""
    return Caller(
        tasks=_tasks_of(actor, clinic.id),
        is_therapist=therapist_id_of(actor) == therapist_id,
        is_patient=permissions.BOOK_OWN.code in actor.own and patient_id_of(actor) == patient_id,
        is_system=actor.is_system,
        acts_as_desk=clinic.therapists_receive,
    )


def facts_of(visit: Visit, clinic: ClinicView, *, payment: Callable[[], bool], now: datetime) -> Facts:
    """The facts of a visit without a look at its time, for lists."""
    zone = clinic.timezone
    return Facts(
        status=Status(visit.status),
        starts_at=visit.starts_at,
        since=visit.status_since,
        now=now,
        days_ahead=(clock.local_day(visit.starts_at, zone) - clock.local_day(now, zone)).days,
        grace_minutes=clinic.noshow_grace_minutes,
        notice_hours=clinic.change_notice_hours,
        payment=payment,
    )


def situation(visit: Appointment, *, actor: Actor, now: datetime) -> tuple[Facts, Caller]:
    """Everything that the table decides on for one visit and one actor."""
    clinic = clinics.clinic(visit.clinic_id)
    facts = facts_of(visit, clinic, payment=lambda: tickets.has_payments(visit.id), now=now)
    caller = caller_of(actor, clinic, therapist_id=visit.therapist_id, patient_id=visit.patient_id)
    return facts.with_slot(lambda: _slot_problem(visit, clinic, now)), caller


def _slot_problem(visit: Appointment, clinic: ClinicView, now: datetime) -> DomainError | None:
    """What keeps the visit from taking its time (again)."""
    calendar = booking_queries.calendar_of_visit(visit, clinic, now=now)
    attempt = Attempt(
        visit.therapist_id, visit.patient_id, visit.starts_at, visit.ends_at - visit.starts_at, is_self=False
    )
    try:
        if visit.status in REQUESTS:
            choose_room(calendar, attempt, now, override=False)
        else:
            check_free(calendar, attempt, now, room_id=visit.room_id)
    except DomainError as error:
        return error
    return None


def refusal(
    visit: Appointment, *, actor: Actor, now: datetime, error: rules.InvalidTransition | None = None
) -> DomainError:
    """The refusal of something that a visit in this state does not admit, with where it may go instead."""
    facts, caller = situation(visit, actor=actor, now=now)
    return rules.explained(error or rules.InvalidTransition(), facts, caller)


def may_undo(visit: Row[Any], *, actor: Actor, now: datetime) -> bool:
    """Whether this actor can undo what was done last to a visit (``appointments.heading``); its time is still its own.

    One query.
    """
    caller = Caller(
        tasks=_tasks_of(actor, visit.clinic_id),
        is_therapist=therapist_id_of(actor) == visit.therapist_id,
        is_system=actor.is_system,
        acts_as_desk=visit.therapists_receive,
    )
    if visit.encounter_status == EncounterStatus.FINISHED:
        return rules.may_reopen(caller, finished_at=visit.status_since, now=now) is None
    facts = Facts(
        status=Status(visit.status),
        starts_at=visit.starts_at,
        since=visit.status_since,
        now=now,
        days_ahead=0,
        payment=lambda: tickets.has_payments(visit.id),
    )
    return rules.has_way_back(facts, caller)


@dataclass(frozen=True, slots=True)
class Expired:
    """A request that nobody confirmed within the clinic's time."""

    id: int
    organization_id: int
    clinic_id: int


def expired_requests(*, now: datetime) -> list[Expired]:
    """The pending visits whose clinic's time to confirm has passed, or whose hour has come."""
    rows = db.session.execute(
        select(
            Appointment.id,
            Appointment.organization_id,
            Appointment.clinic_id,
            Appointment.status_since,
            Appointment.starts_at,
            Settings.pending_hours,
        )
        .join(Settings, Settings.clinic_id == Appointment.clinic_id)
        .where(Appointment.status == Status.PENDING, Settings.pending_hours > 0)
    )
    return [
        Expired(row.id, row.organization_id, row.clinic_id)
        for row in rows
        if now >= min(row.starts_at, row.status_since + timedelta(hours=row.pending_hours))
    ]


def path_of(appointment_id: int) -> list[Status]:
    """The states that led a visit to its present one, without what was undone."""
    event = AppointmentEvent
    rows = db.session.execute(
        select(event.to_status, event.is_undo)
        .where(
            event.appointment_id == appointment_id, event.from_status.is_(None) | (event.from_status != event.to_status)
        )
        .order_by(event.at, event.id)
    )
    return rules.path_of(Change(Status(row.to_status), row.is_undo) for row in rows)
