"""Writes of refunds: a payment goes back in whole or in part, by its own method or another one.

Locks are taken as for a payment: session before ticket.
"""

from datetime import datetime

from app.billing import accounts, events, permissions, queries, rules
from app.billing.actions import ledger, payments, tickets, tills
from app.billing.models import Movement, Ticket
from app.clinics import queries as clinics
from app.kernel.access import Actor, require
from app.kernel.errors import Conflict, Invalid
from app.kernel.i18n import N_


class AlreadyRefunded(Conflict):
    code = "ALREADY_REFUNDED"
    message = N_("Este pago ya se devolvió.")


class KeptAsCredit(Conflict):
    code = "KEPT_AS_CREDIT"
    message = N_("Este dinero quedó a favor del paciente. Devuelva primero el saldo a favor a su ticket.")


def refund_payment(
    payment_id: int,
    *,
    reason: str,
    amount_cents: int | None = None,
    method: str = "",
    reference: str = "",
    then: str = "owed",
    overdraw_reason: str = "",
    actor: Actor,
    now: datetime,
) -> payments.Payment:
    """Refund a payment by a movement in the currently open session; the payment stays unchanged.

    Without an amount all that is left of it, without a method by the payment's own. ``then`` says what becomes of a
    ticket on which no money stays: one of ``rules.AFTER_REFUND``. ``overdraw_reason`` lets a supervisor give back more
    cash than the drawer holds. Raises NotFound, Forbidden, NoOpenTill, AlreadyRefunded, RefundExceedsPayment,
    KeptAsCredit, DrawerHoldsLess, UnknownPaymentMethod, Invalid.
    """
    payment = queries.payments.payment(payment_id, actor=actor)
    require(actor, permissions.REFUND, payment.clinic_id)
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo de la devolución.")})
    by = _method(payment, method, actor)
    session = payments.lock_open_session(payment.clinic_id, actor=actor, takes_cash=by.is_cash)
    ticket = tickets.get_for_update(payment.ticket_id)
    payment = queries.payments.payment(payment_id, actor=actor)  # again: another refund may have come before the lock
    if payment.left_cents <= 0:
        raise AlreadyRefunded
    amount = _amount(payment, by, amount_cents, ticket.currency)
    rounding = payment.rounding_cents if amount == payment.left_cents else 0
    paid = queries.tickets.balance(ticket.id).paid_cents
    if paid < amount - rounding:
        raise KeptAsCredit
    _check_then(then, ticket, actor, keeps_money=paid != amount - rounding)
    if by.is_cash:
        tills.require_in_drawer(session.id, amount, clinic_id=payment.clinic_id, reason=overdraw_reason, actor=actor)
    stored = reference or (payment.reference if by.id == payment.method_id else "")
    movement = ledger.post(
        Movement(
            clinic_id=payment.clinic_id,
            session_id=session.id,
            kind="refund",
            method_id=by.id,
            ticket_id=ticket.id,
            reference=rules.check_reference(by, stored),
            refunds_id=payment_id,
            note=payments.joined(reason, overdraw_reason),
            received_at=now,
            received_by=actor.user_id,
            authorised_by=actor.user_id,
        ),
        accounts.collected(session.till_id, by.id, ticket.id, -amount, is_cash=by.is_cash, rounding_cents=-rounding),
    )
    tickets.record(
        events.PaymentRefunded,
        ticket,
        payment_id=movement.id,
        reverses_id=payment_id,
        session_id=session.id,
        kept={"cents": amount - rounding, "method_id": by.id},
        actor=actor,
        now=now,
    )
    if then == "void":
        tickets.void(ticket, reason=reason, actor=actor, now=now)
    elif then == "courtesy":
        tickets.waive(ticket, reason=reason, actor=actor, now=now)
    else:
        tickets.void_if_settled(ticket, reason=reason, actor=actor, now=now)
    return payments.payment_of(movement, by.code, -amount, -rounding)


def _method(payment: queries.payments.RefundablePayment, code: str, actor: Actor) -> rules.Method:
    """The method by which the money goes back. Raises UnknownPaymentMethod; Forbidden for another than its own."""
    own = rules.Method(payment.method_id, payment.method, payment.method_name, payment.is_cash, False)
    if code.strip().casefold() in ("", own.code):
        return own
    require(actor, permissions.REFUND_BY_OTHER_METHOD, payment.clinic_id)
    return payments.active_method(payment.clinic_id, code)


def _amount(
    payment: queries.payments.RefundablePayment, by: rules.Method, amount_cents: int | None, currency: str
) -> int:
    amount = rules.refund_amount(amount_cents, left_cents=payment.left_cents, currency=currency)
    if by.id != payment.method_id or amount != payment.left_cents:
        rules.check_coins(by, amount, currency, clinics.clinic(payment.clinic_id).cash_rounding)
    return amount


def _check_then(then: str, ticket: Ticket, actor: Actor, *, keeps_money: bool) -> None:
    """Raise Invalid for a ticket that keeps money on it, Forbidden for who may not void."""
    if then not in rules.AFTER_REFUND:
        raise Invalid({"then": N_("Elija qué pasa con el ticket.")})
    if then == "owed":
        return
    require(actor, permissions.VOID, ticket.clinic_id)
    if ticket.status == "voided" or keeps_money:
        text = N_("El ticket conserva dinero pagado: no se puede anular ni dar de cortesía con esta devolución.")
        raise Invalid({"then": text})
