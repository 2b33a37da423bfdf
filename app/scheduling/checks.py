"""What must always be true of this package's rows."""

from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.billing.models import Ticket
from app.clinics.models import Room, Service
from app.kernel.db import db
from app.kernel.integrity import Check, CheckContext
from app.notifications.models import Delivery
from app.scheduling.models import OCCUPYING, Appointment, AppointmentEvent


def _overlapping_visits(_context: CheckContext) -> Iterator[str]:
    for name in ("therapist_id", "patient_id", "room_id"):
        yield from _overlaps_of(name, getattr(Appointment, name))


def _overlaps_of(name: str, resource: InstrumentedAttribute[int | None]) -> Iterator[str]:
    """Visits that begin before an earlier one of the same resource has ended: one pass, no self-join."""
    ended = func.max(Appointment.ends_at).over(
        partition_by=resource, order_by=(Appointment.starts_at, Appointment.id), rows=(None, -1)
    )
    taken = (
        select(Appointment.id, resource.label("resource"), Appointment.starts_at, ended.label("ended"))
        .where(Appointment.status.in_(OCCUPYING), resource.is_not(None))
        .subquery()
    )
    for row in db.session.execute(select(taken.c.id, taken.c.resource).where(taken.c.starts_at < taken.c.ended)):
        yield f"appointment {row.id} overlaps another of {name} {row.resource}"


def _wrong_states(_context: CheckContext) -> Iterator[str]:
    event = AppointmentEvent
    latest = func.row_number().over(partition_by=event.appointment_id, order_by=(event.at.desc(), event.id.desc()))
    last = select(event.appointment_id, event.to_status, latest.label("place")).subquery()
    rows = db.session.execute(
        select(Appointment.id, Appointment.status, last.c.to_status)
        .outerjoin(last, and_(last.c.appointment_id == Appointment.id, last.c.place == 1))
        .where(or_(last.c.to_status.is_(None), last.c.to_status != Appointment.status))
    )
    for row in rows:
        yield f"appointment {row.id} is {row.status}, its last transition says {row.to_status}"


def _mixed_clinics(_context: CheckContext) -> Iterator[str]:
    references = (
        ("appointment's service", Appointment, Service, Appointment.service_id == Service.id),
        ("appointment's room", Appointment, Room, Appointment.room_id == Room.id),
        ("ticket's appointment", Ticket, Appointment, Ticket.appointment_id == Appointment.id),
    )
    for what, child, parent, joined in references:
        for row in db.session.execute(select(child.id).join(parent, joined).where(child.clinic_id != parent.clinic_id)):
            yield f"{what} is of another clinic: row {row.id}"


def _false_reminders(_context: CheckContext) -> Iterator[str]:
    after = and_(Appointment.status == "cancelled", Delivery.created_at > Appointment.status_since)
    rows = db.session.execute(
        select(Delivery.id, Appointment.id.label("appointment"))
        .join(Appointment, Appointment.id == Delivery.subject_id)
        .where(Delivery.kind == "reminder", after)
    )
    for row in rows:
        yield f"delivery {row.id} reminds of the cancelled appointment {row.appointment}"


CHECKS = (
    Check("visits do not overlap", _overlapping_visits),
    Check("a visit's state is that of its last transition", _wrong_states),
    Check("a visit, its service, room and ticket belong to one clinic", _mixed_clinics),
    Check("no cancelled visit is reminded of", _false_reminders),
)
