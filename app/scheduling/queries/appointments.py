"""One appointment and lists of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select
from sqlalchemy.orm import aliased

from app.billing.queries import tickets
from app.clinics.models import Settings
from app.clinics.profiles import therapist_id_of
from app.identity.models import User
from app.kernel import clock, money
from app.kernel.access import Actor, can
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment, AppointmentEvent
from app.scheduling.queries import sight, visit_rows
from app.scheduling.queries.sight import Sight, TakenTime
from app.scheduling.queries.visit_rows import VisitRow, select_visits, visit_row
from app.tenancy.models import Clinic

# Statements of the hot paths are built once: composing one costs more than running it.
_FOR_UPDATE = select(Appointment).where(Appointment.id == bindparam("id"), sight.SEEN).with_for_update()
PAST_VISITS = 20


def may_change(clinic_id: int, therapist_id: int, actor: Actor) -> bool:
    """Therapists change their own visits, the desk all."""
    return therapist_id_of(actor) == therapist_id or can(actor, permissions.ANY_THERAPIST, clinic_id)


def get_for_update(appointment_id: int, *, actor: Actor) -> Appointment:
    """The row to change, locked until the transaction ends. Raises NotFound."""
    row: Appointment | None = db.session.scalar(_FOR_UPDATE, {"id": appointment_id, **sight.values(actor)})
    if row is None:
        raise NotFound
    return row


_ONE = select_visits(*visit_rows.FULL).where(Appointment.id == bindparam("id"), sight.SEEN)


@dataclass(frozen=True, slots=True)
class VisitDetails(VisitRow):
    """One visit with its ticket; ``state`` is a key of ``rules.LABELS``."""

    ticket: tickets.TicketState | None
    state: str
    state_label: str


def get(appointment_id: int, *, actor: Actor) -> VisitDetails:
    """One visit that the actor sees whole. Raises NotFound."""
    row = db.session.execute(_ONE, {"id": appointment_id, **sight.values(actor)}).first()
    if row is None:
        raise NotFound
    ticket = tickets.of_appointments([appointment_id]).get(appointment_id)
    state = rules.label_of(row.status, row.confirmation, row.encounter_status)
    return VisitDetails(*(*row, ticket, state, rules.LABELS[state]))


def day_of(appointment_id: int) -> date | None:
    """The local day of a visit in its clinic; for the names of live topics."""
    columns = (Appointment.starts_at, Clinic.timezone)
    row = db.session.execute(select_visits(*columns).where(Appointment.id == appointment_id)).first()
    return clock.local_day(row.starts_at, row.timezone) if row else None


def heading(appointment_id: int) -> Row[Any]:
    """Patient, time, therapist and state of a visit, for a toast.

    Without permission check: the caller has just changed it.
    """
    columns = (*visit_rows.STATE, *visit_rows.KEYS, *visit_rows.NAMES, Appointment.status_since)
    query = select_visits(*columns, Settings.therapists_receive).join(
        Settings, Settings.clinic_id == Appointment.clinic_id
    )
    return db.session.execute(query.where(Appointment.id == appointment_id)).one()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A change of a visit; ``state`` is a key of ``rules.LABELS``."""

    state: str
    at: datetime
    source: str  # the channel
    is_undo: bool
    old_starts_at: datetime | None
    new_starts_at: datetime | None
    by_name: str | None


def history(appointment_id: int) -> list[HistoryEntry]:
    """The changes of a visit, the oldest first. The caller has loaded the visit in scope."""
    event = AppointmentEvent
    columns = (event.to_status, event.reason, event.at, event.source, event.is_undo)
    rows = db.session.execute(
        select(*columns, event.old_starts_at, event.new_starts_at, User.full_name.label("by_name"))
        .outerjoin(User, User.id == event.by_user_id)
        .where(event.appointment_id == appointment_id)
        .order_by(event.at, event.id)
    )
    return [
        HistoryEntry(
            state="confirmed" if row.reason == rules.CONFIRMED else row.to_status,
            at=row.at,
            source=row.source,
            is_undo=row.is_undo,
            old_starts_at=row.old_starts_at,
            new_starts_at=row.new_starts_at,
            by_name=row.by_name,
        )
        for row in rows
    ]


def of_patient(patient_id: int, *, actor: Actor, now: datetime) -> tuple[list[VisitRow], list[VisitRow]]:
    """The visits of a person that the actor may see: those to come, the next first, and the latest past ones."""
    mine = select_visits(*visit_rows.FULL).where(
        Appointment.patient_id == patient_id, sight.whole(actor), Appointment.status.not_in(rules.EXCLUDED)
    )
    ahead = and_(Appointment.starts_at >= now, Appointment.status.in_(rules.OCCUPYING))
    coming = db.session.execute(mine.where(ahead).order_by(Appointment.starts_at))
    past = db.session.execute(mine.where(~ahead).order_by(Appointment.starts_at.desc()).limit(PAST_VISITS))
    return [visit_row(row) for row in coming], [visit_row(row) for row in past]


def upcoming_of_patient(patient_id: int, *, now: datetime) -> int | None:
    """A visit of the patient that is still to come, if there is one. For the packages above, inside their actions."""
    return db.session.scalar(
        select(Appointment.id)
        .where(
            Appointment.patient_id == patient_id,
            Appointment.status.in_(rules.OPEN),
            Appointment.starts_at > now,
        )
        .limit(1)
    )


def treating_therapists(patient_id: int) -> dict[int, int]:
    """Whom a patient's visits make treat them (``treats``), each with a clinic of theirs."""
    rows = db.session.execute(
        select(Appointment.therapist_id, func.min(Appointment.clinic_id))
        .where(Appointment.patient_id == patient_id, Appointment.status.in_(rules.TREATING))
        .group_by(Appointment.therapist_id)
    )
    return dict(rows.tuples().all())


def first_overlap(patient_id: int, other_id: int) -> Row[Any] | None:
    """The first time at which both have a visit that occupies them: ``starts_at`` and its ``timezone``."""
    other = aliased(Appointment)
    return db.session.execute(
        select(Appointment.starts_at, Clinic.timezone)
        .join(Clinic, Clinic.id == Appointment.clinic_id)
        .join(other, and_(other.starts_at < Appointment.ends_at, other.ends_at > Appointment.starts_at))
        .where(Appointment.patient_id == patient_id, Appointment.status.in_(rules.OCCUPYING))
        .where(other.patient_id == other_id, other.status.in_(rules.OCCUPYING))
        .order_by(Appointment.starts_at)
        .limit(1)
    ).first()


def treats(therapist_id: int, patient_id: int) -> bool:
    """Whether a visit makes the therapist one of those who treat the patient (``rules.TREATING``)."""
    return (
        db.session.scalar(
            select(Appointment.id)
            .where(
                Appointment.therapist_id == therapist_id,
                Appointment.patient_id == patient_id,
                Appointment.status.in_(rules.TREATING),
            )
            .limit(1)
        )
        is not None
    )


def list_json(visits: Sequence[VisitRow], seen: Sight) -> list[dict[str, Any]]:
    """Visits as an actor sees them. One query, for the tickets of those seen whole."""
    shown = [seen.of(visit) for visit in visits]
    states = tickets.of_appointments([visit.id for visit in shown if isinstance(visit, VisitRow)])
    return [
        as_json(visit, states.get(visit.id)) if isinstance(visit, VisitRow) else taken_as_json(visit) for visit in shown
    ]


def as_json(visit: VisitRow, ticket: tickets.TicketState | None) -> dict[str, Any]:
    """A visit as the API shows it (docs/interface.md)."""
    return {
        "id": visit.id,
        "uid": visit.uid,
        "sequence": visit.sequence,
        "version": visit.version,
        "status": visit.status,
        "confirmation": visit.confirmation,
        "encounter_status": visit.encounter_status,
        "starts_at": visit.starts_at,
        "ends_at": visit.ends_at,
        "busy": False,
        "reason": visit.reason,
        "notes": visit.notes,
        "patient": {"id": visit.patient_id, "full_name": visit.patient_name},
        "therapist": {"id": visit.therapist_id, "full_name": visit.therapist_name},
        "clinic": {"id": visit.clinic_id, "name": visit.clinic_name},
        "service": {"id": visit.service_id, "name": visit.service_name},
        "room": {"id": visit.room_id, "name": visit.room_name} if visit.room_id else None,
        "price": money.decimal_text(ticket.amount_cents if ticket else visit.price_cents),
        "currency": visit.currency,
        "ticket": {"id": ticket.ticket_id, "number": ticket.code, "payment_state": ticket.state} if ticket else None,
    }


def taken_as_json(taken: TakenTime) -> dict[str, Any]:
    """The shape of ``as_json`` for a visit of another therapist: when, where and with whom, the rest is null."""
    return {
        **_NOTHING_ELSE,
        "id": taken.id,
        "starts_at": taken.starts_at,
        "ends_at": taken.ends_at,
        "busy": True,
        "patient": {"id": None, "full_name": taken.patient_name} if taken.patient_name is not None else None,
        "therapist": {"id": taken.therapist_id, "full_name": taken.therapist_name},
        "clinic": {"id": taken.clinic_id, "name": taken.clinic_name},
    }


_NOTHING_ELSE = dict.fromkeys(
    (
        *("uid", "sequence", "version", "status", "confirmation", "encounter_status", "reason", "notes"),
        *("service", "room", "price", "currency", "ticket"),
    )
)
