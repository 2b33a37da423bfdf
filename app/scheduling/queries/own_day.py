"""A therapist's own day over all clinics."""

from dataclasses import dataclass
from datetime import date

from app.billing.queries import tickets
from app.clinics.models import Service
from app.clinics.profiles import therapist_id_of
from app.kernel import clock
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import db
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment
from app.scheduling.queries import day as day_queries
from app.scheduling.queries import visit_rows
from app.scheduling.queries.visit_rows import select_visits, visit_row
from app.tenancy.models import Clinic

PREVIOUS = 3


@dataclass(frozen=True, slots=True)
class PreviousVisit:
    """An earlier visit of the patient who is with the therapist, or is next."""

    id: int
    day: date
    service_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class OwnDay:
    """A therapist's day over all clinics; ``current`` is in session, ``following`` is the one to call next.

    ``previous`` are the last attended visits of that patient with this therapist.
    """

    visits: list[day_queries.Visit]
    current: day_queries.Visit | None
    following: day_queries.Visit | None
    previous: list[PreviousVisit]
    topics: str


def of_therapist(day: date, *, zone: str, actor: Actor) -> OwnDay:
    """The visits of the actor as a therapist on a local day. Three queries. Raises Forbidden."""
    require_anywhere(actor, permissions.READ_ASSIGNED)
    start, end = clock.day_bounds(day, zone)
    rows = db.session.execute(
        select_visits(*visit_rows.FULL)
        .where(
            Appointment.therapist_id == therapist_id_of(actor),
            Appointment.starts_at >= start,
            Appointment.starts_at < end,
            Appointment.status.not_in(("cancelled", "entered-in-error")),
        )
        .order_by(Appointment.starts_at)
    ).all()
    states = tickets.of_appointments([row.id for row in rows])
    visits = [day_queries.visit_of(visit_row(row), states.get(row.id), row.timezone) for row in rows]
    waiting = [v for v in visits if v.row.status in {"arrived", "checked-in"}]
    expected = [v for v in visits if v.row.status in rules.EXPECTED]
    current = next((v for v in visits if v.state == "in-session"), None)
    following = next(iter([*waiting, *expected]), None)
    head = current or following
    return OwnDay(
        visits=visits,
        current=current,
        following=following,
        previous=_previous(head) if head else [],
        topics=" ".join(
            f"agenda:{clinic}:{day.isoformat()}" for clinic in sorted(actor.clinics_with(permissions.READ))
        ),
    )


def _previous(visit: day_queries.Visit) -> list[PreviousVisit]:
    rows = db.session.execute(
        select_visits(Appointment.id, Appointment.starts_at, Clinic.timezone, Service.name, Appointment.reason)
        .where(
            Appointment.patient_id == visit.row.patient_id,
            Appointment.therapist_id == visit.row.therapist_id,
            Appointment.status == "fulfilled",
            Appointment.starts_at < visit.row.starts_at,
        )
        .order_by(Appointment.starts_at.desc())
        .limit(PREVIOUS)
    )
    return [PreviousVisit(r.id, clock.local_day(r.starts_at, r.timezone), r.name, r.reason) for r in rows]
