"""What is in a drawer: its float, what leaves it, what is taken back."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from app.billing import actions, checks, queries
from app.billing.models import Movement, Posting, Ticket, TillSession
from app.billing.rules import tills as till_rules
from app.clinics.models import Settings
from app.kernel.db import db
from app.kernel.errors import Forbidden, Invalid, NotFound
from app.kernel.integrity import CheckContext
from tests.billing.conftest import NOW, add_till, close, make_ticket, run_concurrently


def broken_checks():
    context = CheckContext(NOW, Path())
    return {check.name: found for check in checks.CHECKS if (found := list(check.find(context)))}


def spend(session, actor, cents=5000, **more):
    move = {"kind": "expense", "amount_cents": cents, "concept": "Taxi", **more}
    return actions.drawer.record_movement(session, **move, actor=actor, now=NOW)


# ------------------------------------------------------------------ the opening


def test_a_user_holds_one_open_till(app, unit, desk):
    """By the action, by the database, and by two requests at once."""
    with unit():
        tills = (1, add_till())
        third = add_till("Caja 3")

    def opening(till):
        return lambda: actions.tills.open_till(till, opening_float_cents=0, actor=desk, now=NOW)

    results = run_concurrently(app, *map(opening, tills))
    assert [isinstance(r, actions.tills.HoldsTill) for r in results].count(True) == 1
    row = {"clinic_id": 1, "till_id": third, "number": 9, "business_day": date(2026, 11, 20), "opened_at": NOW}
    with pytest.raises(DBAPIError, match=r"uq_till_session_holder|opened_by"), unit():
        db.session.execute(insert(TillSession).values(**row, opened_by=desk.user_id, opening_float_cents=0))


def test_a_float_that_was_not_left_is_a_numbered_difference(unit, desk, till):
    with unit():
        close(till, desk, 10000)
    with unit(), pytest.raises(till_rules.OpeningDiffers) as refused:
        actions.tills.open_till(1, opening_float_cents=9000, actor=desk, now=NOW)
    assert refused.value.params == {"left": "S/ 100.00", "counted": "S/ 90.00", "difference": "S/ 10.00"}
    pieces = {5000: 1, 2000: 2}
    with unit():
        second = actions.tills.open_till(
            1, opening_float_cents=9000, denominations=pieces, note="Un billete menos", actor=desk, now=NOW
        )
    with unit():
        head = queries.tills.session(second, actor=desk)
        assert (head["opening_left_cents"], head["opening_difference_number"]) == (10000, 1)
        postings = select(Posting.account, Posting.dimension, Posting.cents).join(Movement)
        posted = db.session.execute(postings.where(Movement.kind == "opening_difference")).all()
        assert sorted(posted) == [("over_short", second, 1000), ("till", 1, -1000)]
        assert queries.drawer.cash_in_drawer(second) == 9000  # the difference is in the float already
        assert not broken_checks()


def test_pieces_of_the_float_sum_to_it(unit, desk):
    with unit(), pytest.raises(Invalid):
        actions.tills.open_till(1, opening_float_cents=9000, denominations={5000: 1}, actor=desk, now=NOW)


# ------------------------------------------------------------------ what leaves it


@pytest.mark.parametrize("kind", ["expense", "cash_out", "deposit"])
def test_no_more_leaves_than_is_in_the_drawer(unit, desk, supervisor, till, kind):
    """Who counts blind is not told what is there; a supervisor takes it out with a reason."""
    with unit(), pytest.raises(till_rules.NotEnoughInDrawer) as blind:
        spend(till, desk, 10001, kind=kind)
    assert (blind.value.status, blind.value.details, blind.value.params) == (409, {}, {"amount": "S/ 100.01"})
    with unit(), pytest.raises(till_rules.DrawerHoldsLess) as refused:
        spend(till, supervisor, 10001, kind=kind)
    assert (refused.value.details, refused.value.params["drawer"]) == ({"drawer": "100.00"}, "S/ 100.00")
    with unit(), pytest.raises(till_rules.DrawerHoldsLess):
        spend(till, desk, 10001, kind=kind, reason="Lo pidió el dueño")
    with unit():
        spend(till, supervisor, 10001, kind=kind, reason="Lo pidió el dueño")
        (line,) = queries.drawer.movements(till)
        assert (line["authorised_by"], line["note"]) == ("Diego Rivas", "Lo pidió el dueño")


def test_a_clinic_that_does_not_count_blind_says_what_is_there(unit, desk, till):
    with unit():
        db.session.execute(update(Settings).values(blind_close=False))
    with unit(), pytest.raises(till_rules.DrawerHoldsLess) as refused:
        spend(till, desk, 9999900)
    assert refused.value.params == {"drawer": "S/ 100.00", "amount": "S/ 99,999.00"}


def test_a_cash_refund_is_in_the_drawer(unit, desk, supervisor, ticket, till):
    with unit():
        payment = actions.payments.take_payment(ticket, method="efectivo", actor=desk, now=NOW)
        spend(till, desk, 15000, kind="deposit")
    with unit(), pytest.raises(till_rules.DrawerHoldsLess):
        actions.refunds.refund_payment(payment.id, reason="Error", actor=supervisor, now=NOW)
    with unit():
        refund = {"reason": "Error", "overdraw_reason": "Puse de la otra caja"}
        actions.refunds.refund_payment(payment.id, **refund, actor=supervisor, now=NOW)
        assert queries.drawer.cash_in_drawer(till) == -5000


def test_two_withdrawals_do_not_take_the_same_note(app, unit, desk, supervisor, till):
    results = run_concurrently(app, lambda: spend(till, desk, 6000), lambda: spend(till, supervisor, 6000))
    assert [isinstance(r, till_rules.DrawerHoldsLess) for r in results].count(True) == 1


# ------------------------------------------------------------------ what is taken back


def test_a_movement_is_reversed_by_a_row_that_names_it(unit, desk, till):
    with unit():
        spent = spend(till, desk)
    with unit(), pytest.raises(Invalid):
        actions.drawer.reverse_movement(spent, reason=" ", actor=desk, now=NOW)
    with unit():
        taken_back = actions.drawer.reverse_movement(spent, reason="Era 5.00", actor=desk, now=NOW)
    with unit():
        first, second = queries.drawer.movements(till)
        assert (first["reversed_by_id"], second["reverses_id"], second["note"]) == (taken_back, spent, "Era 5.00")
        assert (second["amount_cents"], queries.drawer.cash_in_drawer(till)) == (5000, 10000)
        with pytest.raises(actions.drawer.AlreadyReversed):
            actions.drawer.reverse_movement(spent, reason="x", actor=desk, now=NOW)
        with pytest.raises(NotFound):  # a reversal is not reversed
            actions.drawer.reverse_movement(taken_back, reason="x", actor=desk, now=NOW)
        assert not broken_checks()


def test_a_supervisor_reverses_what_a_closed_session_moved_in_the_open_one(unit, desk, supervisor, till):
    with unit():
        spent = spend(till, desk)
        close(till, desk, 5000)
        second = actions.tills.open_till(add_till(), opening_float_cents=0, actor=supervisor, now=NOW)
    with unit(), pytest.raises(Forbidden):
        actions.drawer.reverse_movement(spent, reason="x", actor=desk, now=NOW)
    with unit():
        actions.drawer.reverse_movement(spent, reason="Lo devolvieron", actor=supervisor, now=NOW)
        assert queries.drawer.cash_in_drawer(second) == 5000
        assert not broken_checks()


def test_other_clinics_reverse_nothing_here(unit, other_clinic_desk, desk, till):
    with unit():
        spent = spend(till, desk)
        with pytest.raises(NotFound):
            actions.drawer.reverse_movement(spent, reason="x", actor=other_clinic_desk, now=NOW)


def test_an_issued_ticket_keeps_its_number(unit):
    with unit():
        make_ticket()
    with pytest.raises(DBAPIError, match="keeps its number"), unit():
        db.session.execute(update(Ticket).values(number=9999))
