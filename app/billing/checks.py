"""What must always be true of this package's rows."""

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import func, or_, select

from app.billing import rules
from app.billing.models import DocumentSeries, Movement, Ticket, TillCount, TillSession
from app.billing.queries import tills
from app.kernel.db import db
from app.kernel.integrity import Check, CheckContext


def _gaps(_context: CheckContext) -> Iterator[str]:
    papers = (
        ("ticket", Ticket.clinic_id, Ticket.number),
        ("till", TillSession.clinic_id, TillSession.number),
        ("difference", TillSession.clinic_id, TillSession.difference_number),
    )
    for kind, clinic_id, number in papers:
        found = select(clinic_id.label("clinic_id"), func.count(number), func.min(number), func.max(number))
        following = dict(
            db.session.execute(
                select(DocumentSeries.clinic_id, DocumentSeries.next_number).where(DocumentSeries.kind == kind)
            )
            .tuples()
            .all()
        )
        for clinic, count, lowest, highest in db.session.execute(found.group_by(clinic_id)):
            if count and (lowest != 1 or highest != count or following.get(clinic) != count + 1):
                numbers = f"numbers {lowest} to {highest}, next {following.get(clinic)}"
                yield f"{kind} of clinic {clinic}: {count} papers, {numbers}"


_PAID = func.coalesce(func.sum(Movement.amount_cents), 0)


def _overpaid_tickets(_context: CheckContext) -> Iterator[str]:
    rows = db.session.execute(
        select(Ticket.id, Ticket.amount_cents, _PAID.label("paid"))
        .join(Movement, Movement.ticket_id == Ticket.id)
        .group_by(Ticket.id)
        .having(or_(_PAID < 0, Ticket.amount_cents < _PAID))
    )
    for row in rows:
        yield f"ticket {row.id} of {row.amount_cents} cents has {row.paid} cents on it"


def _ledger(_context: CheckContext) -> Iterator[str]:
    """What the sessions took for tickets is what stands on the tickets; a refund takes back one payment."""
    of_tickets = Movement.kind.in_(("payment", "refund"))
    taken = select(Movement.clinic_id, _PAID).where(of_tickets).group_by(Movement.clinic_id)
    standing = (
        select(Ticket.clinic_id, _PAID).join(Movement, Movement.ticket_id == Ticket.id).group_by(Ticket.clinic_id)
    )
    till, papers = ({clinic: int(cents) for clinic, cents in db.session.execute(q)} for q in (taken, standing))
    for clinic in till.keys() | papers.keys():
        if till.get(clinic, 0) != papers.get(clinic, 0):
            yield f"clinic {clinic}: {till.get(clinic, 0)} cents in the tills, {papers.get(clinic, 0)} on tickets"
    old = Movement.__table__.alias("old")
    wrong = or_(old.c.amount_cents != -Movement.amount_cents, old.c.ticket_id != Movement.ticket_id)
    for row in db.session.execute(select(Movement.id).join(old, old.c.id == Movement.reverses_id).where(wrong)):
        yield f"movement {row.id} does not take back what it names"


def _sealed_sessions(_context: CheckContext) -> Iterator[str]:
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
    if session.snapshot is None or rules.seal(session.snapshot) != session.snapshot_sha256:
        yield "the seal is broken"
        return
    counted = {
        row.method_id: row
        for row in db.session.execute(
            select(TillCount.method_id, TillCount.expected_cents, TillCount.counted_cents).where(
                TillCount.session_id == session.id
            )
        )
    }
    figures = tills.figures(session.id, clinic_id=session.clinic_id, opening_float_cents=session.opening_float_cents)
    written = {line["code"]: line["expected_cents"] for line in orjson.loads(session.snapshot)["methods"]}
    for figure in figures:
        count = counted.get(figure.method_id)
        if count is None and not figure.expected_cents:
            continue  # a method that came into the catalogue later
        if count is None or not count.expected_cents == figure.expected_cents == written.get(figure.code):
            yield f"{figure.code}: the ledger says {figure.expected_cents} cents"
    if sum(row.counted_cents - row.expected_cents for row in counted.values()) != session.difference_cents:
        yield "the difference is not that of its counts"


def _mixed_clinics(_context: CheckContext) -> Iterator[str]:
    references = (
        ("movement's ticket", Movement, Ticket, Movement.ticket_id == Ticket.id),
        ("movement's session", Movement, TillSession, Movement.session_id == TillSession.id),
    )
    for what, child, parent, joined in references:
        for row in db.session.execute(select(child.id).join(parent, joined).where(child.clinic_id != parent.clinic_id)):
            yield f"{what} is of another clinic: row {row.id}"


CHECKS = (
    Check("numbers have no gaps", _gaps),
    Check("tickets are paid between nothing and their amount", _overpaid_tickets),
    Check("the ledger agrees with its tickets", _ledger),
    Check("closed tills are what was sealed", _sealed_sessions),
    Check("a movement, its ticket and its session belong to one clinic", _mixed_clinics),
)
