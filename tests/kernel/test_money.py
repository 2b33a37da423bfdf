"""Amounts in the currencies of the neighbours."""

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from app.billing.forms import CountForm, piece_label
from app.billing.rules import Method
from app.kernel import money


@pytest.mark.parametrize(
    ("currency", "text", "largest", "smallest"),
    [
        ("PEN", "S/ 25,000.50", "S/ 200", 10),
        ("CLP", "$ 25,000.50", "$ 20,000", 1000),
        ("COP", "$ 25,000.50", "$ 100,000", 5000),
        ("BOB", "Bs 25,000.50", "Bs 200", 10),
        ("USD", "US$ 25,000.50", "US$ 100", 1),
    ],
)
def test_each_currency_has_its_symbol_and_its_pieces(currency: str, text: str, largest: str, smallest: int) -> None:
    assert money.format_money(2500050, currency) == text
    pieces = money.denominations(currency)
    assert pieces == tuple(sorted(set(pieces), reverse=True))
    assert piece_label(pieces[0], currency) == largest
    assert pieces[-1] == smallest


def test_pesos_of_chile_have_no_decimals() -> None:
    assert (money.digits("CLP"), money.format_money(2500000, "CLP")) == (0, "$ 25,000")
    assert money.format_money(-2500000, "CLP") == "-$ 25,000"
    assert all(value % 100 == 0 for value in money.denominations("CLP"))
    assert money.parse_cents("25,000.00", "CLP") == 2500000
    with pytest.raises(money.NoDecimals):
        money.parse_cents("25000.50", "CLP")


@pytest.mark.parametrize("currency", ["PEN", "COP", "BOB", "USD"])
def test_the_others_have_two(currency: str) -> None:
    assert money.format_money(2500000, currency).endswith("25,000.00")
    assert money.parse_cents("80.50", currency) == 8050


@pytest.mark.any_engine
@pytest.mark.parametrize(("currency", "counted"), [("CLP", None), ("USD", 8050)])
def test_a_count_refuses_decimals_that_the_currency_has_not(app: Flask, currency: str, counted: int | None) -> None:
    method = Method(1, "efectivo", "Efectivo", is_cash=True, needs_reference=False)
    with app.test_request_context(method="POST", data=MultiDict({"counted_efectivo": "80.50"})):
        field = CountForm.for_methods([method], currency)["counted_efectivo"]
        assert (field.data, bool(field.process_errors)) == (counted, counted is None)
