"""Payments and refunds: the ledger, its locks and its guards."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.billing import actions, permissions, queries, rules
from app.billing.actions import ledger
from app.billing.demo.bulk import record_movements
from app.billing.models import Movement, MovementKind, Posting, TicketLine
from app.billing.rules import tills as tills_rules
from app.clinics.models import Settings
from app.kernel.db import db
from app.kernel.errors import Forbidden, Invalid, NotFound
from app.kernel.outbox import EventRow
from tests.billing.conftest import NOW, add_till, close, make_ticket, run_concurrently


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
        with pytest.raises(actions.tickets.TicketIsVoided):
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
        taken_back = actions.refunds.refund_payment(payment.id, reason="no vino", actor=supervisor, now=NOW)
        assert (taken_back.session_id, taken_back.amount_cents) == (now_open, -8000)
        assert state(ticket, desk) == ("refunded", 0, 8000)
        with pytest.raises(actions.refunds.AlreadyRefunded):
            actions.refunds.refund_payment(payment.id, reason="otra vez", actor=supervisor, now=NOW)
        with pytest.raises(NotFound):  # a refund is not refunded
            actions.refunds.refund_payment(taken_back.id, reason="otra vez", actor=supervisor, now=NOW)


def test_the_desk_does_not_refund_or_void(unit, desk, ticket, till):
    with unit():
        payment = pay(ticket, desk)
        with pytest.raises(Forbidden):
            actions.refunds.refund_payment(payment.id, reason="x", actor=desk, now=NOW)
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
        with pytest.raises(actions.tickets.TicketIsVoided):
            pay(ticket, desk, amount_cents=100)
        actions.refunds.refund_payment(payment.id, reason="cancelada", actor=supervisor, now=NOW)
        assert state(ticket, desk) == ("voided", 0, 0)  # the last refund
        actions.tickets.reopen_ticket_for(1, actor=desk, now=NOW)
        assert state(ticket, desk) == ("refunded", 0, 8000)


def test_other_debts_lists_older_unpaid_tickets(unit, desk, ticket, till):
    with unit():
        old = make_ticket(2, amount_cents=6000)
        make_ticket(3, patient_id=2)
        shown = queries.tickets.ticket(ticket, actor=desk)
        assert [d.id for d in queries.tickets.other_debts(shown, today=NOW.date(), actor=desk)] == [old]


# ------------------------------------------------------------------ refunds in part


def refund(payment, actor, **more):
    return actions.refunds.refund_payment(payment.id, **{"reason": "x", **more}, actor=actor, now=NOW)


def test_a_payment_goes_back_in_parts_by_several_methods(unit, desk, supervisor, ticket, till):
    with unit():
        payment = pay(ticket, desk, method="tarjeta", reference="0042")
        assert refund(payment, supervisor, amount_cents=3000).amount_cents == -3000
        assert state(ticket, desk) == ("partial", 5000, 3000)
        with pytest.raises(rules.RefundExceedsPayment):
            refund(payment, supervisor, amount_cents=5001)
        with pytest.raises(Invalid):  # cash has no cents
            refund(payment, supervisor, amount_cents=101, method="efectivo")
        refund(payment, supervisor, method="efectivo")
        assert state(ticket, desk) == ("refunded", 0, 8000)
        expected = {
            f.code: f.expected_cents for f in queries.tills.figures(till, clinic_id=1, opening_float_cents=10000)
        }
        assert (expected["efectivo"], expected["tarjeta"]) == (5000, 5000)
        with pytest.raises(actions.refunds.AlreadyRefunded):
            refund(payment, supervisor)
        with pytest.raises(tills_rules.DrawerHoldsLess):
            refund(pay(ticket, desk, method="yape", reference="7"), supervisor, method="efectivo")


def test_another_method_needs_its_permission_and_its_number(unit, app, desk, supervisor, ticket, till):
    held = supervisor.grants[1] - {permissions.REFUND_BY_OTHER_METHOD.code}
    with unit():
        payment = pay(ticket, desk)
        with pytest.raises(Forbidden):
            refund(payment, replace(supervisor, grants={1: held}), method="yape", reference="1")
        with pytest.raises(Invalid):
            refund(payment, supervisor, method="yape")
        assert refund(payment, replace(supervisor, grants={1: held})).method == "efectivo"


def test_a_whole_refund_voids_or_waives_in_one_step(unit, desk, supervisor, ticket, till):
    with unit():
        first, second = pay(ticket, desk, amount_cents=5000), pay(ticket, desk, amount_cents=3000)
        with pytest.raises(Invalid):  # 30.00 would stay
            refund(first, supervisor, then="void")
        refund(first, supervisor)
        refund(second, supervisor, then="courtesy")
        assert state(ticket, desk) == ("refunded", 0, 0)
        actions.tickets.void_ticket(ticket, reason="x", actor=supervisor, now=NOW)
        assert state(ticket, desk) == ("voided", 0, 0)
        other = make_ticket(2)
        refund(pay(other, desk), supervisor, then="void")
        assert state(other, desk) == ("voided", 0, 0)
        kinds = select(Movement.kind).where(Movement.ticket_id == ticket).order_by(Movement.id)
        assert list(db.session.scalars(kinds)) == ["charge", *["payment"] * 2, *["refund"] * 2, "courtesy"]


def test_plain_sql_refunds_no_more_than_the_payment(unit, desk, ticket, till):
    with unit():
        pay(ticket, desk, amount_cents=2000)
        payment = pay(ticket, desk, amount_cents=1000)
    for cents, named in ((-1001, payment.id), (-500, payment.id + 100), (-500, payment.id - 2)):
        with pytest.raises(DBAPIError, match=r"no more than its payment|FOREIGN KEY|foreign key"), unit():
            record_movements([{**_line(till, ticket, cents), "refunds_id": named}])
    with unit():
        record_movements([{**_line(till, ticket, -1000), "refunds_id": payment.id}])


# ------------------------------------------------------------------ operation numbers


def test_an_operation_number_pays_once(unit, desk, supervisor, ticket, till):
    with unit():
        other = make_ticket(2)
        first = pay(ticket, desk, amount_cents=1000, method="yape", reference="0001 2345")
        with pytest.raises(rules.ReferenceUsed) as refused:
            pay(other, desk, method="yape", reference="００012345", reference_reason="es el mismo")
        assert refused.value.details == {"ticket": "TKT-000001", "clinic_id": 1}
        pay(other, desk, amount_cents=1000, method="plin", reference="00012345")  # another method's numbers
        again = pay(
            other, supervisor, amount_cents=1000, method="yape", reference="00012345", reference_reason="un solo pago"
        )
        row = db.session.get(Movement, again.id)
        assert (row.authorised_by, row.note) == (supervisor.user_id, "un solo pago")
        for payment in (first, again):
            refund(payment, supervisor)
        pay(ticket, desk, method="yape", reference="00012345")  # the other ones went back


def test_two_tills_do_not_take_one_operation_number_at_once(app, unit, desk, ticket, till):
    with unit():
        other = make_ticket(2)
    results = run_concurrently(
        app, *(lambda on=on: pay(on, desk, method="yape", reference="77") for on in (ticket, other))
    )
    assert sorted(isinstance(result, rules.ReferenceUsed) for result in results) == [False, True]


# ------------------------------------------------------------------ cash without cents


def test_the_last_cash_is_rounded_in_favour_of_who_pays(unit, desk, supervisor, till):
    with unit():
        ticket = make_ticket(3, amount_cents=505)
        payment = pay(ticket, desk, tendered_cents=1000)
        assert (payment.amount_cents, payment.rounding_cents, payment.change_cents) == (500, -5, 500)
        postings = select(Posting.account, Posting.cents).where(Posting.movement_id == payment.id)
        assert sorted(db.session.execute(postings).tuples()) == [("receivable", -505), ("rounding", 5), ("till", 500)]
        assert state(ticket, desk) == ("paid", 505, 0)
        head = queries.tills.session(till, actor=supervisor)
        assert queries.tills.report(head, [])["rounding_cents"] == -5
        refund(payment, supervisor, amount_cents=200)
        refund(payment, supervisor)  # the rounding goes with the last of the money
        assert state(ticket, desk) == ("refunded", 0, 505)
        assert db.session.scalar(select(func.sum(Posting.cents)).where(Posting.account == "rounding")) == 0


def test_other_methods_are_exact_and_parts_in_cash_have_coins(unit, desk, till):
    with unit():
        ticket = make_ticket(3, amount_cents=505)
        with pytest.raises(Invalid) as refused:
            pay(ticket, desk, amount_cents=203)
        assert refused.value.params == {"below": "S/ 2.00", "above": "S/ 2.10"}
        assert pay(ticket, desk, amount_cents=501, method="yape", reference="1").rounding_cents == 0
        with pytest.raises(Invalid):  # 0.04 is no coin
            pay(ticket, desk)
        assert pay(ticket, desk, method="yape", reference="2").amount_cents == 4


def test_a_clinic_may_take_the_exact_amount(unit, desk, till):
    with unit():
        db.session.execute(update(Settings).where(Settings.clinic_id == 1).values(cash_rounding="none"))
        assert pay(make_ticket(3, amount_cents=505), desk).amount_cents == 505


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
