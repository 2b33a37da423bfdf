"""Writes of payments of tickets.

Locks are taken in one order, session before ticket, so that no two transactions wait for each other.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.billing import accounts, events, permissions, queries, rules
from app.billing.actions import credit, ledger, tickets
from app.billing.models import Movement, Ticket, Till, TillSession
from app.clinics import queries as clinics
from app.kernel.access import Actor, can, require
from app.kernel.db import db, lock
from app.kernel.errors import Conflict
from app.kernel.i18n import N_


class NoOpenTill(Conflict):
    """``details['next']`` is the address where a till is opened."""

    code = "NO_OPEN_TILL"
    message = N_("No hay una caja abierta en esta sede. Abra la caja y vuelva a cobrar.")

    def __init__(self) -> None:
        super().__init__(details={"next": "/till"})


class AlreadyPaid(rules.AmountExceedsBalance):
    message = N_("El ticket ya está pagado; no se debe nada.")
    field = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """A recorded payment or refund. ``change_cents`` is given back to the patient; ``rounding_cents`` is what the
    amount is above what it settles, below zero in favour of the patient.
    """

    id: int
    ticket_id: int
    session_id: int | None  # None: with credit of the patient
    method: str
    amount_cents: int
    rounding_cents: int
    tendered_cents: int | None
    change_cents: int
    reference: str
    received_at: datetime


def take_payment(
    ticket_id: int,
    *,
    method: str,
    amount_cents: int | None = None,
    tendered_cents: int | None = None,
    reference: str = "",
    reference_reason: str = "",
    note: str = "",
    actor: Actor,
    now: datetime,
) -> Payment:
    """Take a payment for a ticket into the open till; without an amount, all that is owed.

    ``method`` is a code of the clinic's catalogue, or ``saldo``: what is kept for the patient. What is owed to the last
    cent is rounded when it is paid in cash. ``reference_reason`` lets a supervisor take an operation number that stands
    on another payment. Raises NotFound, NoOpenTill, NoCredit, TicketIsVoided, AmountExceedsBalance, ReferenceUsed,
    Invalid.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.TAKE_PAYMENT, clinic_id)
    if method.strip().casefold() == rules.CREDIT:
        return _pay_with_credit(ticket_id, amount_cents, actor=actor, now=now)
    session = lock_open_session(clinic_id, actor=actor)
    ticket, owed = _lock_payable(ticket_id)
    payment_method = active_method(clinic_id, method)
    rounding = clinics.clinic(clinic_id).cash_rounding if payment_method.is_cash else "none"
    settled = rules.settle(payment_method, amount_cents, owed_cents=owed, currency=ticket.currency, rounding=rounding)
    tendered, change = rules.change_of(payment_method, amount_cents=settled.paid_cents, tendered_cents=tendered_cents)
    reference = rules.check_reference(payment_method, reference)
    authoriser = _require_unused(payment_method, reference, clinic_id, reason=reference_reason, actor=actor)
    movement = ledger.post(
        Movement(
            clinic_id=clinic_id,
            session_id=session.id,
            kind="payment",
            method_id=payment_method.id,
            ticket_id=ticket.id,
            tendered_cents=tendered,
            change_cents=change,
            reference=reference,
            note=joined(note, reference_reason if authoriser else ""),
            received_at=now,
            received_by=actor.user_id,
            authorised_by=authoriser,
        ),
        accounts.collected(
            session.till_id,
            payment_method.id,
            ticket.id,
            settled.paid_cents,
            is_cash=payment_method.is_cash,
            rounding_cents=settled.rounding_cents,
        ),
    )
    payment = payment_of(movement, payment_method.code, settled.paid_cents, settled.rounding_cents)
    tickets.record(
        events.PaymentTaken,
        ticket,
        payment_id=payment.id,
        session_id=session.id,
        kept={"cents": settled.settled_cents, "method_id": payment_method.id},
        actor=actor,
        now=now,
    )
    return payment


def _lock_payable(ticket_id: int) -> tuple[Ticket, int]:
    """The ticket under its lock and what it owes. Raises TicketIsVoided, also of a cancelled visit's; AlreadyPaid."""
    ticket = tickets.get_for_update(ticket_id)
    balance = queries.tickets.balance(ticket.id)
    if ticket.status == "voided" or (balance.amount_cents and not balance.charged_cents):
        raise tickets.TicketIsVoided
    if balance.owed_cents <= 0:
        raise AlreadyPaid
    return ticket, balance.owed_cents


def _pay_with_credit(ticket_id: int, amount_cents: int | None, *, actor: Actor, now: datetime) -> Payment:
    """From what the clinic keeps for the patient: no money moves, so no till is needed."""
    ticket, owed = _lock_payable(ticket_id)
    if amount_cents is None:
        amount_cents = min(owed, queries.credit.of_patient(ticket.patient_id, clinic_id=ticket.clinic_id))
    amount = rules.check_amount(amount_cents, owed_cents=owed, currency=ticket.currency)
    movement = credit.use(ticket, amount, actor=actor, now=now)
    return payment_of(movement, rules.CREDIT, amount, 0)


def _require_unused(method: rules.Method, reference: str, clinic_id: int, *, reason: str, actor: Actor) -> int | None:
    """The supervisor who lets an operation number stand twice, None when it is new. Raises ReferenceUsed.

    Numbers of a method are compared in all clinics of the organization; a payment that went back does not count.
    """
    if not reference or method.is_cash:
        return None
    lock(f"reference:{method.code}", zlib.crc32(reference.encode()) - 2**31)
    used = queries.payments.with_reference(method.code, reference, clinic_id=clinic_id)
    if used is None:
        return None
    if reason.strip() and can(actor, permissions.APPROVE, clinic_id):
        return actor.user_id
    code = rules.ticket_code(used.number)
    details = {"ticket": code, "clinic_id": used.clinic_id}
    raise rules.ReferenceUsed(details=details, reference=reference, ticket=code, clinic=used.clinic)


def joined(*notes: str) -> str:
    """Several notes as the one of a movement."""
    return " · ".join(note.strip() for note in notes if note.strip())[:200]


def payment_of(movement: Movement, method: str, amount_cents: int, rounding_cents: int) -> Payment:
    """The movement of a payment or refund as a Payment."""
    return Payment(
        id=movement.id,
        ticket_id=movement.ticket_id or 0,
        session_id=movement.session_id,
        method=method,
        amount_cents=amount_cents,
        rounding_cents=rounding_cents,
        tendered_cents=movement.tendered_cents,
        change_cents=movement.change_cents,
        reference=movement.reference,
        received_at=movement.received_at,
    )


@dataclass(frozen=True, slots=True)
class OpenSession:
    id: int
    till_id: int


def lock_open_session(clinic_id: int, *, actor: Actor, takes_cash: bool = False) -> OpenSession:
    """The open session that takes the payment, locked until this transaction ends. Raises NoOpenTill.

    With ``takes_cash`` no one else takes cash out of its drawer meanwhile.

    The shared row lock makes a closing wait for the payment; a payment during a closing
    waits for it, finds the session closed and is refused.
    """
    row = db.session.execute(
        select(TillSession.id, TillSession.till_id)
        .join(Till, Till.id == TillSession.till_id)
        .where(TillSession.clinic_id == clinic_id, TillSession.status == "open")
        .order_by(*queries.tills.preference(actor))
        .limit(1)
        .with_for_update(read=not takes_cash, of=TillSession)
    ).first()
    if row is None:
        raise NoOpenTill
    return OpenSession(row.id, row.till_id)


def active_method(clinic_id: int, code: str) -> rules.Method:
    """An active method of a clinic by its code. Raises UnknownPaymentMethod."""
    normalized = code.strip().casefold()
    method = next((m for m in queries.tills.methods(clinic_id) if m.code == normalized), None)
    if method is None:
        raise rules.UnknownPaymentMethod
    return method
