"""Rules of billing, on plain values."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing import rules
from app.billing.rules import tills as till_rules
from app.kernel import money
from app.kernel.errors import Invalid

CENTS = st.integers(min_value=0, max_value=10_000_000)
CASH = rules.Method(1, "efectivo", "Efectivo", is_cash=True, needs_reference=False)
YAPE = rules.Method(2, "yape", "Yape", is_cash=False, needs_reference=True)


def figure(method_id=1, code="efectivo", **parts):
    return till_rules.MethodFigures(method_id, code, code.title(), is_cash=code == "efectivo", **parts)


@given(amount=CENTS, extra=CENTS)
def test_change_is_tendered_less_the_amount(amount, extra):
    tendered, change = rules.change_of(CASH, amount_cents=amount, tendered_cents=amount + extra)
    assert tendered - change == amount
    assert change == extra


def test_nothing_tendered_is_exact_cash():
    assert rules.change_of(CASH, amount_cents=8000, tendered_cents=None) == (8000, 0)


def test_too_little_cash_and_tendered_without_cash_are_refused():
    with pytest.raises(Invalid):
        rules.change_of(CASH, amount_cents=8000, tendered_cents=7990)
    with pytest.raises(Invalid):
        rules.change_of(YAPE, amount_cents=8000, tendered_cents=10000)
    assert rules.change_of(YAPE, amount_cents=8000, tendered_cents=None) == (None, 0)


def test_the_amount_is_at_most_what_is_owed():
    assert rules.check_amount(None, owed_cents=8000) == 8000
    assert rules.check_amount(5000, owed_cents=8000) == 5000
    with pytest.raises(rules.AmountExceedsBalance) as refused:
        rules.check_amount(8001, owed_cents=8000)
    assert refused.value.details == {"owed": "80.00"}
    with pytest.raises(Invalid):
        rules.check_amount(0, owed_cents=8000)


def test_a_reference_is_required_by_the_method():
    assert rules.check_reference(CASH, "") == ""
    assert rules.check_reference(YAPE, " 00123 ") == "00123"
    with pytest.raises(Invalid):
        rules.check_reference(YAPE, "  ")


@given(CENTS, CENTS, CENTS, CENTS, CENTS)
def test_expected_is_float_plus_money_in_less_money_out(opening, payments, refunds, in_, out):
    figures = figure(opening_cents=opening, payments_cents=payments, refunds_cents=refunds, in_cents=in_, out_cents=out)
    assert figures.expected_cents == opening + payments - refunds + in_ - out
    assert figures.expected_cents - figures.opening_cents - in_ + out == figures.net_cents


@given(st.dictionaries(st.sampled_from(money.DENOMINATIONS["PEN"]), st.integers(0, 500)))
def test_pieces_sum_to_their_value(pieces):
    assert till_rules.count_cash(pieces) == sum(value * number for value, number in pieces.items())


@pytest.mark.parametrize("pieces", [{300: 1}, {20000: -1}])
def test_unknown_denominations_are_refused(pieces):
    with pytest.raises(Invalid):
        till_rules.count_cash(pieces)


def test_counts_are_matched_with_expected_amounts():
    figures = [figure(opening_cents=10000), figure(2, "yape", payments_cents=8000), figure(3, "plin")]
    counts = till_rules.counts_of(figures, {"yape": 8000}, {5000: 2})
    assert [(c.expected_cents, c.counted_cents) for c in counts] == [(10000, 10000), (8000, 8000), (0, 0)]


@pytest.mark.parametrize(
    ("counted", "pieces", "wrong"),
    [
        ({"yape": 8000}, None, "counted.efectivo"),
        ({"efectivo": 1, "yape": 0}, {100: 1}, "counted.efectivo"),
        ({"efectivo": -1, "yape": 0}, None, "counted.efectivo"),
        ({"efectivo": 0, "yape": 0, "bitcoin": 1}, None, "counted.bitcoin"),
    ],
)
def test_an_incomplete_count_names_its_fields(counted, pieces, wrong):
    with pytest.raises(Invalid) as refused:
        till_rules.counts_of([figure(), figure(2, "yape", payments_cents=8000)], counted, pieces)
    assert list(refused.value.details) == [wrong]


def test_a_method_left_out_counts_as_zero_whatever_is_expected():
    """Otherwise the answer would tell which methods took money."""
    figures = [figure(), figure(2, "yape", payments_cents=8000), figure(3, "plin")]
    assert [c.counted_cents for c in till_rules.counts_of(figures, {"efectivo": 0}, None)] == [0, 0, 0]


@pytest.mark.parametrize("counted", [{}, {"yape": 0}, {"yape": -8000}])
def test_a_method_that_only_gave_back_is_counted_honestly(counted):
    figures = [figure(), figure(2, "yape", refunds_cents=8000)]
    _cash, yape = till_rules.counts_of(figures, {"efectivo": 0, **counted}, None)
    assert (yape.expected_cents, yape.difference_cents) == (-8000, 0)


def test_there_are_three_counts_and_one_more_after_each_rejection():
    for done, rejected in ((2, 0), (3, 1), (4, 2)):
        till_rules.check_number_of_counts(done, rejected=rejected)
    with pytest.raises(till_rules.TooManyCounts):
        till_rules.check_number_of_counts(3, rejected=0)


def test_the_approval_names_difference_and_limit():
    with pytest.raises(till_rules.ApprovalNeeded) as refused:
        till_rules.check_closing([till_rules.Count(1, 57730, 56000)], reason="x", limit_cents=50, is_approved=False)
    assert refused.value.params == {"difference": "S/ 17.30", "limit": "S/ 0.50"}


def test_a_difference_needs_a_reason_and_above_the_limit_an_approval():
    short = [till_rules.Count(1, 10000, 9950)]
    assert (
        till_rules.check_closing([till_rules.Count(1, 10000, 10000)], reason="", limit_cents=0, is_approved=False) == 0
    )
    with pytest.raises(till_rules.DifferenceReasonMissing):
        till_rules.check_closing(short, reason=" ", limit_cents=50, is_approved=True)
    assert till_rules.check_closing(short, reason="vuelto", limit_cents=50, is_approved=False) == -50
    with pytest.raises(till_rules.ApprovalNeeded):
        till_rules.check_closing(short, reason="vuelto", limit_cents=49, is_approved=False)
    assert till_rules.check_closing(short, reason="vuelto", limit_cents=49, is_approved=True) == -50


def test_a_surplus_does_not_offset_a_shortage_of_another_method():
    swapped = [till_rules.Count(1, 10000, 9000), till_rules.Count(2, 5000, 6000)]
    with pytest.raises(till_rules.ApprovalNeeded):
        till_rules.check_closing(swapped, reason="cruzado", limit_cents=50, is_approved=False)


def test_the_next_float_is_at_most_the_counted_cash():
    assert till_rules.next_float(None, counted_cash_cents=500) == 500
    assert till_rules.next_float(200, counted_cash_cents=500) == 200
    for wrong in (501, -1):
        with pytest.raises(Invalid):
            till_rules.next_float(wrong, counted_cash_cents=500)


@pytest.mark.parametrize(
    ("charged", "paid", "refunded", "status", "state"),
    [
        (8000, 0, 0, "open", "none"),
        (8000, 1, 0, "open", "partial"),
        (8000, 8000, 0, "open", "paid"),
        (8000, 0, 8000, "open", "refunded"),
        (8000, 3000, 5000, "open", "partial"),
        (0, 0, 0, "voided", "voided"),
        (0, 0, 0, "open", "paid"),
        (0, 3000, 0, "open", "refund_due"),
        (0, 0, 3000, "open", "refunded"),
    ],
)
def test_the_state_of_a_ticket_is_computed(charged, paid, refunded, status, state):
    result = rules.payment_state(owed_cents=charged - paid, paid_cents=paid, refunded_cents=refunded, status=status)
    assert result == state


def test_the_seal_depends_on_figures_and_not_on_key_order():
    one = {"b": 1, "a": datetime(2026, 11, 20, 15, tzinfo=UTC)}
    same = {"a": datetime(2026, 11, 20, 15, tzinfo=UTC), "b": 1}
    assert till_rules.canonical(one) == till_rules.canonical(same) == '{"a":"2026-11-20T15:00:00Z","b":1}'
    assert till_rules.seal(till_rules.canonical(one)) != till_rules.seal(till_rules.canonical({**one, "b": 2}))
