"""Reads of tickets: their state and money, alone and per appointment or patient."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, select

from app.billing import rules
from app.billing.models import Movement, Ticket
from app.kernel.db import db

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


def of_appointments(appointment_ids: Collection[int]) -> dict[int, TicketState]:
    """The ticket of each of these appointments, in one query. The caller may see the appointments."""
    if not appointment_ids:
        return {}
    columns = (Ticket.id, Ticket.appointment_id, Ticket.number, Ticket.amount_cents, Ticket.status)
    rows = db.session.execute(with_money(*columns).where(Ticket.appointment_id.in_(appointment_ids)))
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
    owed = (
        with_money(Ticket.patient_id, Ticket.amount_cents)
        .where(Ticket.patient_id.in_(patient_ids), Ticket.status == "open", Ticket.service_day < before_day)
        .subquery()
    )
    total = func.sum(owed.c.amount_cents - owed.c.paid_cents)
    rows = db.session.execute(select(owed.c.patient_id, total).group_by(owed.c.patient_id).having(total > 0))
    return {patient_id: int(cents) for patient_id, cents in rows}
