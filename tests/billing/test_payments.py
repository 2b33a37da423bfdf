"""Payments and refunds: the ledger, its locks and its guards."""

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.billing import actions, queries, rules
from app.billing.actions import ledger
from app.billing.demo.bulk import record_movements
from app.billing.models import Movement, MovementKind, Posting, TicketLine
from app.kernel.db import db
from app.kernel.errors import Forbidden, Invalid, NotFound
from app.kernel.outbox import EventRow
from tests.billing.conftest import NOW, add_till, close, make_ticket


def pay(ticket, actor, **more):
    return actions.payments.take_payment(ticket, **{"method": "efectivo", **more}, actor=actor, now=NOW)


def state(ticket, actor):
    view = queries.tickets.ticket(ticket, actor=actor)
    return view.state, view.paid_cents, view.owed_cents


def test_cash_keeps_amount_tendered_and_change_apart(unit, desk, ticket, till):
    with unit():
        payment = pay(ticket, desk, tendered_cents=10000)
    with unit():
        row = db.session.scalar(select(Movement).where(Movement.kind == "payment"))
        postings = db.session.execute(
            select(Posting.account, Posting.dimension, Posting.cents).where(Posting.movement_id == row.id)
        ).all()
        assert sorted(postings) == [("receivable", ticket, -8000), ("till", 1, 8000)]
        assert (row.tendered_cents, row.change_cents) == (10000, 2000)
        assert (row.session_id, row.received_by, row.received_at) == (till, desk.user_id, NOW)
        assert payment.change_cents == 2000
        assert state(ticket, desk) == ("paid", 8000, 0)
        event = db.session.scalar(select(EventRow).where(EventRow.type == "billing.payment.taken.v1"))
        assert (event.clinic_id, event.patient_id, event.data["payment_id"]) == (1, 1, payment.id)
        assert "service_day" in event.data


def test_a_ticket_is_paid_in_parts_by_several_methods(unit, desk, ticket, till):
    with unit():
        pay(ticket, desk, amount_cents=3000)
        assert state(ticket, desk) == ("partial", 3000, 5000)
        pay(ticket, desk, method="Yape", reference="00912")
        assert state(ticket, desk) == ("paid", 8000, 0)
        with pytest.raises(actions.payments.AlreadyPaid):
            pay(ticket, desk, amount_cents=1)


def test_bad_payments_are_refused_with_their_reason(unit, desk, ticket, till):
    with unit():
        for more, refusal in (
            ({"amount_cents": 8001}, rules.AmountExceedsBalance),
            ({"amount_cents": -1}, Invalid),
            ({"tendered_cents": 100}, Invalid),
            ({"method": "bitcoin"}, rules.UnknownPaymentMethod),
            ({"method": "yape"}, Invalid),
            ({"method": "yape", "reference": "1", "tendered_cents": 9000}, Invalid),
        ):
            with pytest.raises(refusal):
                pay(ticket, desk, **more)
        assert db.session.scalar(select(Movement).where(Movement.kind != "charge")) is None


def test_no_payment_without_an_open_till(unit, desk, ticket):
    with unit(), pytest.raises(actions.payments.NoOpenTill) as refused:
        pay(ticket, desk)
    assert refused.value.details == {"next": "/till"}


def test_no_payment_on_a_voided_ticket(unit, desk, supervisor, ticket, till):
    with unit():
        actions.tickets.void_ticket(ticket, reason="doble", actor=supervisor, now=NOW)
        with pytest.raises(actions.payments.TicketIsVoided):
            pay(ticket, desk)


def test_other_clinics_do_not_find_the_ticket(unit, other_clinic_desk, ticket, till):
    with unit(), pytest.raises(NotFound):
        pay(ticket, other_clinic_desk)


def test_a_payment_goes_into_the_cashiers_own_session(unit, desk, supervisor, ticket, till):
    with unit():
        second = add_till()
        own = actions.tills.open_till(second, opening_float_cents=0, actor=supervisor, now=NOW)
        assert pay(ticket, supervisor, amount_cents=100).session_id == own
        assert pay(ticket, desk, amount_cents=100).session_id == till


def test_a_refund_is_a_new_movement_in_the_open_session(unit, desk, supervisor, ticket, till):
    with unit():
        payment = pay(ticket, desk)
        close(till, desk, 18000)
        now_open = actions.tills.open_till(1, opening_float_cents=18000, actor=desk, now=NOW)
    with unit():
        taken_back = actions.payments.refund_payment(payment.id, reason="no vino", actor=supervisor, now=NOW)
        assert (taken_back.session_id, taken_back.amount_cents) == (now_open, -8000)
        assert state(ticket, desk) == ("refunded", 0, 8000)
        with pytest.raises(actions.payments.AlreadyRefunded):
            actions.payments.refund_payment(payment.id, reason="otra vez", actor=supervisor, now=NOW)
        with pytest.raises(NotFound):  # a refund is not refunded
            actions.payments.refund_payment(taken_back.id, reason="otra vez", actor=supervisor, now=NOW)


def test_the_desk_does_not_refund_or_void(unit, desk, ticket, till):
    with unit():
        payment = pay(ticket, desk)
        with pytest.raises(Forbidden):
            actions.payments.refund_payment(payment.id, reason="x", actor=desk, now=NOW)
        with pytest.raises(Forbidden):
            actions.tickets.void_ticket(ticket, reason="x", actor=desk, now=NOW)


def test_a_ticket_with_payments_is_not_voided(unit, desk, supervisor, ticket, till):
    with unit():
        pay(ticket, desk, amount_cents=100)
        with pytest.raises(actions.tickets.HasPayments):
            actions.tickets.void_ticket(ticket, reason="x", actor=supervisor, now=NOW)
        assert state(ticket, desk) == ("partial", 100, 7900)
        assert queries.tickets.has_payments(1)


def test_the_paid_ticket_of_a_cancelled_visit_is_refund_due(unit, desk, supervisor, ticket, till):
    with unit():
        payment = pay(ticket, desk)
        actions.tickets.void_ticket_of(1, reason="Cancelada", actor=desk, now=NOW)
        actions.tickets.void_ticket_of(1, reason="Cancelada", actor=desk, now=NOW)  # once more changes nothing
        assert state(ticket, desk) == ("refund_due", 8000, 0)
        with pytest.raises(actions.payments.TicketIsVoided):
            pay(ticket, desk, amount_cents=100)
        actions.payments.refund_payment(payment.id, reason="cancelada", actor=supervisor, now=NOW)
        assert state(ticket, desk) == ("voided", 0, 0)  # the last refund
        actions.tickets.reopen_ticket_for(1, actor=desk, now=NOW)
        assert state(ticket, desk) == ("refunded", 0, 8000)


def test_other_debts_lists_older_unpaid_tickets(unit, desk, ticket, till):
    with unit():
        old = make_ticket(2, amount_cents=6000)
        make_ticket(3, patient_id=2)
        shown = queries.tickets.ticket(ticket, actor=desk)
        assert [d.id for d in queries.tickets.other_debts(shown, actor=desk)] == [old]


# ------------------------------------------------------------------ database guards


def test_the_ledger_is_append_only(unit, desk, ticket, till):
    with unit():
        pay(ticket, desk)
    for statement in (
        update(Movement).values(note="x"),
        update(Movement).values(sealed=False),
        delete(Movement),
        update(Posting).values(cents=1),
        delete(Posting),
        update(TicketLine).values(unit_cents=1),
        delete(TicketLine),
    ):
        with pytest.raises(DBAPIError, match="append-only"), unit():
            db.session.execute(statement)


def test_plain_sql_cannot_overpay_a_ticket(unit, desk, ticket, till):
    with unit():
        pay(ticket, desk, amount_cents=7000)
    with pytest.raises(DBAPIError, match="paid between nothing and its amount"), unit():
        record_movements([_line(till, ticket, 1001)])
    with pytest.raises(DBAPIError, match="paid between nothing and its amount"), unit():
        record_movements([_line(till, ticket, -7001)])
    with unit():
        record_movements([_line(till, ticket, 1000)])


def test_postings_that_do_not_sum_to_zero_are_refused(unit, ticket, till):
    entry = {key: value for key, value in _line(till, ticket, 0).items() if key != "amount_cents"}
    for postings in ({("till", 1): 500, ("receivable", ticket): -400}, {("till", 1): 500}, {}):
        with pytest.raises(DBAPIError, match="sum to zero"), unit():
            ledger.post(Movement(**entry), postings)


def test_a_sealed_movement_takes_no_posting(unit, desk, ticket, till):
    with unit():
        payment = pay(ticket, desk)
    with pytest.raises(DBAPIError, match="sealed after its postings"), unit():
        db.session.execute(insert(Posting), {"movement_id": payment.id, "account": "bank", "dimension": 0, "cents": 1})
    entry = {key: value for key, value in _line(till, ticket, 0).items() if key != "amount_cents"}
    with pytest.raises(DBAPIError, match="sealed after its postings"), unit():
        db.session.execute(insert(Movement), {**entry, "sealed": True})


def test_a_payment_needs_session_receiver_and_method(unit, desk, ticket, till):
    entry = {key: value for key, value in _line(till, ticket, 0).items() if key != "amount_cents"}
    postings = {("till", 1): 500, ("receivable", ticket): -500}
    for missing in ("session_id", "received_by", "method_id", "ticket_id"):
        with pytest.raises(DBAPIError, match="names what its kind needs"), unit():
            ledger.post(Movement(**{**entry, missing: None}), postings)
    with pytest.raises(DBAPIError, match="belongs to a session of its till"), unit():
        ledger.post(Movement(**entry), {("till", 2): 500, ("receivable", ticket): -500})


def test_a_new_movement_kind_is_one_row(unit, ticket):
    """A gateway payment has no till and no receiver; balance, trigger and view include it."""
    kind = {"code": "gateway_payment", "ticket_side": "paid", "needs_ticket": True, "needs_method": True}
    movement = {"clinic_id": 1, "kind": "gateway_payment", "ticket_id": ticket, "method_id": 4, "received_at": NOW}
    with unit():
        db.session.execute(insert(MovementKind), {**kind, "needs_session": False, "needs_user": False})
        ledger.post(Movement(**movement), {("clearing", 4): 3000, ("receivable", ticket): -3000})
        balance = queries.tickets.balance(ticket)
        assert (balance.paid_cents, balance.owed_cents) == (3000, 5000)
    with pytest.raises(DBAPIError, match="paid between nothing and its amount"), unit():
        ledger.post(Movement(**movement), {("clearing", 4): 5001, ("receivable", ticket): -5001})


def test_a_ticket_is_never_deleted(unit, ticket):
    with pytest.raises(DBAPIError, match="never deleted"), unit():
        db.session.execute(text("DELETE FROM ticket"))


def _line(session, ticket, cents):
    return {
        "clinic_id": 1,
        "session_id": session,
        "kind": "payment" if cents >= 0 else "refund",
        "method_id": 1,
        "amount_cents": cents,
        "ticket_id": ticket,
        "received_at": NOW,
        "received_by": 1,
    }
