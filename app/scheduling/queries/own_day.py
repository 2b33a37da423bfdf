"""A therapist's own day over all clinics."""

from dataclasses import dataclass
from datetime import date

from app.billing.queries import tickets
from app.clinics.profiles import therapist_id_of
from app.kernel import clock
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import db
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment
from app.scheduling.queries import day as day_queries
from app.scheduling.queries import visit_rows
from app.scheduling.queries.visit_rows import select_visits, visit_row


@dataclass(frozen=True, slots=True)
class OwnDay:
    """A therapist's day over all clinics; ``current`` is in session, ``following`` is the one to call next."""

    visits: list[day_queries.Visit]
    current: day_queries.Visit | None
    following: day_queries.Visit | None
    topics: str


def of_therapist(day: date, *, zone: str, actor: Actor) -> OwnDay:
    """The visits of the actor as a therapist on a local day. Two queries. Raises Forbidden."""
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
    clinics = sorted(actor.clinics_with(permissions.READ))
    return OwnDay(
        visits=visits,
        current=next((v for v in visits if v.state == "in-session"), None),
        following=next(iter([*waiting, *expected]), None),
        topics=" ".join(f"agenda:{clinic}:{day.isoformat()}" for clinic in clinics),
    )
