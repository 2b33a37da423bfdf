"""Reads of tickets: their state and money, alone and per appointment or patient."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, func, or_, select
from sqlalchemy.orm import aliased

from app.billing import events, permissions, rules
from app.billing.models import Movement, PaymentMethod, Ticket
from app.clinics.models import Service, Therapist
from app.identity.models import User
from app.kernel.access import Actor, can
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.kernel.i18n import fold
from app.kernel.outbox import EventRow
from app.patients.models import Patient

PAID = func.coalesce(func.sum(Movement.amount_cents), 0)
REFUNDED = func.coalesce(func.sum(case((Movement.kind == "refund", -Movement.amount_cents), else_=0)), 0)


@dataclass(frozen=True, slots=True)
class TicketState:
    """What a ticket says about money; ``paid_cents`` is net of refunds."""

    ticket_id: int
    number: int
    code: str
    amount_cents: int
    paid_cents: int
    status: str
    state: str

    @property
    def owed_cents(self) -> int:
        return self.amount_cents - self.paid_cents if self.status == "open" else 0


def with_money(*columns: Any) -> Select[Any]:
    """A select of ticket columns beside ``paid_cents`` and ``refunded_cents``, one row per ticket."""
    return (
        select(*columns, PAID.label("paid_cents"), REFUNDED.label("refunded_cents"))
        .select_from(Ticket)
        .outerjoin(Movement, Movement.ticket_id == Ticket.id)
        .group_by(Ticket.id)
    )


def state_of(row: Row[Any]) -> str:
    """The payment state of a row of ``with_money``."""
    return rules.payment_state(
        amount_cents=row.amount_cents,
        paid_cents=row.paid_cents,
        refunded_cents=row.refunded_cents,
        status=row.status,
    )


# Built once: the agenda and the front desk ask them all day long.
_OF_APPOINTMENTS = with_money(
    Ticket.id, Ticket.appointment_id, Ticket.number, Ticket.amount_cents, Ticket.status
).where(Ticket.appointment_id.in_(bindparam("ids", expanding=True)))
_OWED = (
    with_money(Ticket.patient_id, Ticket.amount_cents)
    .where(
        Ticket.patient_id.in_(bindparam("ids", expanding=True)),
        Ticket.status == "open",
        Ticket.service_day < bindparam("before_day"),
    )
    .subquery()
)
_DEBT = func.sum(_OWED.c.amount_cents - _OWED.c.paid_cents)
_DEBTS = select(_OWED.c.patient_id, _DEBT).group_by(_OWED.c.patient_id).having(_DEBT > 0)


def of_appointments(appointment_ids: Collection[int]) -> dict[int, TicketState]:
    """The ticket of each of these appointments, in one query. The caller may see the appointments."""
    if not appointment_ids:
        return {}
    rows = db.session.execute(_OF_APPOINTMENTS, {"ids": list(appointment_ids)})
    return {
        row.appointment_id: TicketState(
            ticket_id=row.id,
            number=row.number,
            code=rules.ticket_code(row.number),
            amount_cents=row.amount_cents,
            paid_cents=row.paid_cents,
            status=row.status,
            state=state_of(row),
        )
        for row in rows
    }


def has_payments(appointment_id: int) -> bool:
    """Whether money stands on the appointment's ticket, refunds taken off."""
    return _paid_on(Ticket.appointment_id == appointment_id) > 0


def paid_on(ticket_id: int) -> int:
    """The cents that stand on a ticket, refunds taken off."""
    return _paid_on(Ticket.id == ticket_id)


def _paid_on(condition: ColumnElement[bool]) -> int:
    return db.session.scalar(select(PAID).join(Ticket, Ticket.id == Movement.ticket_id).where(condition)) or 0


def debts_of_patients(patient_ids: Collection[int], *, before_day: date) -> dict[int, int]:
    """Cents that patients owe on open tickets of days before ``before_day``; who owes nothing is left out."""
    if not patient_ids:
        return {}
    rows = db.session.execute(_DEBTS, {"ids": list(patient_ids), "before_day": before_day})
    return {patient_id: int(cents) for patient_id, cents in rows}


# ------------------------------------------------------------------ what an actor may see


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Tickets of the clinics where the actor reads them, and a patient's own."""
    scope = Ticket.clinic_id.in_(actor.clinics_with(permissions.READ))
    if permissions.READ_OWN.code in actor.own:
        return or_(scope, Ticket.patient_id == actor.patient_id)
    return scope


def clinic_of(ticket_id: int, *, actor: Actor) -> int:
    """The clinic of a ticket the actor may see. Raises NotFound."""
    clinic_id = db.session.scalar(select(Ticket.clinic_id).where(Ticket.id == ticket_id, visible_to(actor)))
    if clinic_id is None:
        raise NotFound
    return clinic_id


def listing_statement(*, actor: Actor) -> Select[Any]:
    """All tickets the actor may see with their money and people, for lists that filter and page."""
    columns = (
        Ticket.id,
        Ticket.clinic_id,
        Ticket.number,
        Ticket.appointment_id,
        Ticket.patient_id,
        Patient.full_name.label("patient"),
        Patient.document_number,
        Ticket.therapist_id,
        Therapist.display_name.label("therapist"),
        Ticket.service_id,
        Service.name.label("service"),
        Ticket.concept,
        Ticket.amount_cents,
        Ticket.currency,
        Ticket.tax_rate_bp,
        Ticket.service_day,
        Ticket.status,
        Ticket.issued_at,
        Ticket.voided_at,
        Ticket.void_reason,
    )
    return (
        with_money(*columns)
        .join(Patient, Patient.id == Ticket.patient_id)
        .outerjoin(Therapist, Therapist.id == Ticket.therapist_id)
        .outerjoin(Service, Service.id == Ticket.service_id)
        .group_by(Patient.id, Therapist.id, Service.id)
        .where(visible_to(actor))
    )


def show(row: Row[Any]) -> dict[str, Any]:
    """A row of ``listing_statement`` with its code, state and what is owed."""
    owed = row.amount_cents - row.paid_cents if row.status == "open" else 0
    state = state_of(row)
    words = {"state": state, "state_label": rules.PAYMENT_STATES[state]}
    return {**row._mapping, "code": rules.ticket_code(row.number), "owed_cents": owed, **words}


def owes() -> ColumnElement[bool]:
    """A HAVING condition of ``listing_statement``: open and not fully paid."""
    return and_(Ticket.status == "open", Ticket.amount_cents > PAID)


def ticket(ticket_id: int, *, actor: Actor) -> dict[str, Any]:
    """One ticket with its money, its clinic's name and zone, and what the actor may do. Raises NotFound."""
    row = db.session.execute(listing_statement(actor=actor).where(Ticket.id == ticket_id)).first()
    if row is None:
        raise NotFound
    found = show(row)
    may = lambda permission: can(actor, permission, row.clinic_id)  # noqa: E731
    return {
        **found,
        "can_pay": found["owed_cents"] > 0 and may(permissions.TAKE_PAYMENT),
        "can_void": row.status == "open" and row.paid_cents == 0 and may(permissions.VOID),
        "can_refund": may(permissions.REFUND),
    }


def search(
    clinic_id: int, *, actor: Actor, words: str = "", day: date | None = None, debts: bool = False, limit: int = 100
) -> list[dict[str, Any]]:
    """Tickets of a clinic by number or patient, of a day, or only those that owe; the newest first."""
    wanted = listing_statement(actor=actor).where(Ticket.clinic_id == clinic_id)
    if words.strip():
        wanted = wanted.where(matches(words))
    if day is not None:
        wanted = wanted.where(Ticket.service_day == day)
    if debts:
        wanted = wanted.having(owes())
    rows = db.session.execute(wanted.order_by(Ticket.service_day.desc(), Ticket.number.desc()).limit(limit))
    return [show(row) for row in rows]


def matches(words: str) -> ColumnElement[bool]:
    """A ticket's number (``412``, ``TKT-000412``) or its patient's name, document or phone."""
    digits = words.strip().upper().removeprefix("TKT-")
    people = [Patient.search_text.contains(f" {part}", autoescape=True) for part in fold(words).split()]
    if digits.isdecimal() and len(digits) < 10:
        return or_(Ticket.number == int(digits), and_(*people))
    return and_(*people)


def payments(ticket_id: int) -> list[dict[str, Any]]:
    """The lines of the ledger on a ticket, each with whether it was given back later."""
    refund, receiver = aliased(Movement), aliased(User)
    rows = db.session.execute(
        select(
            Movement.id,
            Movement.kind,
            Movement.session_id,
            Movement.received_at,
            Movement.amount_cents,
            Movement.tendered_cents,
            Movement.change_cents,
            PaymentMethod.code.label("method"),
            PaymentMethod.name.label("method_name"),
            Movement.reference,
            Movement.reverses_id,
            Movement.note,
            receiver.full_name.label("received_by"),
            refund.id.label("refund_id"),
        )
        .join(PaymentMethod, PaymentMethod.id == Movement.method_id)
        .join(receiver, receiver.id == Movement.received_by)
        .outerjoin(refund, refund.reverses_id == Movement.id)
        .where(Movement.ticket_id == ticket_id)
        .order_by(Movement.received_at, Movement.id)
    )
    return [{**row._mapping, "label": rules.MOVEMENT_LABELS[row.kind]} for row in rows]


def payment(payment_id: int, *, actor: Actor) -> dict[str, Any]:
    """A payment that may be given back: its ticket, method and amount. Raises NotFound."""
    row = db.session.execute(
        select(
            Movement.id,
            Movement.clinic_id,
            Movement.ticket_id,
            Movement.method_id,
            PaymentMethod.code.label("method"),
            Movement.amount_cents,
            Movement.reference,
        )
        .join(PaymentMethod, PaymentMethod.id == Movement.method_id)
        .join(Ticket, Ticket.id == Movement.ticket_id)
        .where(Movement.id == payment_id, Movement.kind == "payment", visible_to(actor))
    ).first()
    if row is None:
        raise NotFound
    return dict(row._mapping)


def other_debts(ticket: dict[str, Any], *, actor: Actor) -> list[dict[str, Any]]:
    """What the patient owes in the same clinic besides this ticket, of its day and before; the oldest first."""
    rows = db.session.execute(
        listing_statement(actor=actor)
        .where(
            Ticket.patient_id == ticket["patient_id"],
            Ticket.clinic_id == ticket["clinic_id"],
            Ticket.service_day <= ticket["service_day"],
            Ticket.id != ticket["id"],
        )
        .having(owes())
        .order_by(Ticket.service_day, Ticket.number)
    )
    return [show(row) for row in rows]


def prints_of(ticket_id: int) -> int:
    """How many times the slip of a ticket was printed."""
    return (
        db.session.scalar(
            select(func.count()).where(EventRow.type == events.SlipPrinted.type, EventRow.subject_id == ticket_id)
        )
        or 0
    )
