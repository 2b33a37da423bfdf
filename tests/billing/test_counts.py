"""Sealed counts of a till and what a supervisor decides on them."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.billing import actions, queries, subscribers
from app.billing.models import CashCount, CashCountLine, CountDecision, Movement, Posting
from app.billing.rules import tills as till_rules
from app.kernel.db import db
from app.kernel.errors import Forbidden, Invalid
from app.kernel.outbox import EventRow
from app.notifications.models import Notification
from tests.billing.conftest import NOW, close, count, run_concurrently
from tests.billing.test_drawer import broken_checks


def finish(session, actor, **more):
    return actions.tills.close_till(session, reason="No sé", **more, actor=actor, now=NOW)


def approve(count_id, actor, **more):
    actions.counts.approve_count(count_id, **more, actor=actor, now=NOW)


def test_a_wrong_count_is_kept_with_what_was_expected(unit, desk, till):
    with unit():
        first = count(till, desk, {"efectivo": 9000}, denominations={5000: 1, 2000: 2})
    with unit():
        (stored,) = queries.counts.counts_of(till)
        assert (stored.id, stored.number, stored.counted_by) == (first, 1, "Ana Torres")
        assert (stored.counted_cents, stored.expected_cents, stored.difference_cents) == (9000, 10000, -1000)
        assert (stored.denominations, stored.is_current) == ({5000: 1, 2000: 2}, True)
        assert queries.tills.session(till, actor=desk)["status"] == "open"
        assert not broken_checks()


def test_there_are_three_counts(unit, desk, till):
    with unit():
        for cents in (9000, 9100, 9200):
            count(till, desk, {"efectivo": cents})
    with unit(), pytest.raises(till_rules.TooManyCounts):
        count(till, desk, {"efectivo": 10000})
    with unit():
        assert [c.counted_cents for c in queries.counts.counts_of(till)] == [9000, 9100, 9200]


def test_a_rejected_count_allows_another_and_closes_nothing(unit, desk, supervisor, till):
    with unit():
        for cents in (9000, 9100, 9200):
            last = count(till, desk, {"efectivo": cents})
        with pytest.raises(Invalid):
            actions.counts.reject_count(last, reason=" ", actor=supervisor, now=NOW)
        actions.counts.reject_count(last, reason="Revise el sobre", actor=supervisor, now=NOW)
    with unit(), pytest.raises(till_rules.RecountNeeded):
        finish(till, desk)
    with unit():
        count(till, desk, {"efectivo": 10000})
        assert actions.tills.close_till(till, actor=desk, now=NOW)["difference_cents"] == 0


def test_nothing_closes_without_a_count(unit, desk, till):
    with unit(), pytest.raises(till_rules.NotCounted):
        finish(till, desk)


def test_an_approval_is_for_one_count(unit, desk, supervisor, till):
    """Diego allows ten missing soles; a closing with four hundred is another count, which nobody allowed."""
    with unit():
        first = count(till, desk, {"efectivo": 9000})
        with pytest.raises(till_rules.ApprovalNeeded):
            finish(till, desk)
        with pytest.raises(Forbidden):
            approve(first, desk)
        approve(first, supervisor)
    with unit():
        second = count(till, desk, {"efectivo": 100})
        with pytest.raises(till_rules.ApprovalNeeded):
            finish(till, desk)
        with pytest.raises(actions.counts.StaleCount):
            approve(first, supervisor)
        approve(second, supervisor)
        with pytest.raises(actions.counts.AlreadyDecided):
            approve(second, supervisor)
        report = finish(till, desk)
        assert (report["approved_by"], report["closed_by"], report["difference_cents"]) == (
            *("Diego Rivas", "Ana Torres"),
            -9900,
        )


@pytest.mark.parametrize("kind", ["movement", "payment"])
def test_an_approval_ends_with_the_next_movement(unit, desk, supervisor, ticket, till, kind):
    with unit():
        approve(count(till, desk, {"efectivo": 9000}), supervisor)
    with unit():
        if kind == "movement":
            actions.drawer.record_movement(
                till, kind="cash_in", amount_cents=100000, concept="x", actor=desk, now=NOW + timedelta(minutes=1)
            )
        else:
            actions.payments.take_payment(ticket, method="yape", reference="1", actor=desk, now=NOW)
    with unit(), pytest.raises(till_rules.NotCounted):
        finish(till, desk)


def test_nobody_approves_their_own(unit, desk, supervisor, till):
    """Neither who counted nor who closes."""
    with unit():
        own = count(till, supervisor, {"efectivo": 9000})
        with pytest.raises(actions.counts.OwnCount):
            approve(own, supervisor)
    row = {"count_id": own, "is_approved": True, "expected_cents": 0, "counted_cents": 0, "reason": ""}
    with pytest.raises(DBAPIError, match="nobody decides"), unit():
        db.session.execute(insert(CountDecision).values(**row, decided_at=NOW, decided_by=supervisor.user_id))
    with unit():
        approve(count(till, desk, {"efectivo": 9000}), supervisor)
        with pytest.raises(till_rules.ApprovalNeeded):
            finish(till, supervisor)
        assert finish(till, desk)["approved_by"] == "Diego Rivas"


def test_a_refund_alone_of_a_method_without_a_drawer_closes_with_nothing_missing(unit, desk, supervisor, ticket, till):
    with unit():
        paid = actions.payments.take_payment(ticket, method="yape", reference="1", actor=desk, now=NOW)
        close(till, desk, 10000, counted={"yape": 8000})
    with unit():
        second = actions.tills.open_till(1, opening_float_cents=10000, actor=desk, now=NOW)
        actions.refunds.refund_payment(paid.id, reason="x", actor=supervisor, now=NOW)
        assert close(second, desk, 10000)["difference_cents"] == 0
        assert not broken_checks()


def test_differences_are_posted(unit, desk, supervisor, ticket, till):
    with unit():
        actions.payments.take_payment(ticket, method="yape", reference="1", actor=desk, now=NOW)
        approve(count(till, desk, {"efectivo": 9000, "yape": 8050}), supervisor)
        finish(till, desk)
    with unit():
        posted = select(Posting.account, Posting.dimension, Posting.cents).join(Movement)
        found = db.session.execute(posted.where(Movement.kind == "closing_difference")).all()
        assert sorted(found) == [
            ("clearing", 2, 50),
            ("over_short", till, -50),
            ("over_short", till, 1000),
            ("till", 1, -1000),
        ]
        assert not broken_checks()


def test_counts_and_decisions_never_change(unit, desk, supervisor, till):
    with unit():
        first = count(till, desk, {"efectivo": 9000})
        approve(first, supervisor)
    for statement in (
        update(CashCount).values(number=9),
        update(CashCountLine).values(counted_cents=10000),
        update(CountDecision).values(is_approved=False),
        text("DELETE FROM cash_count_line"),
        text("DELETE FROM count_decision"),
    ):
        with pytest.raises(DBAPIError, match="append-only"), unit():
            db.session.execute(statement)
    with unit():
        finish(till, desk)
    row = {"session_id": till, "number": 2, "counted_at": NOW, "counted_by": 1, "last_movement_id": 0}
    with pytest.raises(DBAPIError, match="immutable"), unit():
        db.session.execute(insert(CashCount).values(**row, sha256=""))


def test_concurrent_counts_are_numbered(app, unit, desk, supervisor, till):
    run_concurrently(app, lambda: count(till, desk, {"efectivo": 1}), lambda: count(till, supervisor, {"efectivo": 2}))
    with unit():
        assert db.session.scalars(select(CashCount.number).order_by(CashCount.number)).all() == [1, 2]


def test_supervisors_and_who_counted_are_told(app, unit, desk, supervisor, till):
    with unit():
        first = count(till, desk, {"efectivo": 9000})
        approve(first, supervisor, reason="Vi el vale")
    with unit():
        for row in db.session.scalars(select(EventRow).order_by(EventRow.id)).all():
            for event, _name, subscriber in subscribers.SUBSCRIPTIONS:
                if row.type == event.type:
                    subscriber(event=row, now=NOW)
        told = {(n.user_id, n.kind): n for n in db.session.scalars(select(Notification))}
        request = told[supervisor.user_id, "till_counted"]
        assert request.text == "Ana Torres contó S/ 90.00, esperado S/ 100.00, faltan S/ 10.00."
        assert request.href == f"/till-sessions/{till}/closing"
        answer = told[desk.user_id, "till_decided"]
        assert (answer.title, answer.text) == ("Diego Rivas autorizó su cierre con diferencia", "Vi el vale")
        assert (desk.user_id, "till_counted") not in told
