"""Bulk inserts of tickets and till movements with their ledger entries, for the demo, the benchmark and tests.

They check no permission and record no event; the triggers of the database apply as for any other write.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select

from app.billing import accounts
from app.billing.actions import ledger
from app.billing.models import DocumentSeries, PaymentMethod, Ticket, TicketLine, TillSession
from app.kernel.db import db
from app.kernel.demo import advance_sequence, put

Row = Mapping[str, Any]


def issue_tickets(rows: Sequence[Row]) -> list[int]:
    """Tickets of one line each: the columns of a ticket with ``amount_cents`` and ``tax_rate_bp``.

    Charges them and reverses the charges of voided ones; returns their ids. All rows have the same columns.
    """
    line_columns = {"amount_cents", "tax_rate_bp"}
    tickets = [{name: value for name, value in row.items() if name not in line_columns} for row in rows]
    ids = list(db.session.scalars(insert(Ticket).returning(Ticket.id, sort_by_parameter_order=True), tickets))
    advance_sequence(Ticket)
    lines = [_line(ticket_id, row) for ticket_id, row in zip(ids, rows, strict=True)]
    line_ids = db.session.scalars(insert(TicketLine).returning(TicketLine.id, sort_by_parameter_order=True), lines)
    charged = [item for item in zip(ids, line_ids, rows, strict=True) if item[2]["amount_cents"]]
    charge_ids = ledger.post_many([_charge(*item) for item in charged])
    voided = [(item, charge) for item, charge in zip(charged, charge_ids, strict=True) if item[2].get("voided_at")]
    ledger.post_many([_reversal(*item, charge) for item, charge in voided])
    return ids


def write_series(tickets: Sequence[Row]) -> None:
    """Each clinic's series of ticket numbers goes on behind these tickets, its first ones."""
    last = {row["clinic_id"]: row["number"] for row in sorted(tickets, key=lambda row: row["number"])}
    rows = [{"clinic_id": clinic, "kind": "ticket", "next_number": number + 1} for clinic, number in last.items()]
    put(DocumentSeries, rows)


def _line(ticket_id: int, row: Row) -> dict[str, Any]:
    appointment_id = row.get("appointment_id")
    return {
        "ticket_id": ticket_id,
        "reference_type": "appointment" if appointment_id else None,
        "reference_id": appointment_id,
        "description": row["concept"],
        "unit_cents": row["amount_cents"],
        "tax_bp": row["tax_rate_bp"],
        "therapist_id": row.get("therapist_id"),
        "service_id": row.get("service_id"),
    }


def _charge(ticket_id: int, line_id: int, row: Row) -> tuple[Row, accounts.Postings]:
    movement = {
        "clinic_id": row["clinic_id"],
        "kind": "charge",
        "ticket_id": ticket_id,
        "received_at": row["issued_at"],
        "received_by": row.get("issued_by"),
    }
    return movement, accounts.charge(ticket_id, line_id, row["amount_cents"])


def _reversal(ticket_id: int, line_id: int, row: Row, charge_id: int) -> tuple[Row, accounts.Postings]:
    movement = {
        "clinic_id": row["clinic_id"],
        "kind": "reversal",
        "ticket_id": ticket_id,
        "reverses_id": charge_id,
        "received_at": row["voided_at"],
        "received_by": row.get("voided_by"),
        "note": row["void_reason"],
    }
    return movement, accounts.mirror(accounts.charge(ticket_id, line_id, row["amount_cents"]))


def record_movements(rows: Sequence[Row]) -> list[int]:
    """Payments, refunds and cash moves of open sessions: the columns of a movement with signed ``amount_cents``.

    All rows have the same columns.
    """
    cash_ids = set(db.session.scalars(select(PaymentMethod.id).where(PaymentMethod.is_cash)))
    session_ids = {row["session_id"] for row in rows}
    sessions = select(TillSession.id, TillSession.till_id).where(TillSession.id.in_(session_ids))
    till_of = dict(db.session.execute(sessions).tuples().all())
    return ledger.post_many([_movement(row, till_of[row["session_id"]], row["method_id"] in cash_ids) for row in rows])


def _movement(row: Row, till_id: int, is_cash: bool) -> tuple[Row, accounts.Postings]:
    movement = {name: value for name, value in row.items() if name != "amount_cents"}
    cents, ticket_id = row["amount_cents"], row.get("ticket_id")
    if ticket_id is None:
        return movement, accounts.cash_move(row["kind"], till_id, cents)
    return movement, accounts.collected(till_id, row["method_id"], ticket_id, cents, is_cash=is_cash)
