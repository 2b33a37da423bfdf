"""What happens with the money of a visit that did not take place."""

from enum import StrEnum

from app.kernel.errors import Conflict, RuleBroken
from app.kernel.i18n import N_


class MoneyDecision(StrEnum):
    CHARGE = "charge"  # the price stays due, what is paid stays paid
    WAIVE = "waive"  # nothing is owed, what is paid is to be given back
    CREDIT = "credit"  # nothing is owed, what is paid is kept for the patient


LABELS = {
    "charge": N_("Cobrar la visita"),
    "waive": N_("No cobrar; lo pagado se devuelve"),
    "credit": N_("No cobrar; lo pagado queda a favor del paciente"),
}


class MoneyDecisionNeeded(Conflict):
    """``details['choices']`` are the values of ``money`` that may be sent."""

    code = "MONEY_DECISION_REQUIRED"
    message = N_("La visita tiene un pago. Diga qué pasa con el dinero: cobrar, no cobrar o dejarlo a favor.")


class UnknownMoneyDecision(RuleBroken):
    """``details['choices']`` are the values of ``money`` that may be sent."""

    message = N_("Elija qué pasa con el dinero: %(choices)s.")
    field = "money"


def choices(*, amount_cents: int, paid_cents: int, never_owes: bool, is_late: bool) -> list[str]:
    """The decisions that the ticket of a visit admits; none without anything to decide.

    A cancelled visit never owes (``never_owes``): cancelled late, what was paid in full may be kept.
    """
    if not amount_cents:
        return []
    if never_owes and not paid_cents:
        return []
    may_charge = (is_late and paid_cents == amount_cents) if never_owes else True
    found = [MoneyDecision.CHARGE] if may_charge else []
    found += [MoneyDecision.WAIVE, *([MoneyDecision.CREDIT] if paid_cents else [])]
    return [str(choice) for choice in found]


def decide(money: str, offered: list[str], *, is_needed: bool) -> MoneyDecision:
    """The decision taken; without one nothing is charged. Raises MoneyDecisionNeeded, UnknownMoneyDecision."""
    if not money and is_needed:
        raise MoneyDecisionNeeded(details={"choices": offered})
    if money and money not in (offered or [MoneyDecision.WAIVE]):
        codes = offered or [str(MoneyDecision.WAIVE)]
        raise UnknownMoneyDecision(details={"choices": codes}, choices=", ".join(codes))
    return MoneyDecision(money or MoneyDecision.WAIVE)
