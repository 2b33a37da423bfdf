"""Money of a patient that the clinic keeps: put aside from a ticket that nobody owes any more, used to pay another
ticket of the same clinic, or given back to its ticket, from where it is refunded.

Movements on the account ``credit``: no till is touched, since no money moves.
"""

from datetime import datetime

from app.billing import accounts, events, permissions, queries
from app.billing.actions import ledger, tickets
from app.billing.models import Movement, Ticket
from app.billing.rules import decisions
from app.billing.rules.decisions import MoneyDecision
from app.kernel.access import Actor, require
from app.kernel.db import lock
from app.kernel.errors import Conflict
from app.kernel.i18n import N_


class NothingToKeep(Conflict):
    code = "NO_REFUND_DUE"
    message = N_("En este ticket no hay dinero por devolver.")


class NoCredit(Conflict):
    code = "NO_CREDIT"
    message = N_("El paciente no tiene ese saldo a favor en esta sede.")


def choices_of(appointment_id: int, *, never_owes: bool, is_late: bool) -> tuple[list[str], bool]:
    """The decisions that the money of a visit admits, and whether there is money on its ticket."""
    ticket = queries.tickets.of_appointments([appointment_id]).get(appointment_id)
    if ticket is None or ticket.status != "open":
        return [], False
    offered = decisions.choices(
        amount_cents=ticket.amount_cents, paid_cents=ticket.paid_cents, never_owes=never_owes, is_late=is_late
    )
    return offered, ticket.paid_cents > 0


def settle_ticket_of(
    appointment_id: int, decision: MoneyDecision, *, reason: str, actor: Actor | None, now: datetime
) -> None:
    """Carry out what was decided on the money of a visit that did not take place.

    Money that came from the patient's credit goes back there by itself.
    """
    if decision == MoneyDecision.CHARGE:
        return
    tickets.void_ticket_of(appointment_id, reason=reason, actor=actor, now=now)
    ticket = tickets.find_of_appointment(appointment_id)
    if ticket is None or ticket.status != "open":
        return
    if decision == MoneyDecision.CREDIT:
        keep_paid(ticket, actor=actor, now=now)
        return
    from_credit = queries.credit.used_on(ticket.id)
    if from_credit > 0:
        _post("credit", ticket, from_credit, actor=actor, now=now)
        tickets.record(events.CreditKept, ticket, cents=from_credit, actor=actor, now=now)
        tickets.void_if_settled(ticket, reason=reason, actor=actor, now=now)


def keep(ticket_id: int, *, actor: Actor, now: datetime) -> int:
    """Put what is due back on a ticket aside for its patient, and void the ticket; returns the cents.

    Raises NotFound, NothingToKeep.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.TAKE_PAYMENT, clinic_id)
    ticket = tickets.get_for_update(ticket_id)
    cents = -queries.tickets.balance(ticket.id).owed_cents
    if ticket.status != "open" or cents <= 0:
        raise NothingToKeep
    keep_paid(ticket, actor=actor, now=now)
    return cents


def keep_paid(ticket: Ticket, *, actor: Actor | None, now: datetime) -> None:
    """Put all money of a locked ticket aside, whose charges are reversed, and void it."""
    cents = queries.tickets.balance(ticket.id).paid_cents
    if cents > 0:
        _post("credit", ticket, cents, actor=actor, now=now)
        tickets.record(events.CreditKept, ticket, cents=cents, actor=actor, now=now)
    tickets.void_if_settled(ticket, reason=N_("Saldo a favor del paciente"), actor=actor, now=now)


def give_back(ticket_id: int, *, actor: Actor, now: datetime) -> int:
    """Return what was put aside from a ticket, as far as it is not used, so that it can be refunded; the cents.

    Raises NotFound, NoCredit.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.REFUND, clinic_id)
    ticket = tickets.get_for_update(ticket_id)
    lock("credit", ticket.patient_id)
    cents = queries.credit.left_of_ticket(ticket.id, ticket.patient_id, clinic_id=clinic_id)
    if cents <= 0:
        raise NoCredit
    tickets.open_again(ticket)
    _post("credit_return", ticket, -cents, actor=actor, now=now)
    tickets.record(events.CreditReturned, ticket, cents=cents, actor=actor, now=now)
    return cents


def use(ticket: Ticket, cents: int, *, actor: Actor, now: datetime) -> Movement:
    """Pay a locked ticket from its patient's credit. Raises NoCredit when there is less."""
    lock("credit", ticket.patient_id)
    if queries.credit.of_patient(ticket.patient_id, clinic_id=ticket.clinic_id) < cents:
        raise NoCredit
    movement = _post("credit_use", ticket, -cents, actor=actor, now=now)
    tickets.record(events.CreditUsed, ticket, cents=cents, actor=actor, now=now)
    return movement


def _post(kind: str, ticket: Ticket, cents: int, *, actor: Actor | None, now: datetime) -> Movement:
    """``cents`` are positive when the patient's credit grows."""
    movement = Movement(
        clinic_id=ticket.clinic_id,
        kind=kind,
        ticket_id=ticket.id,
        received_at=now,
        received_by=actor.user_id if actor else None,
    )
    return ledger.post(movement, accounts.credited(ticket.patient_id, ticket.id, cents))
