"""The ledger's accounts, the kinds of movement, and which accounts each kind debits and credits.

A posting is signed cents on an account and a dimension: debits positive, credits negative, zero per movement.
Accounts and kinds are rows in the database too (``ledger_account``, ``movement_kind``): a new kind is an INSERT,
and neither tables, triggers nor views change. Pure functions on values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.kernel.i18n import N_


class Account(StrEnum):
    """Accounts of the ledger; the comments name the entity whose id is the dimension (0 for none)."""

    TILL = "till"  # till: cash in a drawer
    FUND = "fund"  # petty cash fund
    CLEARING = "clearing"  # payment method: collected, not yet settled
    TRANSIT = "transit"  # being moved between tills or to the bank
    BANK = "bank"
    RECEIVABLE = "receivable"  # ticket: owed by the patient; below zero it is due back
    SUSPENSE = "suspense"  # till: counterpart of cash in and out without another account
    CREDIT = "credit"  # patient
    UNEARNED = "unearned"  # package
    TIPS_PAYABLE = "tips_payable"  # therapist
    ONLINE_UNMATCHED = "online_unmatched"  # payment intent
    REVENUE = "revenue"  # ticket line, which names therapist and service
    FEE = "fee"
    BREAKAGE = "breakage"  # package
    DISCOUNT = "discount"  # ticket line
    COURTESY = "courtesy"  # ticket line
    ROUNDING = "rounding"  # ticket
    COMMISSION = "commission"  # payment method
    EXPENSE = "expense"  # category
    OVER_SHORT = "over_short"  # till session
    CHARGEBACK_LOSS = "chargeback_loss"
    BAD_DEBT = "bad_debt"


COLLECTED = (Account.TILL, Account.CLEARING)  # accounts that a till session has to account for
Postings = Mapping[tuple[Account, int], int]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of movement. ``ticket_side`` is the column of ``ticket_balance`` in which it counts; the
    database refuses a movement without the references that its kind needs."""

    label: str
    debit: tuple[Account, ...]
    credit: tuple[Account, ...]
    ticket_side: str | None = None
    needs_ticket: bool = False
    needs_session: bool = False
    needs_method: bool = False
    needs_user: bool = False


def _of_till(label: str, debit: tuple[Account, ...], credit: tuple[Account, ...], side: str | None = None) -> Kind:
    return Kind(label, debit, credit, side, side is not None, needs_session=True, needs_method=True, needs_user=True)


_OF_MOVES = (Account.TILL, Account.SUSPENSE, Account.EXPENSE, Account.BANK)
_OF_DIFFERENCES = (*COLLECTED, Account.OVER_SHORT)
KINDS = {
    "charge": Kind(N_("Cargo"), (Account.RECEIVABLE,), (Account.REVENUE,), "charged", needs_ticket=True),
    "reversal": Kind(N_("Anulación de cargo"), (Account.REVENUE,), (Account.RECEIVABLE,), "charged", needs_ticket=True),
    "courtesy": Kind(
        N_("Cortesía"), (Account.COURTESY,), (Account.RECEIVABLE,), "charged", needs_ticket=True, needs_user=True
    ),
    "payment": _of_till(N_("Cobro"), (*COLLECTED, Account.ROUNDING), (Account.RECEIVABLE, Account.ROUNDING), "paid"),
    "refund": _of_till(
        N_("Devolución"), (Account.RECEIVABLE, Account.ROUNDING), (*COLLECTED, Account.ROUNDING), "refunded"
    ),
    "credit": Kind(N_("A favor del paciente"), (Account.RECEIVABLE,), (Account.CREDIT,), "refunded", needs_ticket=True),
    "credit_use": Kind(
        N_("Pago con saldo a favor"), (Account.CREDIT,), (Account.RECEIVABLE,), "paid", needs_ticket=True
    ),
    "credit_return": Kind(
        N_("Saldo a favor por devolver"), (Account.CREDIT,), (Account.RECEIVABLE,), "refunded", needs_ticket=True
    ),
    "cash_in": _of_till(N_("Ingreso"), (Account.TILL,), (Account.SUSPENSE,)),
    "cash_out": _of_till(N_("Retiro"), (Account.SUSPENSE,), (Account.TILL,)),
    "expense": _of_till(N_("Gasto"), (Account.EXPENSE,), (Account.TILL,)),
    "deposit": _of_till(N_("Depósito en banco"), (Account.BANK,), (Account.TILL,)),
    "move_reversal": _of_till(N_("Movimiento anulado"), _OF_MOVES, _OF_MOVES),
    "opening_difference": _of_till(N_("Diferencia de apertura"), _OF_DIFFERENCES, _OF_DIFFERENCES),
    "closing_difference": _of_till(N_("Diferencia de cierre"), _OF_DIFFERENCES, _OF_DIFFERENCES),
}
LABELS = {code: kind.label for code, kind in KINDS.items()}
CASH_MOVES = ("expense", "deposit", "cash_in", "cash_out")
# What a count found: it corrects the account of a drawer or method and is no turnover of the session.
DIFFERENCES = ("opening_difference", "closing_difference")


def charge(ticket_id: int, line_id: int, cents: int) -> Postings:
    """Postings of the charge of a ticket line."""
    return {(Account.RECEIVABLE, ticket_id): cents, (Account.REVENUE, line_id): -cents}


def collected(
    till_id: int, method_id: int, ticket_id: int, cents: int, *, is_cash: bool, rounding_cents: int = 0
) -> Postings:
    """Postings of a payment for a ticket, with negative cents of a refund.

    ``rounding_cents`` is what was paid above the debt that it settles; below zero in favour of who pays.

    >>> dict(collected(1, 1, 7, 500, is_cash=True, rounding_cents=-5)) == {
    ...     (Account.TILL, 1): 500, (Account.RECEIVABLE, 7): -505, (Account.ROUNDING, 7): 5}
    True
    """
    asset = (Account.TILL, till_id) if is_cash else (Account.CLEARING, method_id)
    postings = {asset: cents, (Account.RECEIVABLE, ticket_id): rounding_cents - cents}
    if rounding_cents:
        postings[Account.ROUNDING, ticket_id] = -rounding_cents
    return postings


def waived(charge: Postings) -> Postings:
    """Postings of the courtesy that takes the place of a charge."""
    return {
        (Account.COURTESY if account == Account.REVENUE else account, dim): -cents
        for (account, dim), cents in charge.items()
    }


def credited(patient_id: int, ticket_id: int, cents: int) -> Postings:
    """Postings of money of a ticket that is put aside for its patient, with negative cents of what is used of it."""
    return {(Account.RECEIVABLE, ticket_id): cents, (Account.CREDIT, patient_id): -cents}


def cash_move(kind: str, till_id: int, cents: int) -> Postings:
    """Postings of cash in (positive) or out (negative) other than payments.

    >>> dict(cash_move("expense", 1, -500)) == {(Account.TILL, 1): -500, (Account.EXPENSE, 0): 500}
    True
    """
    counterparts = {"expense": (Account.EXPENSE, 0), "deposit": (Account.BANK, 0)}
    return {(Account.TILL, till_id): cents, counterparts.get(kind, (Account.SUSPENSE, till_id)): -cents}


def difference(till_id: int, method_id: int, session_id: int, cents: int, *, is_cash: bool) -> Postings:
    """Postings of what a count found too much (positive) or too little."""
    asset = (Account.TILL, till_id) if is_cash else (Account.CLEARING, method_id)
    return {asset: cents, (Account.OVER_SHORT, session_id): -cents}


def mirror(postings: Postings) -> Postings:
    """The same accounts with the opposite signs."""
    return {key: -cents for key, cents in postings.items()}


def in_drawer(postings: Postings, till_id: int) -> Postings:
    """The same with the cash in the drawer of another till."""
    return {(account, till_id if account == Account.TILL else dim): cents for (account, dim), cents in postings.items()}


def find_problem(kind: str, postings: Postings) -> str:
    """Describe what is wrong with the postings of a kind; empty when nothing is.

    >>> find_problem("expense", cash_move("deposit", 1, -500))
    'bank is not debited by expense'
    """
    if not postings or sum(postings.values()) != 0:
        return "the postings do not sum to zero"
    for (account, _dimension), cents in postings.items():
        if account not in (KINDS[kind].debit if cents > 0 else KINDS[kind].credit):
            return f"{account} is not {'debited' if cents > 0 else 'credited'} by {kind}"
    return ""
