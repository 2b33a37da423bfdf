"""One appointment, lists of them, and the facts a booking stands on."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, or_, select
from sqlalchemy.orm import aliased

from app.billing.queries import tickets
from app.clinics.models import Room, Service, Therapist, therapist_service
from app.identity.models import User
from app.kernel import money
from app.kernel.access import Actor, can, can_anywhere
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.patients.models import Patient
from app.scheduling import permissions, rules
from app.scheduling.models import OCCUPYING, Appointment, AppointmentEvent, Encounter
from app.tenancy.models import Clinic

NOBODY = -1  # no row has this id

# Statements of the hot paths are built once: composing one costs more than running it.
_SEEN = or_(
    Appointment.clinic_id.in_(bindparam("seen_clinics", expanding=True)),
    Appointment.therapist_id == bindparam("seen_therapist"),
    Appointment.patient_id == bindparam("seen_patient"),
)
_LOCKED = select(Appointment).where(Appointment.id == bindparam("id"), _SEEN).with_for_update()


def seen_by(actor: Actor) -> dict[str, Any]:
    """The parameters of what an actor may see: their clinics, their own agenda, their own visits."""
    assigned = actor.therapist_id and can_anywhere(actor, permissions.READ_ASSIGNED)
    own = actor.patient_id and permissions.READ_OWN.code in actor.own
    return {
        "seen_clinics": list(actor.clinics_with(permissions.READ)),
        "seen_therapist": actor.therapist_id if assigned else NOBODY,
        "seen_patient": actor.patient_id if own else NOBODY,
    }


ERASED = ("entered-in-error",)
PAST_VISITS = 20


def may_change(clinic_id: int, therapist_id: int, actor: Actor) -> bool:
    """A therapist changes their own visits, the desk everybody's."""
    return actor.therapist_id == therapist_id or can(actor, permissions.ANY_THERAPIST, clinic_id)


def visible(actor: Actor) -> ColumnElement[bool]:
    """The WHERE of what an actor may see, for statements composed on the way."""
    return _SEEN.params(seen_by(actor))


def locked(appointment_id: int, *, actor: Actor) -> Appointment:
    """The row to change, locked until the transaction ends. Raises NotFound."""
    row: Appointment | None = db.session.scalar(_LOCKED, {"id": appointment_id, **seen_by(actor)})
    if row is None:
        raise NotFound
    return row


def encounter_of(appointment_id: int) -> Encounter | None:
    return db.session.scalar(select(Encounter).where(Encounter.appointment_id == appointment_id))


_earlier = aliased(Appointment)
_BOOKING_FACTS = (
    select(
        Clinic.organization_id,
        Clinic.timezone,
        Clinic.currency,
        Clinic.tax_rate_bp,
        Service.name.label("service_name"),
        Service.duration_minutes,
        Service.price_cents,
        Service.is_online,
        Patient.full_name.label("patient_name"),
        Therapist.display_name.label("therapist_name"),
        ~exists()
        .where(_earlier.patient_id == bindparam("patient_id"), _earlier.status.in_(OCCUPYING))
        .label("is_first_visit"),
    )
    .join(Service, and_(Service.clinic_id == Clinic.id, Service.is_active.is_(True)))
    .join(
        therapist_service,
        and_(
            therapist_service.c.service_id == Service.id,
            therapist_service.c.therapist_id == bindparam("therapist_id"),
        ),
    )
    .join(Therapist, and_(Therapist.id == therapist_service.c.therapist_id, Therapist.deleted_at.is_(None)))
    .join(Patient, and_(Patient.organization_id == Clinic.organization_id, Patient.deleted_at.is_(None)))
    .where(
        Clinic.id == bindparam("clinic_id"),
        Clinic.is_active.is_(True),
        Clinic.organization_id == bindparam("organization_id"),
        Service.id == bindparam("service_id"),
        Patient.id == bindparam("patient_id"),
    )
)


def booking_facts(*, clinic_id: int, therapist_id: int, patient_id: int, service_id: int, actor: Actor) -> Row[Any]:
    """Everything a booking must know, in one query. Raises NotFound when one of the four does not
    belong to the others (another clinic's service, another organization's patient)."""
    row = db.session.execute(
        _BOOKING_FACTS,
        {
            "clinic_id": clinic_id,
            "therapist_id": therapist_id,
            "patient_id": patient_id,
            "service_id": service_id,
            "organization_id": actor.organization_id,
        },
    ).first()
    if row is None:
        raise NotFound
    return row


_CLASH = select(Appointment.id, Appointment.therapist_id, Appointment.patient_id, Appointment.room_id).where(
    Appointment.starts_at < bindparam("ends_at"),
    Appointment.ends_at > bindparam("starts_at"),
    Appointment.starts_at > bindparam("day_before"),
    Appointment.status.in_(OCCUPYING),
    Appointment.id != bindparam("except_id"),
    or_(
        Appointment.therapist_id == bindparam("therapist_id"),
        Appointment.patient_id == bindparam("patient_id"),
        Appointment.room_id == bindparam("room_id"),
    ),
)


def clash(
    *,
    starts_at: datetime,
    ends_at: datetime,
    therapist_id: int,
    patient_id: int,
    room_id: int | None,
    except_id: int | None = None,
) -> Row[Any] | None:
    """An occupying visit that overlaps by therapist, patient or room; reliable under the booking lock."""
    return db.session.execute(
        _CLASH,
        {
            "starts_at": starts_at,
            "ends_at": ends_at,
            "day_before": starts_at - timedelta(days=1),  # no visit is longer; lets the index end the scan
            "therapist_id": therapist_id,
            "patient_id": patient_id,
            "room_id": room_id if room_id is not None else NOBODY,
            "except_id": except_id or NOBODY,
        },
    ).first()


COLUMNS = (
    Appointment.id,
    Appointment.uid,
    Appointment.sequence,
    Appointment.version,
    Appointment.status,
    Appointment.confirmation,
    Appointment.starts_at,
    Appointment.ends_at,
    Appointment.status_since,
    Appointment.arrived_at,
    Appointment.origin,
    Appointment.reason,
    Appointment.notes,
    Appointment.cancel_reason,
    Appointment.is_first_visit,
    Appointment.reschedule_count,
    Appointment.clinic_id,
    Appointment.therapist_id,
    Appointment.patient_id,
    Appointment.service_id,
    Appointment.room_id,
    Clinic.name.label("clinic_name"),
    Clinic.timezone,
    Clinic.currency,
    Therapist.display_name.label("therapist_name"),
    Patient.full_name.label("patient_name"),
    Patient.document_number,
    Patient.phone,
    Patient.birth_date,
    Service.name.label("service_name"),
    Service.colour,
    Service.price_cents,
    Room.name.label("room_name"),
    Encounter.status.label("encounter_status"),
    Encounter.started_at,
    Encounter.finished_at,
)


def rows() -> Select[Any]:
    """The joined row of a visit as every screen reads it: Core columns, no object graph."""
    return (
        select(*COLUMNS)
        .join(Clinic, Clinic.id == Appointment.clinic_id)
        .join(Therapist, Therapist.id == Appointment.therapist_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(Service, Service.id == Appointment.service_id)
        .outerjoin(Room, Room.id == Appointment.room_id)
        .outerjoin(Encounter, Encounter.appointment_id == Appointment.id)
    )


_ONE = rows().where(Appointment.id == bindparam("id"), _SEEN)


def get(appointment_id: int, *, actor: Actor) -> Mapping[str, Any]:
    """One visit: the columns of ``rows`` with ``ticket`` (or None) and ``state``. Raises NotFound."""
    row = db.session.execute(_ONE, {"id": appointment_id, **seen_by(actor)}).mappings().first()
    if row is None:
        raise NotFound
    ticket = tickets.of_appointments([appointment_id]).get(appointment_id)
    state = rules.label_of(row["status"], row["confirmation"], row["encounter_status"])
    return {**row, "ticket": ticket, "state": state, "state_label": rules.LABELS[state]}


def heading(appointment_id: int) -> Row[Any]:
    """Whose visit it is, when and with whom: what a toast says. The caller has just changed it in scope."""
    return db.session.execute(
        select(
            Appointment.starts_at,
            Appointment.clinic_id,
            Clinic.timezone,
            Therapist.display_name.label("therapist_name"),
            Patient.full_name.label("patient_name"),
        )
        .join(Clinic, Clinic.id == Appointment.clinic_id)
        .join(Therapist, Therapist.id == Appointment.therapist_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(Appointment.id == appointment_id)
    ).one()


def history(appointment_id: int) -> list[Row[Any]]:
    """The transitions of a visit, the oldest first. The caller has loaded the visit in scope."""
    event = AppointmentEvent
    return list(
        db.session.execute(
            select(
                event.from_status,
                event.to_status,
                event.at,
                event.reason,
                event.source,
                event.is_undo,
                event.old_starts_at,
                event.new_starts_at,
                event.by_user_id,
                User.full_name.label("by_name"),
            )
            .outerjoin(User, User.id == event.by_user_id)
            .where(event.appointment_id == appointment_id)
            .order_by(event.at, event.id)
        )
    )


def of_patient(patient_id: int, *, actor: Actor, now: datetime) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """The visits of a person that the actor may see: those to come, the next first, and the latest past ones."""
    mine = rows().where(Appointment.patient_id == patient_id, visible(actor), Appointment.status.not_in(ERASED))
    ahead = and_(Appointment.starts_at >= now, Appointment.status.in_(OCCUPYING))
    coming = db.session.execute(mine.where(ahead).order_by(Appointment.starts_at))
    past = db.session.execute(mine.where(~ahead).order_by(Appointment.starts_at.desc()).limit(PAST_VISITS))
    return list(coming), list(past)


def as_json(row: Mapping[str, Any], ticket: Any) -> dict[str, Any]:
    """A visit as the API shows it (docs/interface.md)."""
    return {
        "id": row["id"],
        "uid": row["uid"],
        "sequence": row["sequence"],
        "version": row["version"],
        "status": row["status"],
        "confirmation": row["confirmation"],
        "encounter_status": row["encounter_status"],
        "starts_at": row["starts_at"],
        "ends_at": row["ends_at"],
        "reason": row["reason"],
        "notes": row["notes"],
        "patient": {"id": row["patient_id"], "full_name": row["patient_name"]},
        "therapist": {"id": row["therapist_id"], "full_name": row["therapist_name"]},
        "clinic": {"id": row["clinic_id"], "name": row["clinic_name"]},
        "service": {"id": row["service_id"], "name": row["service_name"]},
        "room": {"id": row["room_id"], "name": row["room_name"]} if row["room_id"] else None,
        "price": money.decimal_text(ticket.amount_cents if ticket else row["price_cents"]),
        "currency": row["currency"],
        "ticket": {"id": ticket.ticket_id, "number": ticket.code, "payment_state": ticket.state} if ticket else None,
    }
