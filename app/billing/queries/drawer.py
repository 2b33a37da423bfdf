"""Reads of what goes into and out of a session: its lines, what is in the drawer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.billing import accounts, permissions, rules
from app.billing.models import Movement, PaymentMethod, Posting, Ticket, TillSession, till_session_totals
from app.billing.queries.collected import POSTED
from app.identity.models import User
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.patients.models import Patient


def movements(session_id: int) -> list[dict[str, Any]]:
    """The lines of a session in their order, each with the code of its ticket and the line that reverses it."""
    receiver, authoriser, reversal = aliased(User), aliased(User), aliased(Movement)
    rows = db.session.execute(
        select(
            Movement.id,
            Movement.kind,
            Movement.received_at,
            Posting.cents.label("amount_cents"),
            Movement.tendered_cents,
            Movement.change_cents,
            Movement.ticket_id,
            Ticket.number.label("ticket_number"),
            Patient.full_name.label("patient"),
            PaymentMethod.code.label("method"),
            PaymentMethod.name.label("method_name"),
            Movement.reference,
            Movement.concept,
            Movement.beneficiary,
            Movement.voucher_number,
            func.coalesce(Movement.reverses_id, Movement.refunds_id).label("reverses_id"),
            reversal.id.label("reversed_by_id"),
            Movement.note,
            receiver.full_name.label("received_by"),
            authoriser.full_name.label("authorised_by"),
        )
        .join(Posting, POSTED)
        .join(PaymentMethod, PaymentMethod.id == Movement.method_id)
        .join(receiver, receiver.id == Movement.received_by)
        .outerjoin(authoriser, authoriser.id == Movement.authorised_by)
        .outerjoin(reversal, reversal.reverses_id == Movement.id)
        .outerjoin(Ticket, Ticket.id == Movement.ticket_id)
        .outerjoin(Patient, Patient.id == Ticket.patient_id)
        .where(Movement.session_id == session_id)
        .order_by(Movement.received_at, Movement.id)
    )
    return [_line(row._mapping) for row in rows]


def _line(row: Mapping[Any, Any]) -> dict[str, Any]:
    code = rules.ticket_code(row["ticket_number"]) if row["ticket_number"] else ""
    can_reverse = row["kind"] in accounts.CASH_MOVES and row["reversed_by_id"] is None
    return {**row, "ticket_code": code, "label": accounts.LABELS[row["kind"]], "can_reverse": can_reverse}


@dataclass(frozen=True, slots=True)
class CashMove:
    """Cash in or out other than payments; ``amount_cents`` is signed, positive into the drawer."""

    id: int
    clinic_id: int
    session_id: int
    is_open: bool
    kind: str
    concept: str
    method_id: int
    amount_cents: int
    reversed_by_id: int | None


def cash_move(movement_id: int, *, actor: Actor) -> CashMove:
    """A movement of cash that can be reversed. Raises NotFound for others and in clinics of others."""
    reversal = aliased(Movement)
    row = db.session.execute(
        select(
            Movement.id,
            Movement.clinic_id,
            Movement.session_id,
            (TillSession.status == "open").label("is_open"),
            Movement.kind,
            Movement.concept,
            Movement.method_id,
            Posting.cents.label("amount_cents"),
            reversal.id.label("reversed_by_id"),
        )
        .join(Posting, POSTED)
        .join(TillSession, TillSession.id == Movement.session_id)
        .outerjoin(reversal, reversal.reverses_id == Movement.id)
        .where(
            Movement.id == movement_id,
            Movement.kind.in_(accounts.CASH_MOVES),
            Movement.clinic_id.in_(actor.clinics_with(permissions.OPERATE_TILL)),
        )
    ).first()
    if row is None:
        raise NotFound
    return CashMove(**row._mapping)


def session_of(movement_id: int) -> int:
    """The session of a movement of cash."""
    return int(db.session.scalars(select(Movement.session_id).where(Movement.id == movement_id)).one() or 0)


def postings(movement_id: int) -> dict[tuple[accounts.Account, int], int]:
    """The postings of a movement."""
    rows = db.session.execute(
        select(Posting.account, Posting.dimension, Posting.cents).where(Posting.movement_id == movement_id)
    )
    return {(accounts.Account(account), dimension): cents for account, dimension, cents in rows}


def cash_in_drawer(session_id: int) -> int:
    """Cents of cash that a session expects in its drawer now."""
    totals = till_session_totals.c
    cash = select(PaymentMethod.id).where(PaymentMethod.is_cash.is_(True))
    moved = select(func.coalesce(func.sum(totals.cents), 0)).where(
        totals.session_id == session_id, totals.method_id.in_(cash)
    )
    float_cents = select(TillSession.opening_float_cents).where(TillSession.id == session_id).scalar_subquery()
    return int(db.session.scalar(select(float_cents + moved.scalar_subquery())) or 0)


def control_figures(session_id: int) -> dict[str, Any]:
    """Numbers of the tickets of a session's payments, and by what rounding changed its cash, as a report has them."""
    rounding = select(func.coalesce(-func.sum(Posting.cents), 0)).join(Movement, Movement.id == Posting.movement_id)
    rounding = rounding.where(Movement.session_id == session_id, Posting.account == accounts.Account.ROUNDING)
    numbers = (func.min(Ticket.number), func.max(Ticket.number), func.count(Ticket.id.distinct()))
    row = db.session.execute(
        select(*numbers, rounding.correlate(None).scalar_subquery())
        .select_from(Ticket)
        .join(Movement, Movement.ticket_id == Ticket.id)
        .where(Movement.session_id == session_id)
    ).one()
    first, last, count, rounding_cents = row
    tickets = {
        "first": rules.ticket_code(first) if first else None,
        "last": rules.ticket_code(last) if last else None,
        "count": count,
    }
    return {"tickets": tickets, "rounding_cents": int(rounding_cents)}
