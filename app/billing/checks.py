"""Integrity checks of tickets, tills and the ledger, run on live data by ``flask verify``."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, literal_column, or_, select, text

from app.billing import accounts
from app.billing.events import PaymentRefunded, PaymentTaken
from app.billing.models import (
    CashCount,
    CashCountLine,
    DocumentSeries,
    Movement,
    MovementKind,
    Posting,
    Ticket,
    TillCount,
    TillSession,
)
from app.billing.queries import tills
from app.billing.rules import tills as till_rules
from app.kernel.db import db
from app.kernel.integrity import Check, CheckContext
from app.kernel.outbox import EventRow


def _rows(statement: str, message: str) -> Callable[[CheckContext], Iterator[str]]:
    """A check by SQL: a message per row, with its columns in the places of ``{}``."""
    return lambda _context: (message.format(*row) for row in db.session.execute(text(statement)))


def _gaps(_context: CheckContext) -> Iterator[str]:
    documents = (
        ("ticket", Ticket.clinic_id, Ticket.number),
        ("till", TillSession.clinic_id, TillSession.number),
        ("difference", TillSession.clinic_id, TillSession.difference_number),
        ("opening_difference", TillSession.clinic_id, TillSession.opening_difference_number),
    )
    for kind, clinic_id, number in documents:
        numbers = select(clinic_id.label("clinic_id"), func.count(number), func.min(number), func.max(number))
        series = select(DocumentSeries.clinic_id, DocumentSeries.next_number).where(DocumentSeries.kind == kind)
        following = dict(db.session.execute(series).tuples().all())
        counts = db.session.execute(numbers.group_by(clinic_id)).all()
        for clinic in following.keys() - {row[0] for row in counts if row[1]}:
            if following[clinic] != 1:
                yield f"{kind} of clinic {clinic}: no document, next {following[clinic]}"
        for clinic, count, lowest, highest in counts:
            if count and (lowest != 1 or highest != count or following.get(clinic) != count + 1):
                yield (
                    f"{kind} of clinic {clinic}: {count} documents, numbers {lowest} to {highest},"
                    f" next {following.get(clinic)}"
                )


def _wrong_accounts(_context: CheckContext) -> Iterator[str]:
    """A movement debits and credits only the accounts of its kind."""
    is_debit: ColumnElement[bool] = literal_column("posting.cents > 0")  # not bound: has to equal the GROUP BY
    sides = select(Movement.kind, Posting.account, is_debit.label("is_debit"), func.min(Movement.id))
    sides = sides.join(Posting, Posting.movement_id == Movement.id).group_by(Movement.kind, Posting.account, is_debit)
    for kind, account, debited, example in db.session.execute(sides):
        movement_kind = accounts.KINDS.get(kind)
        if movement_kind is None or account not in (movement_kind.debit if debited else movement_kind.credit):
            yield f"movement {example}: {account} is not {'debited' if debited else 'credited'} by {kind}"


def _unknown_kinds(_context: CheckContext) -> Iterator[str]:
    """The kinds of the database are those of the code."""
    columns = ("ticket_side", "needs_ticket", "needs_session", "needs_method", "needs_user")
    stored = {
        kind.code: tuple(getattr(kind, name) for name in columns) for kind in db.session.scalars(select(MovementKind))
    }
    coded = {code: tuple(getattr(kind, name) for name in columns) for code, kind in accounts.KINDS.items()}
    for code in sorted(stored.keys() | coded.keys()):
        if stored.get(code) != coded.get(code):
            yield f"kind {code}: the database says {stored.get(code)}, the code {coded.get(code)}"


def _closed_sessions(_context: CheckContext) -> Iterator[str]:
    """A closed session agrees with its sealed report: SHA-256, figures, difference, no later movement."""
    columns = (
        TillSession.id,
        TillSession.clinic_id,
        TillSession.opening_float_cents,
        TillSession.difference_cents,
        TillSession.snapshot,
        TillSession.snapshot_sha256,
    )
    for session in db.session.execute(select(*columns).where(TillSession.status == "closed")):
        yield from (f"till session {session.id}: {problem}" for problem in _problems_of(session))
    late = select(Movement.id, Movement.session_id).join(TillSession, TillSession.id == Movement.session_id)
    for row in db.session.execute(late.where(Movement.received_at > TillSession.closed_at)):
        yield f"till session {row.session_id}: movement {row.id} came after the closing"


def _problems_of(session: Any) -> Iterator[str]:
    if session.snapshot is None or till_rules.seal(session.snapshot) != session.snapshot_sha256:
        yield "the seal is broken"
        return
    of_session = TillCount.session_id == session.id
    counts = select(TillCount.method_id, TillCount.expected_cents, TillCount.counted_cents).where(of_session)
    counted = {row.method_id: row for row in db.session.execute(counts)}
    figures = tills.figures(session.id, clinic_id=session.clinic_id, opening_float_cents=session.opening_float_cents)
    sealed = {line["code"]: line["expected_cents"] for line in orjson.loads(session.snapshot)["methods"]}
    for figure in figures:
        count = counted.get(figure.method_id)
        if count is None and not figure.expected_cents:
            continue  # the method was added to the catalogue later
        if count is None or not count.expected_cents == figure.expected_cents == sealed.get(figure.code):
            yield f"{figure.code}: the ledger says {figure.expected_cents} cents"
    if sum(row.counted_cents - row.expected_cents for row in counted.values()) != session.difference_cents:
        yield "the difference is not that of its counts"


def _wrong_counts(_context: CheckContext) -> Iterator[str]:
    """A count is as it was sealed; a closed session closed with its last count and posted what differed."""
    lines: dict[int, list[till_rules.Count]] = {}
    for line in db.session.scalars(select(CashCountLine)):
        found_line = till_rules.Count(line.method_id, line.expected_cents, line.counted_cents)
        lines.setdefault(line.count_id, []).append(found_line)
    last: dict[int, int] = {}
    for count in db.session.scalars(select(CashCount).order_by(CashCount.session_id, CashCount.number)):
        if till_rules.seal_of_count(count.session_id, count.number, lines.get(count.id, [])) != count.sha256:
            yield f"count {count.id}: the seal is broken"
        last[count.session_id] = count.id
    accepted: dict[int, set[tuple[int, int, int]]] = {}
    for row in db.session.scalars(select(TillCount).where(TillCount.session_id.in_(last))):
        accepted.setdefault(row.session_id, set()).add((row.method_id, row.expected_cents, row.counted_cents))
    for session_id, found in accepted.items():
        sealed = {(c.method_id, c.expected_cents, c.counted_cents) for c in lines.get(last[session_id], [])}
        if found != sealed:
            yield f"till session {session_id}: closed with other figures than those of its last count"


def _foreign_rows(_context: CheckContext) -> Iterator[str]:
    parents = (
        ("ticket", Ticket, Movement.ticket_id == Ticket.id),
        ("session", TillSession, Movement.session_id == TillSession.id),
    )
    for name, parent, joined in parents:
        wrong = select(Movement.id).join(parent, joined).where(Movement.clinic_id != parent.clinic_id)
        for row in db.session.execute(wrong):
            yield f"movement's {name} is of another clinic: row {row.id}"


def _wrong_reversals(_context: CheckContext) -> Iterator[str]:
    """A reversal has the opposite postings of the movement it reverses, and is not reversed itself."""
    original = Movement.__table__.alias("original")
    reversed_again = select(Movement.id).join(original, original.c.id == Movement.reverses_id)
    for row in db.session.execute(
        reversed_again.where(or_(original.c.reverses_id.is_not(None), original.c.ticket_id != Movement.ticket_id))
    ):
        yield f"movement {row.id} does not take back what it names"
    # compares accounts, not dimensions: cash may be taken back in another till; a courtesy replaces the revenue
    pairs = """SELECT id FROM (
        SELECT m.id, p.account, p.cents FROM movement m JOIN posting p ON p.movement_id = m.id
        WHERE m.reverses_id IS NOT NULL AND m.kind <> 'courtesy'
        UNION ALL SELECT m.id, p.account, p.cents FROM movement m JOIN posting p ON p.movement_id = m.reverses_id
        WHERE m.kind <> 'courtesy'
    ) pair GROUP BY id, account HAVING sum(cents) <> 0"""
    for row in db.session.execute(text(pairs)):
        yield f"movement {row.id} is not the mirror of what it names"


def _payments_unlike_their_events(_context: CheckContext) -> Iterator[str]:
    """The event of a payment or refund keeps its amount and method beside the ledger."""
    kept = select(EventRow.data, EventRow.changes).where(
        EventRow.type.in_((PaymentTaken.type, PaymentRefunded.type)), EventRow.changes.is_not(None)
    )
    recorded = {row.data["payment_id"]: row.changes for row in db.session.execute(kept) if row.changes}
    if not recorded:
        return
    received = func.sum(Posting.cents).filter(Posting.account == "receivable")
    ledger = select(Movement.id, Movement.method_id, received.label("cents"))
    ledger = ledger.join(Posting, Posting.movement_id == Movement.id).where(Movement.id >= min(recorded))
    found = {row.id: (abs(row.cents or 0), row.method_id) for row in db.session.execute(ledger.group_by(Movement.id))}
    for payment_id, kept_values in recorded.items():
        expected = (kept_values["cents"], kept_values["method_id"])
        if found.get(payment_id) != expected:
            yield f"movement {payment_id} is {found.get(payment_id)} in the ledger, its event says {expected}"


CHECKS = (
    Check("numbers have no gaps", _gaps),
    Check(
        "movements sum to zero",
        _rows("SELECT movement_id FROM posting GROUP BY movement_id HAVING sum(cents) <> 0", "movement {} does not"),
    ),
    Check(
        "movements are sealed",
        _rows(
            "SELECT m.id FROM movement m WHERE NOT m.sealed OR NOT EXISTS"
            " (SELECT 1 FROM posting p WHERE p.movement_id = m.id)",
            "movement {} was left open",
        ),
    ),
    Check("movements post to the accounts of their kind", _wrong_accounts),
    Check("kinds of movement are those of the code", _unknown_kinds),
    Check("money belongs to one clinic", _foreign_rows),
    Check(
        "tickets are paid between nothing and their amount",
        _rows(
            "SELECT ticket_id, amount_cents, paid_cents FROM ticket_balance WHERE paid_cents NOT BETWEEN 0 AND"
            " amount_cents",
            "ticket {} of {} cents has {} cents on it",
        ),
    ),
    Check(
        "tickets owe what was charged and not paid",
        _rows(
            "SELECT b.ticket_id, b.charged_cents, b.owed_cents FROM ticket_balance b JOIN ticket t ON t.id ="
            " b.ticket_id WHERE b.owed_cents <> b.charged_cents - b.paid_cents OR b.charged_cents NOT IN (0,"
            " b.amount_cents) OR t.status = 'voided' AND b.owed_cents > 0",
            "ticket {}: charged {} cents, owes {} cents",
        ),
    ),
    Check(
        "the ledger agrees with its tickets",
        _rows(
            "SELECT clinic_id, sum(cents) FROM (SELECT s.clinic_id, v.cents FROM till_session_totals v JOIN"
            " till_session s ON s.id = v.session_id JOIN movement_kind k ON k.code = v.kind WHERE k.needs_ticket"
            " UNION ALL SELECT m.clinic_id, p.cents FROM movement m JOIN movement_kind k ON k.code = m.kind JOIN"
            " posting p ON p.movement_id = m.id WHERE p.account IN ('receivable', 'rounding') AND k.ticket_side <>"
            " 'charged' AND m.session_id IS NOT NULL) both_sides GROUP BY clinic_id HAVING sum(cents) <> 0",
            "clinic {}: {} cents apart",
        ),
    ),
    Check("reversals mirror what they name", _wrong_reversals),
    Check(
        "refunds give back no more than their payment",
        _rows(
            "SELECT o.id, sum(p.cents) FROM movement o JOIN movement m ON m.id = o.id OR m.refunds_id = o.id JOIN"
            " posting p ON p.movement_id = m.id WHERE o.kind = 'payment' AND p.account = 'receivable' AND o.id IN"
            " (SELECT refunds_id FROM movement WHERE refunds_id IS NOT NULL) GROUP BY o.id HAVING sum(p.cents) > 0",
            "payment {}: {} cents too much",
        ),
    ),
    Check(
        "no rounding stays on a ticket without money",
        _rows(
            "SELECT p.dimension, sum(p.cents) FROM posting p JOIN ticket_balance b ON b.ticket_id = p.dimension WHERE"
            " p.account = 'rounding' AND b.paid_cents = 0 GROUP BY p.dimension HAVING sum(p.cents) <> 0",
            "ticket {}: {} cents",
        ),
    ),
    Check(
        "liabilities never turn",
        _rows(
            "SELECT account, dimension FROM posting WHERE account IN ('credit', 'unearned', 'tips_payable')"
            " GROUP BY account, dimension HAVING sum(cents) > 0",
            "{} of {} is below zero",
        ),
    ),
    Check("payments are what their events say", _payments_unlike_their_events),
    Check("closed tills are what was sealed", _closed_sessions),
    Check("counts are what was sealed", _wrong_counts),
    Check(
        "differences are posted",
        _rows(
            "SELECT s.id, s.difference_cents FROM till_session s WHERE s.status = 'closed' AND EXISTS (SELECT 1 FROM"
            " cash_count c WHERE c.session_id = s.id) AND s.difference_cents <> (SELECT coalesce(-sum(p.cents), 0) FROM"
            " movement m JOIN posting p ON p.movement_id = m.id AND p.account = 'over_short' WHERE m.session_id = s.id"
            " AND m.kind = 'closing_difference')",
            "till session {}: {} cents are not in the ledger",
        ),
    ),
    Check(
        "openings are what was left, or a posted difference",
        _rows(
            "SELECT s.id FROM till_session s WHERE s.opening_float_cents - coalesce(s.opening_left_cents,"
            " s.opening_float_cents) <> (SELECT coalesce(-sum(p.cents), 0) FROM movement m JOIN posting p ON"
            " p.movement_id = m.id AND p.account = 'over_short' WHERE m.session_id = s.id AND m.kind ="
            " 'opening_difference')",
            "till session {} opened with another float",
        ),
    ),
    Check(
        "nobody decides on their own count",
        _rows(
            "SELECT c.id FROM cash_count c JOIN count_decision d ON d.count_id = c.id AND d.decided_by = c.counted_by",
            "count {}",
        ),
    ),
    Check(
        "a user holds one open till",
        _rows(
            "SELECT opened_by, count(*) FROM till_session WHERE status = 'open' GROUP BY opened_by HAVING count(*) > 1",
            "user {} holds {}",
        ),
    ),
)
