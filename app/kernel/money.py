"""Money in integer cents with its currency: hundredths also of a currency without coins below one. No floats anywhere.

One rounding rule: half up, as SUNAT, the tax office, rounds cents.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel.numbers import get_currency_precision

from app.kernel.errors import RuleBroken
from app.kernel.i18n import N_

_AMOUNT = re.compile(r"-?([0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2})(\.[0-9]{1,2})?")
MAX_CENTS = 2**31 - 1  # what the columns hold
SYMBOLS = {"PEN": "S/", "USD": "US$", "BOB": "Bs", "CLP": "$", "COP": "$"}
# Notes and coins in cents, the largest first: what a drawer is counted by.
DENOMINATIONS = {
    "PEN": (20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10),
    "USD": (10000, 5000, 2000, 1000, 500, 100, 25, 10, 5, 1),
    "BOB": (20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10),
    "CLP": (2000000, 1000000, 500000, 200000, 100000, 50000, 10000, 5000, 1000),
    "COP": (10000000, 5000000, 2000000, 1000000, 500000, 200000, 100000, 50000, 20000, 10000, 5000),
}
# How a sum in cash is rounded to the smallest piece: in Peru down, nobody pays more than the price (Ley 29571).
# Elsewhere to the nearest one, the half down.
ROUNDED_DOWN = frozenset({"PEN"})
CASH_ROUNDING = ("currency", "down", "nearest", "none")


class BadAmount(RuleBroken):
    code = "INVALID_AMOUNT"
    message = N_("Escriba un monto con dos decimales como máximo, por ejemplo 80.00.")


@dataclass(frozen=True, slots=True)
class Money:
    """``Money(8000, "PEN")`` is eighty soles."""

    cents: int
    currency: str = "PEN"

    def __str__(self) -> str:
        return format_money(self.cents, self.currency)


class NoDecimals(BadAmount):
    message = N_("Escriba un monto sin decimales: esta moneda no tiene centavos.")


def parse_cents(text: object, currency: str = "PEN") -> int:
    """``"80"``, ``"80.5"``, ``"1,234.50"`` or a Decimal to cents; refuses a third decimal and floats, and hundredths of
    a currency without them.

    A comma is accepted between thousands only: ``"80,50"`` must not be read as 8050.
    """
    if isinstance(text, float) or text is None:
        raise BadAmount
    plain = str(text).strip()
    if not _AMOUNT.fullmatch(plain):
        raise BadAmount
    cents = int(Decimal(plain.replace(",", "")) * 100)
    if abs(cents) > MAX_CENTS:
        raise BadAmount(N_("El monto es demasiado grande."))
    if cents % 100 and not digits(currency):
        raise NoDecimals
    return cents


def decimal_text(cents: int) -> str:
    """The form in JSON and inputs: ``8000`` is ``"80.00"``."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def format_money(cents: int, currency: str = "PEN") -> str:
    """The form in the interface: ``S/ 1,234.50``; negatives as ``-S/ 12.00``; ``$ 25,000`` in Chilean pesos."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{symbol(currency)} {grouped(abs(cents), currency)}"


def grouped(cents: int, currency: str = "PEN") -> str:
    """The amount alone: ``1,234.50``. A currency without cents shows them only where there are some."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole:,}.{rest:02d}" if rest or digits(currency) else f"{sign}{whole:,}"


def symbol(currency: str) -> str:
    """``S/``; the code of a currency that has no symbol here."""
    return SYMBOLS.get(currency, currency)


@cache
def digits(currency: str) -> int:
    """How many decimals a currency has: 2 for the sol, 0 for the Chilean peso."""
    return int(get_currency_precision(currency))


def denominations(currency: str) -> tuple[int, ...]:
    """Notes and coins of a currency in cents, the largest first; empty when they are not known."""
    return DENOMINATIONS.get(currency, ())


def cash_unit(currency: str, rounding: str = "currency") -> int:
    """The cents of which a sum in cash is a multiple: those of the smallest piece; 1 where nothing is rounded."""
    pieces = denominations(currency)
    return pieces[-1] if pieces and rounding != "none" else 1


def round_cash(cents: int, currency: str, rounding: str = "currency") -> int:
    """What is paid in cash for an amount; ``rounding`` is one of ``CASH_ROUNDING``.

    >>> round_cash(505, "PEN"), round_cash(506, "PEN", "nearest"), round_cash(500500, "CLP"), round_cash(505, "USD")
    (500, 510, 500000, 505)
    """
    unit = cash_unit(currency, rounding)
    is_down = rounding == "down" or (rounding == "currency" and currency in ROUNDED_DOWN)
    return cents // unit * unit if is_down else (cents + (unit - 1) // 2) // unit * unit
