"""Writes of tickets: issued by a booking, moved and voided with it.

The functions on appointments check no permission: the booking, the move or the cancellation that calls
them was permitted by its own action, and the ticket follows it in the same transaction.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, insert, select

from app.billing import events, permissions, queries, rules
from app.billing.actions import series
from app.billing.models import Ticket
from app.kernel import outbox
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.i18n import N_


class HasPayments(Conflict):
    code = "TICKET_HAS_PAYMENTS"
    message = N_("El ticket tiene pagos. Devuélvalos primero y vuelva a anular.")


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    id: int
    number: int
    code: str


def open_ticket(
    *,
    clinic_id: int,
    appointment_id: int | None,
    patient_id: int,
    therapist_id: int | None,
    service_id: int | None,
    concept: str,
    amount_cents: int,
    currency: str,
    tax_rate_bp: int,
    service_day: date,
    actor: Actor | None,
    now: datetime,
) -> IssuedTicket:
    """Issue a ticket with the price of this moment. Two statements and the fact: booking is a hot path."""
    number = series.next_number(clinic_id, "ticket")
    values = {
        "clinic_id": clinic_id,
        "number": number,
        "appointment_id": appointment_id,
        "patient_id": patient_id,
        "therapist_id": therapist_id,
        "service_id": service_id,
        "concept": concept[:160],
        "amount_cents": amount_cents,
        "currency": currency,
        "tax_rate_bp": tax_rate_bp,
        "service_day": service_day,
        "issued_at": now,
        "issued_by": actor.user_id if actor else None,
    }
    ticket_id = db.session.execute(insert(Ticket).returning(Ticket.id), values).scalar_one()
    outbox.record(
        events.TicketIssued(ticket_id=ticket_id, appointment_id=appointment_id, service_day=service_day),
        actor=actor,
        now=now,
        clinic_id=clinic_id,
        subject_id=ticket_id,
        patient_id=patient_id,
    )
    return IssuedTicket(ticket_id, number, rules.ticket_code(number))


def void_ticket_of(appointment_id: int, *, reason: str, actor: Actor | None, now: datetime) -> bool:
    """Void the open ticket of an appointment; False when payments stand on it and it was left alone."""
    ticket = locked(Ticket.appointment_id == appointment_id)
    if ticket is None or ticket.status != "open":
        return True
    if queries.tickets.paid_on(ticket.id) > 0:
        return False
    void(ticket, reason=reason, actor=actor, now=now)
    return True


def revive_ticket_of(appointment_id: int, *, actor: Actor | None, now: datetime) -> None:
    """Open the voided ticket again: the cancellation of its appointment was undone."""
    ticket = locked(Ticket.appointment_id == appointment_id)
    if ticket is None or ticket.status != "voided":
        return
    _change(ticket, status="open", voided_at=None, voided_by=None, void_reason="")
    record(events.TicketRevived, ticket, actor=actor, now=now)


def move_ticket_of(
    appointment_id: int, *, service_day: date, therapist_id: int | None, actor: Actor | None, now: datetime
) -> None:
    """Let the open ticket follow its appointment to another day or therapist."""
    ticket = locked(Ticket.appointment_id == appointment_id)
    if ticket is None or (ticket.service_day, ticket.therapist_id) == (service_day, therapist_id):
        return
    _change(ticket, service_day=service_day, therapist_id=therapist_id)
    record(events.TicketMoved, ticket, actor=actor, now=now)


def locked(condition: ColumnElement[bool]) -> Ticket | None:
    """A ticket under its row lock: what is read of its money after this stays true until the commit."""
    found: Ticket | None = db.session.scalar(
        select(Ticket).where(condition).with_for_update().execution_options(populate_existing=True)
    )
    return found


def locked_by_id(ticket_id: int) -> Ticket:
    """A ticket that is known to exist, under its row lock."""
    ticket = locked(Ticket.id == ticket_id)
    if ticket is None:
        raise NotFound
    return ticket


def void_ticket(ticket_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Void a ticket without payments; its number stays taken. Again is harmless.

    Raises NotFound, HasPayments, Invalid without a reason.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.VOID, clinic_id)
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo de la anulación.")})
    ticket = locked_by_id(ticket_id)
    if ticket.status == "voided":
        return
    if queries.tickets.paid_on(ticket.id) > 0:
        raise HasPayments
    void(ticket, reason=reason, actor=actor, now=now)


def print_slip(ticket_id: int, *, actor: Actor, now: datetime) -> None:
    """Record that a slip was printed; every print after the first is a copy."""
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.READ, clinic_id)
    record(events.SlipPrinted, locked_by_id(ticket_id), actor=actor, now=now)


def void(ticket: Ticket, *, reason: str, actor: Actor | None, now: datetime) -> None:
    """Mark a locked ticket voided; its number stays taken."""
    voided_by = actor.user_id if actor else None
    _change(ticket, status="voided", voided_at=now, voided_by=voided_by, void_reason=reason[:200])
    record(events.TicketVoided, ticket, actor=actor, now=now)


def _change(ticket: Ticket, **values: object) -> None:
    for name, value in values.items():
        setattr(ticket, name, value)
    db.session.flush()  # queries of the same request must see it


def record(
    fact: type[events.TicketFact], ticket: Ticket, *, actor: Actor | None, now: datetime, **more: object
) -> None:
    """Record a fact of a ticket."""
    outbox.record(
        fact(ticket_id=ticket.id, appointment_id=ticket.appointment_id, service_day=ticket.service_day, **more),
        actor=actor,
        now=now,
        clinic_id=ticket.clinic_id,
        subject_id=ticket.id,
        patient_id=ticket.patient_id,
    )
