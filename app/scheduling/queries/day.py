"""A clinic's day: its visits, ready for the agenda, the front desk and the JSON list. Two queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam

from app.billing.queries import tickets
from app.clinics.queries import ClinicView
from app.kernel import clock
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.patients import queries as patients
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments, sight, visit_rows
from app.scheduling.queries.visit_rows import VisitRow, select_visits, visit_row


@dataclass(frozen=True, slots=True)
class Visit:
    """A row of the day: ``row`` are the columns of ``visit_rows.FULL``; times as the clinic's wall clock."""

    row: VisitRow
    state: str
    label: str
    starts: str
    ends: str
    start_minute: int
    minutes: int
    ticket: tickets.TicketState | None

    @property
    def owed_cents(self) -> int:
        """What is still to be paid for an attended or present visit; 0 when nothing is."""
        return self.ticket.owed_cents if self.ticket else 0


# Built once: on the hot path building a statement costs more than running it.
_WHOLE_DAY = (
    select_visits(*visit_rows.FULL)
    .where(
        Appointment.clinic_id == bindparam("clinic_id"),
        Appointment.starts_at >= bindparam("start"),
        Appointment.starts_at < bindparam("end"),
    )
    .order_by(Appointment.starts_at, Appointment.id)
)
_DAY = _WHOLE_DAY.where(Appointment.status.not_in(rules.EXCLUDED))


def visits_of_day(
    clinic: ClinicView, day: date, *, actor: Actor, therapist_id: int | None = None, with_hidden: bool = False
) -> list[Visit]:
    """The visits that start on a local day of the clinic and that the actor sees whole, by time. Raises Forbidden."""
    seen = sight.of_actor(actor)
    rows = _rows(clinic, day, actor=actor, therapist_id=therapist_id, with_hidden=with_hidden)
    found = [row for row in rows if seen.is_whole(row)]
    states = tickets.of_appointments([row.id for row in found])
    return [visit_of(row, states.get(row.id), clinic.timezone) for row in found]


def find_in_day(clinic: ClinicView, day: date, text: str, *, actor: Actor, limit: int) -> list[VisitRow]:
    """The visits of a day whose patient a search finds and which the actor sees whole, by time. One query.
    Raises Forbidden."""
    require(actor, permissions.READ, clinic.id)
    start, end = clock.day_bounds(day, clinic.timezone)
    query = _DAY.where(patients.matches(text), sight.whole(actor)).limit(limit)
    found = db.session.execute(query, {"clinic_id": clinic.id, "start": start, "end": end})
    return [visit_row(row) for row in found]


def _rows(
    clinic: ClinicView, day: date, *, actor: Actor, therapist_id: int | None, with_hidden: bool = False
) -> list[VisitRow]:
    require(actor, permissions.READ, clinic.id)
    start, end = clock.day_bounds(day, clinic.timezone)
    query = _WHOLE_DAY if with_hidden else _DAY
    if therapist_id is not None:
        query = query.where(Appointment.therapist_id == therapist_id)
    found = db.session.execute(query, {"clinic_id": clinic.id, "start": start, "end": end})
    return [visit_row(row) for row in found]


def day_json(clinic: ClinicView, day: date, *, actor: Actor, therapist_id: int | None = None) -> list[dict[str, Any]]:
    """The visits of a clinic's day as the API shows them; of those of others the times that are taken. Raises
    Forbidden."""
    seen = sight.of_actor(actor)
    rows = _rows(clinic, day, actor=actor, therapist_id=therapist_id)
    return appointments.list_json([row for row in rows if seen.is_whole(row) or sight.takes_time(row.status)], seen)


def visit_of(row: VisitRow, ticket: tickets.TicketState | None, zone: str) -> Visit:
    starts, ends = clock.local(row.starts_at, zone), clock.local(row.ends_at, zone)
    state = rules.label_of(row.status, row.confirmation, row.encounter_status)
    return Visit(
        row=row,
        state=state,
        label=rules.LABELS[state],
        starts=f"{starts.hour:02d}:{starts.minute:02d}",
        ends=f"{ends.hour:02d}:{ends.minute:02d}",
        start_minute=starts.hour * 60 + starts.minute,
        minutes=int((row.ends_at - row.starts_at).total_seconds() // 60),
        ticket=ticket,
    )


def counts(visits: list[Visit]) -> Mapping[str, int]:
    """How many visits are in each state, for the counters."""
    found: dict[str, int] = {}
    for visit in visits:
        found[visit.state] = found.get(visit.state, 0) + 1
    return found


def minutes_since(instant: datetime, now: datetime) -> int:
    """Whole minutes, never negative."""
    return max(0, int((now - instant).total_seconds() // 60))
