"""Writes of cash in and out of a drawer other than payments, and their reversal."""

from datetime import datetime

from sqlalchemy import select

from app.billing import accounts, events, permissions, queries
from app.billing.actions import ledger, payments, tills
from app.billing.models import Movement, TillSession
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.errors import Conflict, Invalid
from app.kernel.i18n import N_


class AlreadyReversed(Conflict):
    code = "ALREADY_REVERSED"
    message = N_("Este movimiento ya se anuló.")


def record_movement(
    session_id: int,
    *,
    kind: str,
    amount_cents: int | None,
    concept: str,
    beneficiary: str = "",
    voucher_number: str = "",
    reason: str = "",
    actor: Actor,
    now: datetime,
) -> int:
    """Record cash in or out of an open session; ``amount_cents`` is positive, the kind determines the sign.

    ``reason`` lets a supervisor take out more than the drawer holds. Raises NotFound, TillAlreadyClosed, Invalid,
    DrawerHoldsLess.
    """
    head = queries.tills.session(session_id, actor=actor)
    require(actor, permissions.OPERATE_TILL, head["clinic_id"])
    cents = _check_movement(kind, amount_cents, concept)
    session = tills.lock_open(session_id)
    cash_method = tills.cash_method(session.clinic_id)
    is_out = kind != "cash_in"
    authoriser = _authoriser(session, cents, reason, actor) if is_out else None
    movement = ledger.post(
        Movement(
            clinic_id=session.clinic_id,
            session_id=session.id,
            kind=kind,
            method_id=cash_method.id,
            concept=concept.strip()[:160],
            beneficiary=beneficiary.strip()[:120],
            voucher_number=voucher_number.strip()[:40],
            note=reason.strip()[:200],
            received_at=now,
            received_by=actor.user_id,
            authorised_by=authoriser,
        ),
        accounts.cash_move(kind, session.till_id, -cents if is_out else cents),
    )
    tills.record(events.TillMoved, session, movement_id=movement.id, actor=actor, now=now)
    return movement.id


def _authoriser(session: TillSession, cents: int, reason: str, actor: Actor) -> int | None:
    return tills.require_in_drawer(session.id, cents, clinic_id=session.clinic_id, reason=reason, actor=actor)


def _check_movement(kind: str, amount_cents: int | None, concept: str) -> int:
    errors = {}
    if kind not in accounts.CASH_MOVES:
        errors["kind"] = N_("Elija ingreso, retiro, gasto o depósito.")
    if amount_cents is None or amount_cents <= 0:
        errors["amount"] = N_("Escriba un monto mayor que cero.")
    if not concept.strip():
        errors["concept"] = N_("Escriba el concepto.")
    if errors or amount_cents is None:
        raise Invalid(errors)
    return amount_cents


def reverse_movement(movement_id: int, *, reason: str, actor: Actor, now: datetime) -> int:
    """Take back cash in or out by a mirrored movement that names it; the original stays. Returns its id.

    In the original's session while that is open; a supervisor takes back what belongs to a closed session, in the
    open one. Raises NotFound, AlreadyReversed, NoOpenTill, DrawerHoldsLess, Invalid without a reason.
    """
    original = queries.drawer.cash_move(movement_id, actor=actor)
    needed = permissions.OPERATE_TILL if original.is_open else permissions.APPROVE
    require(actor, needed, original.clinic_id)
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo de la anulación.")})
    session_id = original.session_id
    if not original.is_open:
        session_id = payments.lock_open_session(original.clinic_id, actor=actor).id
    session = tills.lock_open(session_id)
    if db.session.scalar(select(Movement.id).where(Movement.reverses_id == movement_id)):
        raise AlreadyReversed
    is_out = original.amount_cents > 0
    authoriser = _authoriser(session, original.amount_cents, reason, actor) if is_out else None
    mirrored = accounts.mirror(queries.drawer.postings(movement_id))
    movement = ledger.post(
        Movement(
            clinic_id=session.clinic_id,
            session_id=session.id,
            kind="move_reversal",
            method_id=original.method_id,
            concept=original.concept,
            reverses_id=original.id,
            note=reason.strip()[:200],
            received_at=now,
            received_by=actor.user_id,
            authorised_by=authoriser,
        ),
        accounts.in_drawer(mirrored, session.till_id),
    )
    tills.record(events.TillMoved, session, movement_id=movement.id, actor=actor, now=now)
    return movement.id
