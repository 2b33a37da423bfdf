"""Writes of counts: a sealed count of a session, a supervisor's decision on it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import insert

from app.billing import events, permissions, queries
from app.billing.actions import tills
from app.billing.models import CashCount, CashCountLine, CountDecision
from app.billing.rules import tills as till_rules
from app.clinics import queries as clinics
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.errors import Conflict, Invalid
from app.kernel.i18n import N_


class StaleCount(Conflict):
    code = "COUNT_IS_STALE"
    message = N_("La caja cambió después de ese conteo, o hay uno más nuevo. Vea el último; no se registró nada.")


class AlreadyDecided(Conflict):
    code = "COUNT_ALREADY_DECIDED"
    message = N_("Ya se decidió sobre ese conteo.")


class OwnCount(Conflict):
    code = "OWN_COUNT"
    message = N_("Nadie autoriza su propio conteo. Pida a otra persona de supervisión que lo revise.")


def submit_count(
    session_id: int,
    *,
    counted: Mapping[str, int],
    denominations: Mapping[int, int] | None = None,
    actor: Actor,
    now: datetime,
) -> int:
    """Seal what was counted in an open session, right or wrong; returns the count's id.

    ``counted`` is cents by method code. At most ``MAX_COUNTS`` while nothing moves, one more after each rejection.
    Raises NotFound, TillAlreadyClosed, Invalid, TooManyCounts.
    """
    head = queries.tills.session(session_id, actor=actor)
    require(actor, permissions.OPERATE_TILL, head["clinic_id"])
    session = tills.lock_open(session_id)
    figures = queries.tills.figures(
        session.id, clinic_id=session.clinic_id, opening_float_cents=session.opening_float_cents
    )
    counts = till_rules.counts_of(figures, counted, denominations, head["currency"])
    earlier = queries.counts.counts_of(session_id)
    last_movement_id = queries.counts.last_movement_id(session_id)
    since = [count for count in earlier if count.last_movement_id == last_movement_id]
    till_rules.check_number_of_counts(len(since), rejected=sum(count.is_rejected for count in since))
    row = CashCount(
        session_id=session_id,
        number=len(earlier) + 1,
        counted_at=now,
        counted_by=actor.person_id,
        last_movement_id=last_movement_id,
        denominations=tills.pieces_of(denominations),
        sha256=till_rules.seal_of_count(session_id, len(earlier) + 1, counts),
    )
    db.session.add(row)
    db.session.flush()  # for the primary key
    db.session.execute(insert(CashCountLine), [{"count_id": row.id, **asdict(count)} for count in counts])
    limit = clinics.clinic(session.clinic_id).difference_limit_cents
    event = {"count_id": row.id, "needs_approval": till_rules.absolute_difference(counts) > limit}
    tills.record(events.TillCounted, session, **event, actor=actor, now=now)
    return row.id


def approve_count(count_id: int, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Allow a session to close with the difference of this count and of no other.

    Raises NotFound, Forbidden, StaleCount, AlreadyDecided, OwnCount.
    """
    _decide(count_id, is_approved=True, reason=reason, actor=actor, now=now)


def reject_count(count_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Ask for another count. Raises as ``approve_count``, and Invalid without a reason."""
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba qué se debe revisar.")})
    _decide(count_id, is_approved=False, reason=reason, actor=actor, now=now)


def _decide(count_id: int, *, is_approved: bool, reason: str, actor: Actor, now: datetime) -> None:
    session_id = queries.counts.session_of(count_id, actor=actor)
    head = queries.tills.session(session_id, actor=actor)
    require(actor, permissions.APPROVE, head["clinic_id"])
    session = tills.lock_open(session_id)
    count = queries.counts.current(queries.counts.counts_of(session_id))
    if count is None or count.id != count_id:
        raise StaleCount
    if count.is_approved is not None:
        raise AlreadyDecided
    if count.counted_by_id == actor.user_id:
        raise OwnCount
    db.session.add(
        CountDecision(
            count_id=count_id,
            is_approved=is_approved,
            expected_cents=count.expected_cents,
            counted_cents=count.counted_cents,
            reason=reason.strip()[:200],
            decided_at=now,
            decided_by=actor.person_id,
        )
    )
    db.session.flush()  # the response of this request reads it
    event = events.ClosingApproved if is_approved else events.RecountRequested
    tills.record(event, session, count_id=count_id, actor=actor, now=now)
