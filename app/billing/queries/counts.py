"""Reads of the counts of a session: what was found, what was expected, what a supervisor decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.billing import permissions
from app.billing.models import CashCount, CashCountLine, CountDecision, Movement, PaymentMethod, TillSession
from app.billing.rules import tills as till_rules
from app.identity.models import User
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class CountLine:
    code: str
    name: str
    is_cash: bool
    count: till_rules.Count


@dataclass(frozen=True, slots=True)
class StoredCount:
    """A sealed count. ``is_current``: nothing was moved, paid or counted in the session since."""

    id: int
    session_id: int
    number: int
    counted_at: datetime
    counted_by_id: int
    counted_by: str
    last_movement_id: int
    denominations: dict[int, int]
    is_current: bool
    is_approved: bool | None
    decided_by_id: int | None
    decided_by: str | None
    decision_reason: str
    lines: Sequence[CountLine]

    @property
    def is_rejected(self) -> bool:
        return self.is_approved is False

    @property
    def counts(self) -> list[till_rules.Count]:
        return [line.count for line in self.lines]

    @property
    def expected_cents(self) -> int:
        return sum(count.expected_cents for count in self.counts)

    @property
    def counted_cents(self) -> int:
        return sum(count.counted_cents for count in self.counts)

    @property
    def difference_cents(self) -> int:
        return self.counted_cents - self.expected_cents

    @property
    def absolute_difference_cents(self) -> int:
        return till_rules.absolute_difference(self.counts)


Counter, Decider = aliased(User), aliased(User)
_COUNT = (
    select(
        CashCount.id,
        CashCount.session_id,
        CashCount.number,
        CashCount.counted_at,
        CashCount.counted_by.label("counted_by_id"),
        Counter.full_name.label("counted_by"),
        CashCount.last_movement_id,
        CashCount.denominations,
        CountDecision.is_approved,
        CountDecision.decided_by.label("decided_by_id"),
        Decider.full_name.label("decided_by"),
        func.coalesce(CountDecision.reason, "").label("decision_reason"),
    )
    .join(Counter, Counter.id == CashCount.counted_by)
    .outerjoin(CountDecision, CountDecision.count_id == CashCount.id)
    .outerjoin(Decider, Decider.id == CountDecision.decided_by)
    .order_by(CashCount.number)
)


def counts_of(session_id: int) -> list[StoredCount]:
    """The counts of a session, the first one first."""
    rows = db.session.execute(_COUNT.where(CashCount.session_id == session_id)).all()
    if not rows:
        return []
    lines = _lines([row.id for row in rows])
    last = last_movement_id(session_id)
    return [
        StoredCount(
            **{**row._mapping, "denominations": _pieces(row.denominations)},
            is_current=row is rows[-1] and row.last_movement_id == last,
            lines=lines[row.id],
        )
        for row in rows
    ]


def count(count_id: int) -> StoredCount:
    """One count by its id, for subscribers and callers that have its session."""
    session_id = db.session.scalars(select(CashCount.session_id).where(CashCount.id == count_id)).one()
    return next(count for count in counts_of(session_id) if count.id == count_id)


def current(counts: Sequence[StoredCount]) -> StoredCount | None:
    """The count that a closing may use: the last one, while nothing has happened since."""
    return counts[-1] if counts and counts[-1].is_current else None


def is_counted(session_id: int) -> bool:
    """Whether a session has a current count: from then on what is expected is no secret."""
    statement = select(CashCount.last_movement_id).where(CashCount.session_id == session_id)
    counted = db.session.scalar(statement.order_by(CashCount.number.desc()).limit(1))
    return counted is not None and counted == last_movement_id(session_id)


def last_movement_id(session_id: int) -> int:
    """The last movement of a session, 0 without one: what a count is good for."""
    return db.session.scalar(select(func.max(Movement.id)).where(Movement.session_id == session_id)) or 0


def session_of(count_id: int, *, actor: Actor) -> int:
    """The session of a count, in the clinics where the actor works at the till. Raises NotFound."""
    scope = actor.clinics_with(permissions.OPERATE_TILL)
    statement = select(CashCount.session_id).join(TillSession, TillSession.id == CashCount.session_id)
    session_id = db.session.scalar(statement.where(CashCount.id == count_id, TillSession.clinic_id.in_(scope)))
    if session_id is None:
        raise NotFound
    return int(session_id)


def _lines(count_ids: list[int]) -> dict[int, list[CountLine]]:
    found: dict[int, list[CountLine]] = {count_id: [] for count_id in count_ids}
    rows = db.session.execute(
        select(
            CashCountLine.count_id,
            CashCountLine.method_id,
            CashCountLine.expected_cents,
            CashCountLine.counted_cents,
            PaymentMethod.code,
            PaymentMethod.name,
            PaymentMethod.is_cash,
        )
        .join(PaymentMethod, PaymentMethod.id == CashCountLine.method_id)
        .where(CashCountLine.count_id.in_(count_ids))
        .order_by(PaymentMethod.position, PaymentMethod.id)
    )
    for row in rows:
        count = till_rules.Count(row.method_id, row.expected_cents, row.counted_cents)
        found[row.count_id].append(CountLine(row.code, row.name, row.is_cash, count))
    return found


def _pieces(stored: dict[str, Any] | None) -> dict[int, int]:
    return {int(value): int(pieces) for value, pieces in (stored or {}).items()}
