"""Rules of a till: expected figures, counts, closings, the seal of a report. All amounts are integer cents."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from app.billing.rules import Method
from app.kernel import money
from app.kernel.errors import Conflict, Invalid
from app.kernel.i18n import N_

LONG_SESSION = timedelta(hours=24)  # a session open for longer is shown with a warning


@dataclass(frozen=True, slots=True)
class MethodFigures:
    """Totals of a session by one method, all positive; only cash has an opening float."""

    method_id: int
    code: str
    name: str
    is_cash: bool
    opening_cents: int = 0
    payment_count: int = 0
    payments_cents: int = 0
    refunds_cents: int = 0
    in_cents: int = 0
    out_cents: int = 0

    @property
    def net_cents(self) -> int:
        """Payments less refunds."""
        return self.payments_cents - self.refunds_cents

    @property
    def expected_cents(self) -> int:
        """What has to be in the till. Amounts are net of change, so change is not subtracted again."""
        return self.opening_cents + self.net_cents + self.in_cents - self.out_cents


@dataclass(frozen=True, slots=True)
class KindTotal:
    """Sum of one kind of movement in a session by one method; positive is money in."""

    kind: str
    count: int
    cents: int


def figures_of(method: Method, totals: Iterable[KindTotal], *, opening_cents: int) -> MethodFigures:
    """Figures of a method in a session, from its totals by kind."""
    totals = tuple(totals)
    payments = [t for t in totals if t.kind == "payment"]
    others = [t.cents for t in totals if t.kind not in ("payment", "refund")]
    return MethodFigures(
        method_id=method.id,
        code=method.code,
        name=method.name,
        is_cash=method.is_cash,
        opening_cents=opening_cents,
        payment_count=sum(t.count for t in payments),
        payments_cents=sum(t.cents for t in payments),
        refunds_cents=-sum(t.cents for t in totals if t.kind == "refund"),
        in_cents=sum(cents for cents in others if cents > 0),
        out_cents=-sum(cents for cents in others if cents < 0),
    )


class DrawerHoldsLess(Conflict):
    """``details['drawer']`` is what is there, unless the actor counts blind."""

    code = "DRAWER_HOLDS_LESS"
    message = N_(
        "En la caja hay %(drawer)s; no se puede sacar %(amount)s. Corrija el monto o pida a supervisión que lo registre"
        " con un motivo."
    )


class NotEnoughInDrawer(DrawerHoldsLess):
    """The same for who counts blind: the sentence must not say what is expected in the drawer."""

    message = N_(
        "En la caja no hay %(amount)s. No se registró nada. Corrija el monto o pida a supervisión que lo registre con"
        " un motivo."
    )


class OpeningDiffers(Invalid):
    def __init__(self, counted_cents: int, left_cents: int, currency: str) -> None:
        text = LESS_THAN_LEFT if counted_cents < left_cents else MORE_THAN_LEFT
        cents = {"left": left_cents, "counted": counted_cents, "difference": abs(counted_cents - left_cents)}
        words = {name: money.format_money(amount, currency) for name, amount in cents.items()}
        super().__init__({"note": text}, **words)


LESS_THAN_LEFT = N_(
    "El último cierre dejó %(left)s y usted contó %(counted)s. Faltan %(difference)s: escriba qué pasó."
)
MORE_THAN_LEFT = N_(
    "El último cierre dejó %(left)s y usted contó %(counted)s. Sobran %(difference)s: escriba qué pasó."
)


def opening_difference(float_cents: int, left_cents: int | None) -> int:
    """What the float has more (positive) or less than the last closing left; 0 at a till's first opening."""
    return 0 if left_cents is None else float_cents - left_cents


@dataclass(frozen=True, slots=True)
class Count:
    """Expected and counted of one method; a negative ``difference_cents`` is a shortage (faltante)."""

    method_id: int
    expected_cents: int
    counted_cents: int

    @property
    def difference_cents(self) -> int:
        return self.counted_cents - self.expected_cents


class DifferenceReasonMissing(Invalid):
    code = "REASON_REQUIRED"

    def __init__(self) -> None:
        super().__init__({"reason": N_("Lo contado no coincide con lo esperado. Explique la diferencia.")})


class CountFacts(Protocol):
    """What the state of a session needs to know of its current count."""

    @property
    def is_approved(self) -> bool | None: ...

    @property
    def absolute_difference_cents(self) -> int: ...


STATES = {
    "open": N_("Abierta"),
    "counting": N_("En arqueo"),
    "observed": N_("Observada"),
    "closed": N_("Cerrada"),
}


def state_of(status: str, current: CountFacts | None, difference_cents: int | None, limit_cents: int) -> str:
    """``open``; ``counting`` with a count that may close it; ``observed`` while its difference waits for a
    supervisor, and when it was closed with one; ``closed``."""
    if status == "closed":
        return "observed" if difference_cents else "closed"
    if current is None or current.is_approved is False:
        return "open"
    needs_approval = current.absolute_difference_cents > limit_cents and not current.is_approved
    return "observed" if needs_approval else "counting"


class ApprovalNeeded(Conflict):
    """``details`` has ``difference`` and ``limit`` as decimal text."""

    code = "APPROVAL_REQUIRED"
    message = N_(
        "La diferencia (%(difference)s) supera el límite de la sede (%(limit)s). El conteo quedó guardado; supervisión"
        " lo ve y lo autoriza o pide contar de nuevo."
    )

    def __init__(self, difference_cents: int, limit_cents: int, currency: str) -> None:
        cents = {"difference": difference_cents, "limit": limit_cents}
        details = {name: money.decimal_text(amount) for name, amount in cents.items()}
        words = {name: money.format_money(amount, currency) for name, amount in cents.items()}
        super().__init__(details=details, **words)


class NotCounted(Conflict):
    code = "NOT_COUNTED"
    message = N_("Cuente primero lo que hay: no hay un conteo, o la caja cambió después del último.")


class RecountNeeded(Conflict):
    code = "RECOUNT_REQUIRED"
    message = N_("Supervisión pidió contar de nuevo: %(reason)s")


class TooManyCounts(Conflict):
    code = "TOO_MANY_COUNTS"
    message = N_("Ya se contó tres veces. Cierre con el último conteo o pida a supervisión que lo revise.")


MAX_COUNTS = 3  # while nothing moves in the session


def check_number_of_counts(done: int, *, rejected: int) -> None:
    """Raise TooManyCounts; each rejected count allows one more."""
    if done - rejected >= MAX_COUNTS:
        raise TooManyCounts


def absolute_difference(counts: Iterable[Count]) -> int:
    """The sum of absolute differences: a surplus of one method does not offset a shortage of another."""
    return sum(abs(count.difference_cents) for count in counts)


def seal_of_count(session_id: int, number: int, counts: Iterable[Count]) -> str:
    """The SHA-256 of a count."""
    lines = sorted([count.method_id, count.expected_cents, count.counted_cents] for count in counts)
    return seal(canonical({"session": session_id, "number": number, "lines": lines}))


def count_cash(pieces: Mapping[int, int], currency: str = "PEN") -> int:
    """The sum of ``{denomination in cents: pieces}``. Raises Invalid for pieces that the currency does not have."""
    known = money.denominations(currency)
    if any(value not in known or number < 0 for value, number in pieces.items()):
        text = N_("Use billetes y monedas de %(currency)s y cantidades desde cero.")
        raise Invalid({"denominations": text}, currency=currency)
    return sum(value * number for value, number in pieces.items())


def counts_of(
    figures: Iterable[MethodFigures],
    counted: Mapping[str, int],
    denominations: Mapping[int, int] | None,
    currency: str = "PEN",
) -> list[Count]:
    """Match counted amounts with expected ones. ``counted`` is cents by method code; cash may be counted by pieces.

    Only cash has to be counted. Another method that is left out counts as zero, and as what is expected when more
    was refunded than taken: an app shows no negative balance. Raises Invalid per method, whatever is expected.
    """
    figures = list(figures)
    counted = dict(counted)
    errors = {f"counted.{code}": UNKNOWN_METHOD for code in counted.keys() - {f.code for f in figures}}
    for figure in figures:
        if figure.is_cash and denominations:
            by_pieces = count_cash(denominations, currency)
            if counted.setdefault(figure.code, by_pieces) != by_pieces:
                errors[f"counted.{figure.code}"] = PIECES_DIFFER
        if figure.is_cash and figure.code not in counted:
            errors[f"counted.{figure.code}"] = NOT_COUNTED
        if figure.is_cash and counted.get(figure.code, 0) < 0:
            errors[f"counted.{figure.code}"] = BELOW_ZERO
    if errors:
        raise Invalid(errors)
    return [Count(f.method_id, f.expected_cents, _counted_of(f, counted.get(f.code, 0))) for f in figures]


def _counted_of(figure: MethodFigures, counted_cents: int) -> int:
    """Zero of a method without a drawer agrees with a negative expectation."""
    if not figure.is_cash and counted_cents == 0 and figure.expected_cents < 0:
        return figure.expected_cents
    return counted_cents


UNKNOWN_METHOD = N_("Este método de pago no existe o no está activo.")
PIECES_DIFFER = N_("No coincide con la suma de billetes y monedas.")
NOT_COUNTED = N_("Cuente el efectivo; si no hay, escriba 0.")
BELOW_ZERO = N_("Lo contado no puede ser menor que cero.")


def check_closing(
    counts: Iterable[Count], *, reason: str, limit_cents: int, is_approved: bool, currency: str = "PEN"
) -> int:
    """The signed difference over all methods. Raises DifferenceReasonMissing, ApprovalNeeded.

    The limit applies to the sum of absolute differences.
    """
    counts = list(counts)
    total_difference = absolute_difference(counts)
    if total_difference > limit_cents and not is_approved:
        raise ApprovalNeeded(total_difference, limit_cents, currency)
    if total_difference and not reason.strip():
        raise DifferenceReasonMissing
    return sum(count.difference_cents for count in counts)


def next_float(left_cents: int | None, *, counted_cash_cents: int) -> int:
    """The next opening float; all counted cash when None. Raises Invalid."""
    left = counted_cash_cents if left_cents is None else left_cents
    if not 0 <= left <= counted_cash_cents:
        raise Invalid({"left_for_tomorrow": N_("No puede quedar más de lo contado en efectivo.")})
    return left


def is_overlong(opened_at: datetime, now: datetime) -> bool:
    """Whether a session has been open for longer than ``LONG_SESSION``."""
    return now - opened_at > LONG_SESSION


# ------------------------------------------------------------------ the seal of a Z report


def canonical(report: Mapping[str, Any]) -> str:
    """A report as canonical JSON: sorted keys, UTC instants."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(report, option=options).decode()


def seal(text: str) -> str:
    """The SHA-256 of a canonical report."""
    return hashlib.sha256(text.encode()).hexdigest()
