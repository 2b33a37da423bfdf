"""Writes of tickets: issued by a booking, moved and voided with it.

The functions on appointments check no permission: the calling action has checked
the booking, move or cancellation, and the ticket changes in the same transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import aliased

from app.billing import accounts, events, permissions, queries, rules
from app.billing.actions import ledger, series
from app.billing.models import Movement, Posting, Ticket, TicketLine
from app.clinics import queries as clinics
from app.kernel import outbox
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.i18n import N_


class HasPayments(Conflict):
    code = "TICKET_HAS_PAYMENTS"
    message = N_("El ticket tiene pagos. Devuélvalos primero y vuelva a anular.")


class TicketIsVoided(Conflict):
    code = "TICKET_VOIDED"
    message = N_("El ticket está anulado; no se puede cobrar.")


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    id: int
    number: int
    code: str


def open_ticket(
    *,
    clinic_id: int,
    appointment_id: int | None,
    patient_id: int,
    therapist_id: int | None,
    service_id: int | None,
    concept: str,
    amount_cents: int,
    currency: str,
    tax_rate_bp: int,
    service_day: date,
    actor: Actor | None,
    now: datetime,
) -> IssuedTicket:
    """Issue a ticket of one line at the current price, and charge it."""
    number = series.next_number(clinic_id, "ticket")
    line = TicketLine(
        reference_type="appointment" if appointment_id else None,
        reference_id=appointment_id,
        description=concept[:160],
        unit_cents=amount_cents,
        tax_bp=tax_rate_bp,
        therapist_id=therapist_id,
        service_id=service_id,
    )
    ticket = Ticket(
        clinic_id=clinic_id,
        number=number,
        appointment_id=appointment_id,
        patient_id=patient_id,
        therapist_id=therapist_id,
        service_id=service_id,
        concept=concept[:160],
        currency=currency,
        service_day=service_day,
        issued_at=now,
        issued_by=actor.user_id if actor else None,
        lines=[line],
    )
    db.session.add(ticket)
    db.session.flush()  # for the primary keys
    _charge(ticket, [line], actor=actor, now=now)
    record(events.TicketIssued, ticket, actor=actor, now=now)
    return IssuedTicket(ticket.id, number, rules.ticket_code(number))


def void_ticket_of(appointment_id: int, *, reason: str, actor: Actor | None, now: datetime) -> None:
    """Void the open ticket of an appointment that is cancelled.

    A ticket with payments stays open and its charges are reversed: its state is ``refund_due`` until the payments are
    refunded.
    """
    ticket = _find_for_update(Ticket.appointment_id == appointment_id)
    if ticket is None or ticket.status != "open":
        return
    balance = queries.tickets.balance(ticket.id)
    if balance.paid_cents <= 0:
        void(ticket, reason=reason, actor=actor, now=now)
    elif balance.charged_cents:
        _reverse_charges(ticket, reason=reason, actor=actor, now=now)
        record(events.TicketCredited, ticket, actor=actor, now=now)


def find_of_appointment(appointment_id: int) -> Ticket | None:
    """The ticket of an appointment under its row lock, if it has one."""
    return _find_for_update(Ticket.appointment_id == appointment_id)


def void_if_settled(ticket: Ticket, *, reason: str, actor: Actor | None, now: datetime) -> None:
    """Void a locked ticket whose charges are reversed and on which no money is left."""
    balance = queries.tickets.balance(ticket.id)
    if ticket.status == "open" and balance.amount_cents and not balance.charged_cents and not balance.paid_cents:
        void(ticket, reason=reason, actor=actor, now=now)


def open_again(ticket: Ticket) -> None:
    """Open a locked, voided ticket without charging it: there is money on it that is due back."""
    _change(ticket, status="open", voided_at=None, voided_by=None, void_reason="")


def reopen_ticket_for(appointment_id: int, *, actor: Actor | None, now: datetime) -> None:
    """Charge the ticket again: the cancellation of its appointment was undone."""
    ticket = _find_for_update(Ticket.appointment_id == appointment_id)
    if ticket is None:
        return
    balance = queries.tickets.balance(ticket.id)
    if ticket.status == "open" and balance.charged_cents == balance.amount_cents:
        return
    open_again(ticket)
    lines = db.session.scalars(select(TicketLine).where(TicketLine.ticket_id == ticket.id).order_by(TicketLine.id))
    _charge(ticket, lines, actor=actor, now=now)
    record(events.TicketReopened, ticket, actor=actor, now=now)


def move_ticket_of(
    appointment_id: int, *, service_day: date, therapist_id: int | None, actor: Actor | None, now: datetime
) -> None:
    """Move the ticket with its appointment to another day or therapist."""
    ticket = _find_for_update(Ticket.appointment_id == appointment_id)
    if ticket is None or (ticket.service_day, ticket.therapist_id) == (service_day, therapist_id):
        return
    if ticket.therapist_id != therapist_id:
        visit_lines = (TicketLine.ticket_id == ticket.id, TicketLine.reference_type == "appointment")
        db.session.execute(update(TicketLine).where(*visit_lines).values(therapist_id=therapist_id))
    _change(ticket, service_day=service_day, therapist_id=therapist_id)
    record(events.TicketMoved, ticket, actor=actor, now=now)


def get_for_update(ticket_id: int) -> Ticket:
    """A ticket under its row lock, so that its balance cannot change until the commit.

    Raises NotFound.
    """
    ticket = _find_for_update(Ticket.id == ticket_id)
    if ticket is None:
        raise NotFound
    return ticket


def _find_for_update(condition: ColumnElement[bool]) -> Ticket | None:
    ticket: Ticket | None = db.session.scalar(
        select(Ticket).where(condition).with_for_update().execution_options(populate_existing=True)
    )
    return ticket


def void_ticket(ticket_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Void a ticket without payments; its number stays used. Idempotent.

    Raises NotFound, HasPayments, Invalid without a reason.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.VOID, clinic_id)
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo de la anulación.")})
    ticket = get_for_update(ticket_id)
    if ticket.status == "voided":
        return
    if queries.tickets.balance(ticket.id).paid_cents > 0:
        raise HasPayments
    void(ticket, reason=reason, actor=actor, now=now)


def give_courtesy(ticket_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Charge nothing for a ticket without payments; it stays open and owes nothing. Idempotent.

    Raises NotFound, HasPayments, TicketIsVoided, Invalid without a reason.
    """
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.VOID, clinic_id)
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo de la cortesía.")})
    ticket = get_for_update(ticket_id)
    if ticket.status == "voided":
        raise TicketIsVoided
    if queries.tickets.balance(ticket.id).paid_cents > 0:
        raise HasPayments
    waive(ticket, reason=reason, actor=actor, now=now)


def print_slip(ticket_id: int, *, actor: Actor, now: datetime) -> None:
    """Record that a slip was printed; every print after the first is a copy."""
    clinic_id = queries.tickets.clinic_of(ticket_id, actor=actor)
    require(actor, permissions.READ, clinic_id)
    record(events.SlipPrinted, get_for_update(ticket_id), actor=actor, now=now)


def void(ticket: Ticket, *, reason: str, actor: Actor | None, now: datetime) -> None:
    """Mark a locked ticket as voided and reverse its charges; its number stays used."""
    voided_by = actor.user_id if actor else None
    _change(ticket, status="voided", voided_at=now, voided_by=voided_by, void_reason=reason[:200])
    _reverse_charges(ticket, reason=reason, actor=actor, now=now)
    record(events.TicketVoided, ticket, actor=actor, now=now)


def waive(ticket: Ticket, *, reason: str, actor: Actor, now: datetime) -> None:
    """Turn the charges of a locked ticket into a courtesy."""
    charges = _standing_charges(ticket.id)
    for charge_id, postings in charges.items():
        courtesy = _movement("courtesy", ticket, actor=actor, now=now, reverses_id=charge_id, note=reason[:200])
        ledger.post(courtesy, accounts.waived(postings))
    if charges:
        record(events.TicketWaived, ticket, actor=actor, now=now)


def _change(ticket: Ticket, **values: object) -> None:
    for name, value in values.items():
        setattr(ticket, name, value)


# ------------------------------------------------------------------ charges


def _charge(ticket: Ticket, lines: Iterable[TicketLine], *, actor: Actor | None, now: datetime) -> None:
    """Write one charge per line; a courtesy has none."""
    for line in lines:
        if line.total_cents:
            charge = _movement("charge", ticket, actor=actor, now=now)
            ledger.post(charge, accounts.charge(ticket.id, line.id, line.total_cents))


def _reverse_charges(ticket: Ticket, *, reason: str, actor: Actor | None, now: datetime) -> None:
    for charge_id, postings in _standing_charges(ticket.id).items():
        reversal = _movement("reversal", ticket, actor=actor, now=now, reverses_id=charge_id, note=reason[:200])
        ledger.post(reversal, accounts.mirror(postings))


def _standing_charges(ticket_id: int) -> dict[int, dict[tuple[accounts.Account, int], int]]:
    """The postings of the ticket's charges that were not reversed, by charge."""
    reversal = aliased(Movement)
    rows = db.session.execute(
        select(Movement.id, Posting.account, Posting.dimension, Posting.cents)
        .join(Posting, Posting.movement_id == Movement.id)
        .outerjoin(reversal, reversal.reverses_id == Movement.id)
        .where(Movement.ticket_id == ticket_id, Movement.kind == "charge", reversal.id.is_(None))
        .order_by(Movement.id)
    )
    charges: dict[int, dict[tuple[accounts.Account, int], int]] = {}
    for charge_id, account, dimension, cents in rows:
        charges.setdefault(charge_id, {})[accounts.Account(account), dimension] = cents
    return charges


def _movement(kind: str, ticket: Ticket, *, actor: Actor | None, now: datetime, **values: object) -> Movement:
    return Movement(
        clinic_id=ticket.clinic_id,
        kind=kind,
        ticket_id=ticket.id,
        received_at=now,
        received_by=actor.user_id if actor else None,
        **values,
    )


def record(
    event: type[events.TicketEvent],
    ticket: Ticket,
    *,
    actor: Actor | None,
    now: datetime,
    kept: dict[str, int] | None = None,
    **more: object,
) -> None:
    """Record an event of a ticket; ``kept`` stays in the event log: ``flask verify`` compares the ledger with it."""
    outbox.record(
        event(ticket_id=ticket.id, appointment_id=ticket.appointment_id, service_day=ticket.service_day, **more),
        actor=actor,
        now=now,
        clinic_id=ticket.clinic_id,
        subject_id=ticket.id,
        patient_id=ticket.patient_id,
        changes=kept,
        organization_id=None if actor else clinics.clinic(ticket.clinic_id).organization_id,
    )
