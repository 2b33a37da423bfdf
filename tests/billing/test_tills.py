"""Till sessions: opening, movements, closing, concurrency."""

from datetime import UTC, date, datetime

import orjson
import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.billing import actions, queries, rules
from app.billing.models import DocumentSeries, Movement, Posting, TillCount, TillSession, till_session_totals
from app.billing.rules import tills as till_rules
from app.kernel.db import db
from app.kernel.errors import DomainError, Invalid, NotFound
from app.kernel.outbox import EventRow
from tests import build
from tests.billing.conftest import NOW, add_till, close, make_ticket, run_concurrently


def test_the_business_day_is_the_local_day_of_the_opening(unit, desk):
    late = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)  # 23:30 of the 20th in Lima
    with unit():
        session = actions.tills.open_till(1, opening_float_cents=0, actor=desk, now=late)
        head = queries.tills.session(session, actor=desk)
        assert (head["business_day"], head["code"]) == (date(2026, 11, 20), "CJ-2026-000001")


def test_a_till_opens_once(unit, desk, till):
    with unit(), pytest.raises(actions.tills.TillAlreadyOpen):
        actions.tills.open_till(1, opening_float_cents=0, actor=desk, now=NOW)


def test_other_clinics_and_negative_floats_open_no_till(unit, desk, other_clinic_desk):
    with unit():
        with pytest.raises(NotFound):
            actions.tills.open_till(1, opening_float_cents=0, actor=other_clinic_desk, now=NOW)
        with pytest.raises(Invalid):
            actions.tills.open_till(1, opening_float_cents=-1, actor=desk, now=NOW)


def test_the_kind_determines_the_sign_of_a_movement(unit, desk, till):
    with unit():
        for kind, cents in (("cash_in", 5000), ("expense", 1250), ("deposit", 2000), ("cash_out", 100)):
            actions.drawer.record_movement(till, kind=kind, amount_cents=cents, concept="x", actor=desk, now=NOW)
        signed = db.session.scalars(
            select(Posting.cents).where(Posting.account == "till").order_by(Posting.movement_id)
        ).all()
        assert signed == [5000, -1250, -2000, -100]
        with pytest.raises(Invalid) as refused:
            actions.drawer.record_movement(till, kind="payment", amount_cents=0, concept=" ", actor=desk, now=NOW)
        assert set(refused.value.details) == {"kind", "amount", "concept"}


def test_a_closing_stores_counts_and_seals_the_report(unit, desk, supervisor, ticket, till):
    with unit():
        other = make_ticket(2, amount_cents=6000)
        actions.payments.take_payment(ticket, method="efectivo", tendered_cents=20000, actor=desk, now=NOW)
        yape = actions.payments.take_payment(other, method="yape", reference="77", actor=desk, now=NOW)
        actions.refunds.refund_payment(yape.id, reason="error", actor=supervisor, now=NOW)
        actions.payments.take_payment(other, method="plin", amount_cents=1000, reference="78", actor=desk, now=NOW)
        actions.drawer.record_movement(till, kind="expense", amount_cents=1550, concept="Taxi", actor=desk, now=NOW)
    with unit():
        close(
            till,
            desk,
            16400,
            counted={"plin": 1000},
            denominations={10000: 1, 5000: 1, 1000: 1, 200: 2},
            reason="Faltó sencillo",
            left_for_tomorrow_cents=10000,
        )
    with unit():
        report = queries.tills.sealed_report(till)
        cash = next(m for m in report["methods"] if m["code"] == "efectivo")
        assert (cash["opening_cents"], cash["payments_cents"], cash["out_cents"]) == (10000, 8000, 1550)
        assert (cash["expected_cents"], cash["counted_cents"], cash["difference_cents"]) == (16450, 16400, -50)
        assert (report["difference_cents"], report["difference_number"], report["is_intact"]) == (-50, 1, True)
        assert (report["left_for_tomorrow_cents"], report["denominations"][200]) == (10000, 2)
        assert report["tickets"] == {"first": "TKT-000001", "last": "TKT-000002", "count": 2}
        assert [line["kind"] for line in report["movements"]] == ["payment", "payment", "refund", "payment", "expense"]
        yape_line = next(m for m in report["methods"] if m["code"] == "yape")
        assert (yape_line["payments_cents"], yape_line["refunds_cents"], yape_line["expected_cents"]) == (6000, 6000, 0)
        row = db.session.get_one(TillSession, till)
        assert (row.status, row.closed_by, row.difference_cents) == ("closed", desk.user_id, -50)
        assert row.snapshot_sha256 == till_rules.seal(row.snapshot)
        assert orjson.loads(row.snapshot)["code"] == rules.till_code(row.business_day, 1)
        assert db.session.scalar(select(func.count()).select_from(TillCount)) == 5
        assert queries.tills.idle_tills(1)[0]["float_cents"] == 10000
        event = db.session.scalar(select(EventRow).where(EventRow.type == "billing.till.closed.v1"))
        assert event.data["sha256"] == row.snapshot_sha256


def test_the_report_sums_to_the_ledger(unit, desk, ticket, till):
    with unit():
        actions.payments.take_payment(ticket, method="tarjeta", reference="1", actor=desk, now=NOW)
        figures = queries.tills.figures(till, clinic_id=1, opening_float_cents=10000)
        ledger = db.session.scalar(select(func.sum(till_session_totals.c.cents)))
        assert sum(f.expected_cents for f in figures) == 10000 + ledger


def test_a_refused_closing_takes_no_number(unit, desk, till):
    with unit(), pytest.raises(Invalid):
        close(till, desk, 9950, reason="x", left_for_tomorrow_cents=9951)
    with unit():
        assert close(till, desk, 9950, reason="x")["difference_number"] == 1


def test_a_second_closing_is_refused(unit, desk, till):
    with unit():
        close(till, desk, 10000)
    with unit():
        with pytest.raises(actions.tills.TillAlreadyClosed):
            close(till, desk, 10000)
        with pytest.raises(actions.tills.TillAlreadyClosed):
            actions.drawer.record_movement(till, kind="cash_in", amount_cents=1, concept="x", actor=desk, now=NOW)


def test_other_clinics_do_not_find_the_session(unit, other_clinic_desk, till):
    with unit(), pytest.raises(NotFound):
        close(till, other_clinic_desk, 10000)


def test_the_desk_sees_open_sessions_and_its_own_past_ones(unit, desk, supervisor, till):
    with unit():
        second = actions.tills.open_till(add_till(), opening_float_cents=0, actor=supervisor, now=NOW)
        assert len(queries.tills.open_sessions(1, actor=desk)) == 2
        close(second, supervisor, 0)
        close(till, desk, 10000)
        assert [s["id"] for s in queries.tills.past_sessions(1, actor=desk)] == [till]
        assert {s["id"] for s in queries.tills.past_sessions(1, actor=supervisor)} == {till, second}
        with pytest.raises(NotFound):
            queries.tills.session(second, actor=desk)


# ------------------------------------------------------------------ database guards


def test_a_closed_session_is_immutable(unit, desk, till):
    with unit():
        close(till, desk, 10000)
    line = {
        "clinic_id": 1,
        "session_id": till,
        "kind": "cash_in",
        "method_id": 1,
        "received_at": NOW,
        "received_by": 1,
    }
    for statement in (
        update(TillSession).values(difference_cents=5),
        update(TillSession).values(status="open"),
        insert(Movement).values(line),
        text("DELETE FROM till_session"),
    ):
        with pytest.raises(DBAPIError, match="immutable"), unit():
            db.session.execute(statement)
    with pytest.raises(DBAPIError, match="append-only"), unit():
        db.session.execute(update(TillCount).values(counted_cents=1))


# ------------------------------------------------------------------ concurrency


def test_concurrent_closings_close_once(app, unit, desk, supervisor, till):
    results = run_concurrently(app, lambda: close(till, desk, 10000), lambda: close(till, supervisor, 10000))
    refused = [r for r in results if isinstance(r, actions.tills.TillAlreadyClosed)]
    assert (len(refused), refused[0].status) == (1, 409)


def test_a_payment_concurrent_with_a_closing_is_included_or_refused(app, unit, desk, ticket, till):
    """In either order the sealed figures equal the ledger."""

    def pay():
        return actions.payments.take_payment(
            ticket, method="yape", reference="1", amount_cents=100, actor=desk, now=NOW
        )

    def close_or_recount():
        try:
            return close(till, desk, 10000)
        except DomainError:  # the payment came first: the count lacks what Yape took
            return close(till, desk, 10000, counted={"yape": 100})

    paid, closed = run_concurrently(app, pay, close_or_recount)
    assert not isinstance(closed, Exception)
    with unit():
        sealed = sum(m["payments_cents"] for m in queries.tills.sealed_report(till)["methods"])
        ledger = db.session.scalar(select(func.coalesce(func.sum(till_session_totals.c.cents), 0)))
    assert sealed == ledger == (0 if isinstance(paid, actions.payments.NoOpenTill) else 100)


def test_concurrent_openings_number_without_gaps(app, unit):
    with unit():
        tills = [1, 1, *(add_till(f"Caja {n}") for n in range(2, 6))]
        people = [build.actor(user, role="supervisor") for user in range(1, 7)]

    def opening(till, actor):
        return lambda: actions.tills.open_till(till, opening_float_cents=0, actor=actor, now=NOW)

    results = run_concurrently(app, *map(opening, tills, people))
    assert [isinstance(r, actions.tills.TillAlreadyOpen) for r in results].count(True) == 1
    with unit():
        assert sorted(db.session.scalars(select(TillSession.number))) == [1, 2, 3, 4, 5]
        next_number = select(DocumentSeries.next_number).where(
            DocumentSeries.clinic_id == 1, DocumentSeries.kind == "till"
        )
        assert db.session.scalar(next_number) == 6


def test_concurrent_tickets_number_without_gaps(app, unit):
    run_concurrently(app, *(lambda n=n: make_ticket(n) for n in range(1, 9)))
    with unit():
        from app.billing.models import Ticket

        assert sorted(db.session.scalars(select(Ticket.number))) == list(range(1, 9))
