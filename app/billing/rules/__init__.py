"""Rules: document codes, payment states, payments; ``tills`` has those of a till and its closing.

Pure functions on values; all amounts are integer cents.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from app.kernel import money
from app.kernel.errors import Conflict, Invalid, RuleBroken
from app.kernel.i18n import N_

PAYMENT_STATES = {
    "none": N_("Por cobrar"),
    "partial": N_("Pago parcial"),
    "paid": N_("Pagado"),
    "refunded": N_("Devuelto"),
    "refund_due": N_("Por devolver"),
    "voided": N_("Anulado"),
}


CREDIT = "saldo"  # the method of a payment from what the clinic keeps for the patient

# ------------------------------------------------------------------ documents


def ticket_code(number: int) -> str:
    """The displayed number of a ticket.

    >>> ticket_code(1)
    'TKT-000001'
    """
    return f"TKT-{number:06d}"


def ticket_ranges(numbers: Iterable[int]) -> list[str]:
    """Ticket numbers as codes, neighbours as a range.

    >>> ticket_ranges([7, 3, 4, 5])
    ['TKT-000003 – TKT-000005', 'TKT-000007']
    """
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [" – ".join(ticket_code(number) for number in dict.fromkeys(pair)) for pair in ranges]


def short_name(name: str) -> str:
    """A person's name where a column is narrow.

    >>> short_name("Ana Torres"), short_name("Ana")
    ('Ana T.', 'Ana')
    """
    first, _space, rest = name.partition(" ")
    return f"{first} {rest[0]}." if rest else first


def till_code(business_day: date, number: int) -> str:
    """The displayed number of a till session: the year of its business day and its number in the clinic.

    >>> till_code(date(2026, 11, 20), 123)
    'CJ-2026-000123'
    """
    return f"CJ-{business_day.year}-{number:06d}"


def payment_state(*, owed_cents: int, paid_cents: int, refunded_cents: int, status: str) -> str:
    """``none``, ``partial``, ``paid``, ``refunded``, ``refund_due`` or ``voided``; ``paid_cents`` is net of refunds.

    A courtesy (nothing to pay) counts as paid. A negative ``owed_cents`` means that a refund is due.
    """
    if status == "voided":
        return "voided"
    if owed_cents < 0:
        return "refund_due"
    if paid_cents > 0:
        return "partial" if owed_cents else "paid"
    if refunded_cents:
        return "refunded"
    return "none" if owed_cents else "paid"


# ------------------------------------------------------------------ payments


class AmountExceedsBalance(RuleBroken):
    message = N_("El monto es mayor que lo que se debe (%(owed)s).")
    field = "amount"


class UnknownPaymentMethod(Invalid):
    def __init__(self) -> None:
        super().__init__({"method": N_("Este método de pago no existe o no está activo.")})


@dataclass(frozen=True, slots=True)
class Method:
    """An active payment method of a clinic."""

    id: int
    code: str
    name: str
    is_cash: bool
    needs_reference: bool


def check_amount(amount_cents: int | None, *, owed_cents: int, currency: str = "PEN") -> int:
    """The amount to take; all that is owed when None. Raises Invalid, AmountExceedsBalance."""
    amount = owed_cents if amount_cents is None else amount_cents
    if amount > owed_cents:
        owed = {"owed": money.decimal_text(owed_cents)}
        raise AmountExceedsBalance(details=owed, owed=money.format_money(owed_cents, currency))
    check_positive(amount, currency)
    return amount


def check_positive(amount_cents: int, currency: str) -> None:
    """Raise Invalid for an amount that nobody can pay in a currency."""
    if amount_cents <= 0:
        raise Invalid({"amount": N_("Escriba un monto mayor que cero.")})
    if not money.digits(currency) and amount_cents % 100:
        raise Invalid({"amount": N_("En %(currency)s los montos no llevan decimales.")}, currency=currency)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a payment takes off the debt and what is paid for that; they differ by the rounding of cash."""

    settled_cents: int
    paid_cents: int

    @property
    def rounding_cents(self) -> int:
        """Below zero in favour of who pays."""
        return self.paid_cents - self.settled_cents


def settle(
    method: Method, amount_cents: int | None, *, owed_cents: int, currency: str = "PEN", rounding: str = "currency"
) -> Settlement:
    """A payment of an amount, of all that is owed when None; the last one in cash is rounded.

    Raises Invalid, AmountExceedsBalance.

    >>> cash = Method(1, "efectivo", "Efectivo", True, False)
    >>> settle(cash, 505, owed_cents=505) == settle(cash, 500, owed_cents=505) == Settlement(505, 500)
    True
    """
    rounded = money.round_cash(owed_cents, currency, rounding) if method.is_cash else owed_cents
    amount = rounded if amount_cents is None or amount_cents == owed_cents else amount_cents
    if amount == rounded != owed_cents:
        if not rounded:
            raise Invalid({"amount": N_("Falta menos que la moneda más pequeña. Cobre con otro método.")})
        return Settlement(owed_cents, rounded)
    amount = check_amount(amount, owed_cents=owed_cents, currency=currency)
    check_coins(method, amount, currency, rounding)
    return Settlement(amount, amount)


def check_coins(method: Method, amount_cents: int, currency: str, rounding: str) -> None:
    """Raise Invalid for an amount that cannot be handed over in cash."""
    unit = money.cash_unit(currency, rounding)
    if method.is_cash and amount_cents % unit:
        below = amount_cents // unit * unit
        nearest = {"below": below, "above": below + unit}
        words = {name: money.format_money(cents, currency) for name, cents in nearest.items()}
        text = N_("No hay monedas para ese monto en efectivo. Escriba %(below)s o %(above)s, o elija otro método.")
        raise Invalid({"amount": text}, **words)


def change_of(method: Method, *, amount_cents: int, tendered_cents: int | None) -> tuple[int | None, int]:
    """``(tendered, change)`` of a payment; exact cash when nothing was tendered.

    Raises Invalid when less than the amount was tendered, or anything else with a method other than cash.
    """
    if not method.is_cash:
        if tendered_cents not in (None, amount_cents):
            raise Invalid({"tendered": N_("Lo recibido y el vuelto son solo para efectivo.")})
        return None, 0
    tendered = amount_cents if tendered_cents is None else tendered_cents
    if tendered < amount_cents:
        raise Invalid({"tendered": N_("Lo recibido no alcanza para el monto.")})
    return tendered, tendered - amount_cents


def check_reference(method: Method, reference: str) -> str:
    """The reference as it is stored, without spaces; required where the method needs one. Raises Invalid.

    >>> check_reference(Method(2, "yape", "Yape", False, True), " ００912 ab")
    '00912AB'
    """
    stored = "".join(unicodedata.normalize("NFKC", reference).split()).upper()[:60]
    if method.needs_reference and not stored:
        raise Invalid({"reference": N_("Escriba el número de operación.")})
    return stored


class ReferenceUsed(Conflict):
    """The same operation pays once: ``details['ticket']`` is where it stands."""

    code = "REFERENCE_USED"
    message = N_(
        "El número de operación %(reference)s ya está en %(ticket)s, de %(clinic)s. No se cobró nada. Corrija el número"
        " o pida a supervisión que cobre con un motivo."
    )
    field = "reference"


def quick_cash(owed_cents: int, currency: str = "PEN") -> list[int]:
    """Suggested amounts tendered: the amount and its roundings up to common notes.

    >>> quick_cash(8000)
    [8000, 10000, 20000]
    >>> quick_cash(11550)
    [11550, 12000, 15000, 20000]
    """
    if owed_cents <= 0:
        return []
    notes = money.denominations(currency)[:5] or money.denominations("PEN")[:5]
    rounded = {-(-owed_cents // note) * note for note in notes}
    return [owed_cents, *sorted(rounded - {owed_cents})][:4]


# ------------------------------------------------------------------ refunds


class RefundExceedsPayment(RuleBroken):
    message = N_("De este pago quedan %(left)s por devolver.")
    field = "amount"


AFTER_REFUND = {
    "void": N_("Se anula el ticket: la atención no se cobra"),
    "courtesy": N_("Cortesía: la atención se dio y no se cobra"),
    "owed": N_("Se sigue debiendo: se cobrará otra vez"),
}


def refund_amount(amount_cents: int | None, *, left_cents: int, currency: str = "PEN") -> int:
    """The amount to refund, all that is left of the payment when None. Raises Invalid, RefundExceedsPayment."""
    amount = left_cents if amount_cents is None else amount_cents
    if amount > left_cents:
        left = {"left": money.decimal_text(left_cents)}
        raise RefundExceedsPayment(details=left, left=money.format_money(left_cents, currency))
    check_positive(amount, currency)
    return amount
