"""Writes of payments and refunds of tickets.

Locks are taken in one order, session before ticket, so that no two transactions wait for each other.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.billing import accounts, events, permissions, queries, rules
from app.billing.actions import credit, ledger, tickets, tills
from app.billing.models import Movement, Ticket, Till, TillSession
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.errors import Conflict, Invalid
from app.kernel.i18n import N_


class NoOpenTill(Conflict):
    """``details['next']`` is the address where a till is opened."""

    code = "NO_OPEN_TILL"
    message = N_("No hay una caja abierta en esta sede. Abra la caja y vuelva a cobrar.")

    def __init__(self) -> None:
        super().__init__(details={"next": "/till"})


class TicketIsVoided(Conflict):
    code = "TICKET_VOIDED"
    message = N_("El ticket está anulado; no se puede cobrar.")


class AlreadyPaid(rules.AmountExceedsBalance):
    message = N_("El ticket ya está pagado; no se debe nada.")
    field = ""


class AlreadyRefunded(Conflict):
    code = "ALREADY_REFUNDED"
    message = N_("Este pago ya se devolvió.")


class KeptAsCredit(Conflict):
    code = "KEPT_AS_CREDIT"
    message = N_("Este dinero quedó a favor del paciente. Devuelva primero el saldo a favor a su ticket.")


@dataclass(frozen=True, slots=True)
class Payment:
    """A recorded payment or refund. ``change_cents`` is given back to the patient."""

    id: int
    ticket_id: int
    session_id: int | None  # None: with credit of the patient
    method: str
    amount_cents: int
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
    note: str = "",
    actor: Actor,
    now: datetime,
) -> Payment:
    """Take a payment for a ticket into the open till; without an amount, all that is owed.

    ``method`` is a code of the clinic's catalogue, or ``saldo``: what is kept for the patient. Raises NotFound,
    NoOpenTill, NoCredit, TicketIsVoided, AmountExceedsBalance, Invalid.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.TAKE_PAYMENT, clinic_id)
    if method.strip().casefold() == rules.CREDIT:
        return _pay_with_credit(ticket_id, amount_cents, actor=actor, now=now)
    session = lock_open_session(clinic_id, actor=actor)
    ticket, owed = _lock_payable(ticket_id)
    payment_method = active_method(clinic_id, method)
    amount = rules.check_amount(amount_cents, owed_cents=owed, currency=ticket.currency)
    tendered, change = rules.change_of(payment_method, amount_cents=amount, tendered_cents=tendered_cents)
    movement = ledger.post(
        Movement(
            clinic_id=clinic_id,
            session_id=session.id,
            kind="payment",
            method_id=payment_method.id,
            ticket_id=ticket.id,
            tendered_cents=tendered,
            change_cents=change,
            reference=rules.check_reference(payment_method, reference),
            note=note.strip()[:200],
            received_at=now,
            received_by=actor.user_id,
        ),
        accounts.collected(session.till_id, payment_method.id, ticket.id, amount, is_cash=payment_method.is_cash),
    )
    payment = _payment(movement, session.id, ticket.id, payment_method.code, amount)
    tickets.record(
        events.PaymentTaken,
        ticket,
        payment_id=payment.id,
        session_id=session.id,
        kept={"cents": amount, "method_id": payment_method.id},
        actor=actor,
        now=now,
    )
    return payment


def _lock_payable(ticket_id: int) -> tuple[Ticket, int]:
    """The ticket under its lock and what it owes. Raises TicketIsVoided, also of a cancelled visit's; AlreadyPaid."""
    ticket = tickets.get_for_update(ticket_id)
    balance = queries.tickets.balance(ticket.id)
    if ticket.status == "voided" or (balance.amount_cents and not balance.charged_cents):
        raise TicketIsVoided
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
    return _payment(movement, None, ticket.id, rules.CREDIT, amount)


def refund_payment(payment_id: int, *, reason: str, overdraw_reason: str = "", actor: Actor, now: datetime) -> Payment:
    """Refund a payment by a reversing movement in the currently open session; the payment stays unchanged.

    ``overdraw_reason`` lets a supervisor give back more cash than the drawer holds. Raises NotFound, NoOpenTill,
    AlreadyRefunded, DrawerHoldsLess, Invalid without a reason.
    """
    payment = queries.tickets.payment(payment_id, actor=actor)
    require(actor, permissions.REFUND, payment.clinic_id)
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo de la devolución.")})
    session = lock_open_session(payment.clinic_id, actor=actor, takes_cash=payment.is_cash)
    ticket = tickets.get_for_update(payment.ticket_id)
    if db.session.scalar(select(Movement.id).where(Movement.reverses_id == payment_id)):
        raise AlreadyRefunded
    if queries.tickets.balance(ticket.id).paid_cents < payment.amount_cents:
        raise KeptAsCredit
    if payment.is_cash:
        tills.require_in_drawer(
            session.id, payment.amount_cents, clinic_id=payment.clinic_id, reason=overdraw_reason, actor=actor
        )
    movement = ledger.post(
        Movement(
            clinic_id=payment.clinic_id,
            session_id=session.id,
            kind="refund",
            method_id=payment.method_id,
            ticket_id=ticket.id,
            reference=payment.reference,
            reverses_id=payment_id,
            note=_note(reason, overdraw_reason),
            received_at=now,
            received_by=actor.user_id,
            authorised_by=actor.user_id,
        ),
        accounts.collected(
            session.till_id, payment.method_id, ticket.id, -payment.amount_cents, is_cash=payment.is_cash
        ),
    )
    tickets.record(
        events.PaymentRefunded,
        ticket,
        payment_id=movement.id,
        reverses_id=payment_id,
        session_id=session.id,
        kept={"cents": payment.amount_cents, "method_id": payment.method_id},
        actor=actor,
        now=now,
    )
    tickets.void_if_settled(ticket, reason=reason, actor=actor, now=now)
    return _payment(movement, session.id, ticket.id, payment.method, -payment.amount_cents)


def _note(reason: str, overdraw_reason: str) -> str:
    return " · ".join(part.strip() for part in (reason, overdraw_reason) if part.strip())[:200]


def _payment(movement: Movement, session_id: int | None, ticket_id: int, method: str, amount_cents: int) -> Payment:
    """The movement as a Payment."""
    return Payment(
        id=movement.id,
        ticket_id=ticket_id,
        session_id=session_id,
        method=method,
        amount_cents=amount_cents,
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
