"""Reads of tickets: state and balance, single and per appointment or patient."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, exists, func, or_, select

from app.billing import events, permissions, rules
from app.billing.models import Ticket, ticket_balance
from app.billing.queries import credit
from app.billing.queries.attended import TOOK_PLACE
from app.clinics.models import Service, Therapist
from app.encounters.models import Encounter
from app.kernel.access import Actor, can
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.kernel.outbox import EventRow
from app.patients import queries as patients
from app.patients.models import Patient
from app.patients.profiles import patient_id_of

BALANCE = ticket_balance.c
_OF_TICKET = BALANCE.ticket_id == Ticket.id


@dataclass(frozen=True, slots=True)
class Balance:
    """The money of a ticket in cents; ``paid`` is net of refunds, a negative ``owed`` is a refund due."""

    amount_cents: int
    charged_cents: int
    paid_cents: int
    refunded_cents: int
    owed_cents: int


@dataclass(frozen=True, slots=True)
class TicketState:
    """Payment state of a ticket; ``paid_cents`` is net of refunds. What is due back is not owed."""

    ticket_id: int
    number: int
    code: str
    amount_cents: int
    paid_cents: int
    owed_cents: int
    refund_due_cents: int
    status: str
    state: str


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with its names and balance and, when read alone, what the actor may do with it."""

    id: int
    clinic_id: int
    number: int
    code: str
    appointment_id: int | None
    patient_id: int
    patient: str
    document_number: str | None
    therapist_id: int | None
    therapist: str | None
    service_id: int | None
    service: str | None
    concept: str
    currency: str
    service_day: date
    took_place: bool  # its visit, or it is for none
    status: str
    issued_at: datetime
    voided_at: datetime | None
    void_reason: str
    amount_cents: int
    paid_cents: int
    refunded_cents: int
    owed_cents: int
    refund_due_cents: int
    state: str
    state_label: str
    can_pay: bool = False
    can_void: bool = False
    can_refund: bool = False
    can_keep: bool = False  # what is due back, as credit

    credit_cents: int = 0  # what the clinic keeps for the patient; read with a single ticket

    def is_pending(self, today: date) -> bool:
        """Unpaid before its visit took place: to be paid, but no debt."""
        return self.state == "none" and not self.took_place and self.service_day >= today


def state_of(row: Row[Any]) -> str:
    """The payment state of a row with a status and the columns of a balance."""
    return rules.payment_state(
        owed_cents=row.owed_cents,
        paid_cents=row.paid_cents,
        refunded_cents=row.refunded_cents,
        status=row.status,
    )


# Built once, since the agenda and the front desk execute them often.
_OF_APPOINTMENTS = (
    select(
        Ticket.id,
        Ticket.appointment_id,
        Ticket.number,
        Ticket.status,
        BALANCE.amount_cents,
        BALANCE.paid_cents,
        BALANCE.refunded_cents,
        BALANCE.owed_cents,
    )
    .join(ticket_balance, _OF_TICKET)
    .where(Ticket.appointment_id.in_(bindparam("ids", expanding=True)))
)
_DEBTS = (
    select(
        Ticket.patient_id,
        func.sum(BALANCE.owed_cents),
        func.sum(case((Ticket.service_day < bindparam("day"), BALANCE.owed_cents), else_=0)),
        func.min(Ticket.id),
    )
    .join(ticket_balance, _OF_TICKET)
    .where(
        Ticket.patient_id.in_(bindparam("ids", expanding=True)),
        Ticket.status == "open",
        Ticket.clinic_id == bindparam("clinic"),
        Ticket.service_day <= bindparam("day"),
        BALANCE.owed_cents > 0,
    )
    .group_by(Ticket.patient_id)
)


def of_appointments(appointment_ids: Collection[int]) -> dict[int, TicketState]:
    """The ticket of each of these appointments, in one query. The caller may see the appointments."""
    if not appointment_ids:
        return {}
    rows = db.session.execute(_OF_APPOINTMENTS, {"ids": list(appointment_ids)})
    return {
        row.appointment_id: TicketState(
            ticket_id=row.id,
            number=row.number,
            code=rules.ticket_code(row.number),
            amount_cents=row.amount_cents,
            paid_cents=row.paid_cents,
            owed_cents=max(0, row.owed_cents),
            refund_due_cents=max(0, -row.owed_cents),
            status=row.status,
            state=state_of(row),
        )
        for row in rows
    }


def has_payments(appointment_id: int) -> bool:
    """Whether the ticket of an appointment has payments, net of refunds."""
    paid = select(BALANCE.paid_cents).join(Ticket, _OF_TICKET).where(Ticket.appointment_id == appointment_id)
    return (db.session.scalar(paid) or 0) > 0


def balance(ticket_id: int) -> Balance:
    """The balance of an existing ticket."""
    columns = (
        BALANCE.amount_cents,
        BALANCE.charged_cents,
        BALANCE.paid_cents,
        BALANCE.refunded_cents,
        BALANCE.owed_cents,
    )
    row = db.session.execute(select(*columns).where(BALANCE.ticket_id == ticket_id)).one()
    return Balance(*row)


@dataclass(frozen=True, slots=True)
class Debt:
    """What a patient owes a clinic up to a day: ``total_cents`` with that day's tickets, ``old_cents`` without."""

    total_cents: int
    old_cents: int
    first_ticket_id: int


def debts_of_patients(patient_ids: Collection[int], *, clinic_id: int, day: date) -> dict[int, Debt]:
    """What patients owe a clinic up to a day; those who owe nothing are left out."""
    if not patient_ids:
        return {}
    rows = db.session.execute(_DEBTS, {"ids": list(patient_ids), "clinic": clinic_id, "day": day})
    return {patient_id: Debt(int(total), int(old), first) for patient_id, total, old, first in rows}


# ------------------------------------------------------------------ what an actor may see


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Tickets of the clinics where the actor reads them, and a patient's own."""
    scope = Ticket.clinic_id.in_(actor.clinics_with(permissions.READ))
    if permissions.READ_OWN.code in actor.own:
        return or_(scope, Ticket.patient_id == patient_id_of(actor))
    return scope


def clinic_of(ticket_id: int, *, actor: Actor) -> int:
    """The clinic of a ticket the actor may see. Raises NotFound."""
    clinic_id = db.session.scalar(select(Ticket.clinic_id).where(Ticket.id == ticket_id, visible_to(actor)))
    if clinic_id is None:
        raise NotFound
    return clinic_id


_TOOK_PLACE = or_(
    Ticket.appointment_id.is_(None),
    exists().where(Encounter.appointment_id == Ticket.appointment_id, Encounter.status.in_(TOOK_PLACE)),
).label("took_place")


def listing_statement(*, actor: Actor) -> Select[Any]:
    """All tickets the actor may see with names and balance, for lists that filter and page."""
    return (
        select(
            Ticket.id,
            Ticket.clinic_id,
            Ticket.number,
            Ticket.appointment_id,
            Ticket.patient_id,
            Patient.full_name.label("patient"),
            Patient.document_number,
            Ticket.therapist_id,
            Therapist.display_name.label("therapist"),
            Ticket.service_id,
            Service.name.label("service"),
            Ticket.concept,
            Ticket.currency,
            Ticket.service_day,
            _TOOK_PLACE,
            Ticket.status,
            Ticket.issued_at,
            Ticket.voided_at,
            Ticket.void_reason,
            BALANCE.amount_cents,
            BALANCE.paid_cents,
            BALANCE.refunded_cents,
            BALANCE.owed_cents,
        )
        .join(ticket_balance, _OF_TICKET)
        .join(Patient, Patient.id == Ticket.patient_id)
        .outerjoin(Therapist, Therapist.id == Ticket.therapist_id)
        .outerjoin(Service, Service.id == Ticket.service_id)
        .where(visible_to(actor))
    )


def view_of(row: Row[Any]) -> TicketView:
    """A row of ``listing_statement`` with its code and state."""
    state = state_of(row)
    label = rules.PAYMENT_STATES[state]
    money = {"owed_cents": max(0, row.owed_cents), "refund_due_cents": max(0, -row.owed_cents)}
    return TicketView(**{**row._mapping, **money}, code=rules.ticket_code(row.number), state=state, state_label=label)


def owes() -> ColumnElement[bool]:
    """A condition of ``listing_statement``: open and not fully paid."""
    return and_(Ticket.status == "open", BALANCE.owed_cents > 0)


def ticket(ticket_id: int, *, actor: Actor) -> TicketView:
    """One ticket with its balance and what the actor may do. Raises NotFound."""
    statement = listing_statement(actor=actor).add_columns(credit.OF_TICKETS_PATIENT.label("credit_cents"))
    row = db.session.execute(statement.where(Ticket.id == ticket_id)).first()
    if row is None:
        raise NotFound
    is_permitted = lambda permission: can(actor, permission, row.clinic_id)  # noqa: E731
    return replace(
        view_of(row),
        can_pay=row.owed_cents > 0 and is_permitted(permissions.TAKE_PAYMENT),
        can_void=row.status == "open" and row.paid_cents == 0 and is_permitted(permissions.VOID),
        can_refund=is_permitted(permissions.REFUND),
        can_keep=row.owed_cents < 0 and is_permitted(permissions.TAKE_PAYMENT),
    )


def search(
    clinic_id: int,
    *,
    actor: Actor,
    text: str = "",
    day: date | None = None,
    debts: bool = False,
    today: date | None = None,
    limit: int = 100,
) -> list[TicketView]:
    """Tickets of a clinic by number or patient, of a day, or only those that owe; the newest first.

    With ``today`` the unpaid ones of visits to come are no debts.
    """
    statement = listing_statement(actor=actor).where(Ticket.clinic_id == clinic_id)
    if text.strip():
        statement = statement.where(matches(text))
    if day is not None:
        statement = statement.where(Ticket.service_day == day)
    if debts:
        statement = statement.where(owes())
    if debts and today is not None:
        is_due = or_(_TOOK_PLACE.element, Ticket.service_day < today, BALANCE.paid_cents > 0)
        statement = statement.where(is_due)
    rows = db.session.execute(statement.order_by(Ticket.service_day.desc(), Ticket.number.desc()).limit(limit))
    return [view_of(row) for row in rows]


def matches(text: str) -> ColumnElement[bool]:
    """A ticket's number (``412``, ``TKT-000412``) or its patient's name, document or phone."""
    digits = text.strip().upper().removeprefix("TKT-")
    people = patients.matches(text)
    if digits.isdecimal() and len(digits) < 10:
        return or_(Ticket.number == int(digits), people)
    return people


def other_debts(ticket: TicketView, *, today: date, actor: Actor) -> list[TicketView]:
    """What the patient owes in the same clinic besides this ticket, up to today; the oldest first."""
    rows = db.session.execute(
        listing_statement(actor=actor)
        .where(
            Ticket.patient_id == ticket.patient_id,
            Ticket.clinic_id == ticket.clinic_id,
            Ticket.service_day <= today,
            Ticket.id != ticket.id,
            owes(),
        )
        .order_by(Ticket.service_day, Ticket.number)
    )
    return [view_of(row) for row in rows]


def prints_of(ticket_id: int) -> int:
    """How many times the slip of a ticket was printed."""
    return (
        db.session.scalar(
            select(func.count()).where(EventRow.type == events.SlipPrinted.type, EventRow.subject_id == ticket_id)
        )
        or 0
    )
