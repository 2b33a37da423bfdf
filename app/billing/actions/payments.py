"""Writes of the ledger that concern a ticket: take a payment, give it back.

Locks are taken in one order, session before ticket, so that nobody waits for each other in a ring.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from app.billing import events, permissions, queries, rules
from app.billing.actions import tickets
from app.billing.models import Movement, Till, TillSession
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.errors import Conflict, Invalid
from app.kernel.i18n import N_


class NoOpenTill(Conflict):
    """``details['next']`` says where a till is opened."""

    code = "NO_OPEN_TILL"
    message = N_("No hay una caja abierta en esta sede. Abra la caja y vuelva a cobrar.")

    def __init__(self) -> None:
        super().__init__(details={"next": "/till"})


class TicketVoided(Conflict):
    code = "TICKET_VOIDED"
    message = N_("El ticket está anulado; no se puede cobrar.")


class NothingOwed(rules.PaysTooMuch):
    message = N_("El ticket ya está pagado; no se debe nada.")
    field = ""


class AlreadyRefunded(Conflict):
    code = "ALREADY_REFUNDED"
    message = N_("Este pago ya se devolvió.")


@dataclass(frozen=True, slots=True)
class Payment:
    """What was written. ``change_cents`` goes back to the patient."""

    id: int
    ticket_id: int
    session_id: int
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
    """Take money for a ticket into the open till; without an amount, all that is owed.

    ``method`` is a code of the clinic's catalogue. Raises NotFound, NoOpenTill, TicketVoided,
    PaysTooMuch, Invalid.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.TAKE_PAYMENT, clinic_id)
    session_id = hold_open_session(clinic_id, actor=actor)
    ticket = tickets.locked_by_id(ticket_id)
    if ticket.status == "voided":
        raise TicketVoided
    owed = ticket.amount_cents - queries.tickets.paid_on(ticket.id)
    if owed <= 0:
        raise NothingOwed
    by = active_method(clinic_id, method)
    amount = rules.check_amount(amount_cents, owed_cents=owed, currency=ticket.currency)
    tendered, change = rules.change_of(by, amount_cents=amount, tendered_cents=tendered_cents)
    payment = Payment(
        id=_write(
            clinic_id=clinic_id,
            session_id=session_id,
            kind="payment",
            method_id=by.id,
            amount_cents=amount,
            ticket_id=ticket.id,
            tendered_cents=tendered,
            change_cents=change,
            reference=rules.check_reference(by, reference),
            note=note.strip()[:200],
            received_at=now,
            received_by=actor.user_id,
        ),
        ticket_id=ticket.id,
        session_id=session_id,
        method=by.code,
        amount_cents=amount,
        tendered_cents=tendered,
        change_cents=change,
        reference=reference.strip(),
        received_at=now,
    )
    tickets.record(events.PaymentTaken, ticket, payment_id=payment.id, session_id=session_id, actor=actor, now=now)
    return payment


def refund_payment(payment_id: int, *, reason: str, actor: Actor, now: datetime) -> Payment:
    """Give a payment back: a reversing line in the session that is open now. The old line stays.

    Raises NotFound, NoOpenTill, AlreadyRefunded, Invalid without a reason.
    """
    paid = queries.tickets.payment(payment_id, actor=actor)
    require(actor, permissions.REFUND, paid["clinic_id"])
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo de la devolución.")})
    session_id = hold_open_session(paid["clinic_id"], actor=actor)
    ticket = tickets.locked_by_id(paid["ticket_id"])
    if db.session.scalar(select(Movement.id).where(Movement.reverses_id == payment_id)):
        raise AlreadyRefunded
    refund_id = _write(
        clinic_id=paid["clinic_id"],
        session_id=session_id,
        kind="refund",
        method_id=paid["method_id"],
        amount_cents=-paid["amount_cents"],
        ticket_id=ticket.id,
        reference=paid["reference"],
        reverses_id=payment_id,
        note=reason.strip()[:200],
        received_at=now,
        received_by=actor.user_id,
        authorised_by=actor.user_id,
    )
    tickets.record(
        events.PaymentRefunded,
        ticket,
        payment_id=refund_id,
        reverses_id=payment_id,
        session_id=session_id,
        actor=actor,
        now=now,
    )
    return Payment(
        id=refund_id,
        ticket_id=ticket.id,
        session_id=session_id,
        method=paid["method"],
        amount_cents=-paid["amount_cents"],
        tendered_cents=None,
        change_cents=0,
        reference=paid["reference"],
        received_at=now,
    )


def hold_open_session(clinic_id: int, *, actor: Actor) -> int:
    """The session that takes the money, held open until this transaction ends. Raises NoOpenTill.

    The shared row lock makes a closing wait for the payment; a payment that comes during a closing
    waits in its turn, finds the session closed and is refused.
    """
    found = db.session.scalar(
        select(TillSession.id)
        .join(Till, Till.id == TillSession.till_id)
        .where(TillSession.clinic_id == clinic_id, TillSession.status == "open")
        .order_by(*queries.tills.preference(actor))
        .limit(1)
        .with_for_update(read=True, of=TillSession)
    )
    if found is None:
        raise NoOpenTill
    return int(found)


def active_method(clinic_id: int, code: str) -> rules.Method:
    """An active method of a clinic by its code. Raises UnknownMethod."""
    wanted = code.strip().casefold()
    found = next((m for m in queries.tills.methods(clinic_id) if m.code == wanted), None)
    if found is None:
        raise rules.UnknownMethod
    return found


def _write(**values: object) -> int:
    return int(db.session.execute(insert(Movement).returning(Movement.id), values).scalar_one())
