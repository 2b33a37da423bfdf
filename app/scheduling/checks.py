"""What must always be true of this package's rows."""

from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.billing.models import Ticket
from app.clinics.models import Room, Service
from app.encounters.models import Encounter
from app.kernel.db import db
from app.kernel.integrity import Check, CheckContext
from app.kernel.outbox import EventRow
from app.notifications.models import Delivery
from app.patients.models import CareRelation
from app.scheduling import rules
from app.scheduling.actions.reach import CARE_SOURCE
from app.scheduling.events import AppointmentBooked
from app.scheduling.models import Appointment, AppointmentEvent
from app.scheduling.rules import Status


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
        .where(Appointment.status.in_(rules.OCCUPYING), resource.is_not(None))
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


def _encounters_without_their_visit(_context: CheckContext) -> Iterator[str]:
    """``encounter.appointment_id`` has no foreign key: it names a visit of the same patient that was attended."""
    rows = db.session.execute(
        select(Encounter.id, Encounter.appointment_id)
        .outerjoin(Appointment, Appointment.id == Encounter.appointment_id)
        .where(
            Encounter.appointment_id.is_not(None),
            or_(
                Appointment.id.is_(None),
                Appointment.patient_id != Encounter.patient_id,
                and_(Encounter.status.in_(("in-progress", "finished")), Appointment.status != Status.FULFILLED),
            ),
        )
    )
    for row in rows:
        yield f"encounter {row.id} does not fit its appointment {row.appointment_id}"


def _wrong_care_relations(_context: CheckContext) -> Iterator[str]:
    treated = (
        select(Appointment.patient_id, Appointment.therapist_id)
        .where(Appointment.status.in_(rules.TREATING))
        .distinct()
        .subquery()
    )
    related = (
        select(CareRelation.patient_id, CareRelation.therapist_id)
        .where(CareRelation.source == CARE_SOURCE, CareRelation.ended_at.is_(None))
        .subquery()
    )
    for left, right, problem in ((treated, related, "has visits but no"), (related, treated, "has no visit for its")):
        pairs = and_(left.c.patient_id == right.c.patient_id, left.c.therapist_id == right.c.therapist_id)
        missing = select(left).outerjoin(right, pairs).where(right.c.patient_id.is_(None))
        for row in db.session.execute(missing):
            yield f"patient {row.patient_id} {problem} care relation with therapist {row.therapist_id}"


def _tickets_of_others(_context: CheckContext) -> Iterator[str]:
    """``ticket.appointment_id`` has no foreign key: each visit has a ticket, of its own patient."""
    rows = db.session.execute(
        select(Ticket.id, Ticket.appointment_id)
        .outerjoin(Appointment, Appointment.id == Ticket.appointment_id)
        .where(
            Ticket.appointment_id.is_not(None),
            or_(Appointment.id.is_(None), Appointment.patient_id != Ticket.patient_id),
        )
    )
    for row in rows:
        yield f"ticket {row.id} does not fit its appointment {row.appointment_id}"
    without = select(Appointment.id).where(~select(Ticket.id).where(Ticket.appointment_id == Appointment.id).exists())
    for number in db.session.scalars(without):
        yield f"appointment {number} has no ticket"


def _unrecorded_bookings(_context: CheckContext) -> Iterator[str]:
    """Each visit since the first recorded booking has its event, and each event its visit. Rows that were brought in
    by other ways, the demo's and those of another system, are older."""
    booked = select(EventRow.subject_id, EventRow.patient_id).where(EventRow.type == AppointmentBooked.type).subquery()
    began = select(func.min(EventRow.at)).where(EventRow.type == AppointmentBooked.type).scalar_subquery()
    missing = select(Appointment.id).outerjoin(booked, booked.c.subject_id == Appointment.id)
    for number in db.session.scalars(
        missing.where(Appointment.created_at >= began, booked.c.subject_id.is_(None)).order_by(Appointment.id)
    ):
        yield f"appointment {number} has no event of its booking"
    lost = select(booked.c.subject_id).outerjoin(Appointment, Appointment.id == booked.c.subject_id)
    for number in db.session.scalars(lost.where(Appointment.id.is_(None))):
        yield f"appointment {number} was booked and is not there"


CHECKS = (
    Check("visits do not overlap", _overlapping_visits),
    Check("a visit's state is that of its last transition", _wrong_states),
    Check("a visit, its service, room and ticket belong to one clinic", _mixed_clinics),
    Check("no cancelled visit is reminded of", _false_reminders),
    Check("the encounter of a visit is of its patient and state", _encounters_without_their_visit),
    Check("a visit and its ticket are of one patient", _tickets_of_others),
    Check("each visit has the event of its booking", _unrecorded_bookings),
    Check("who treats whom is what the visits say", _wrong_care_relations),
)
