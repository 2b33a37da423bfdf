"""JSON of tickets, payments and payment methods."""

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Row

from app.billing import actions, permissions, queries, rules
from app.billing.api.scope import clinic_of
from app.billing.models import Ticket
from app.billing.resources import MethodResource, PaymentResource, RefundResource, TicketDetailsResource, TicketResource
from app.http import cycle
from app.http.json import ApiBlueprint
from app.http.resources import Body, Cents, Day, Id, ListQuery, Page, PageQuery, Period, listing, one_of, page_of
from app.kernel.errors import Invalid
from app.kernel.i18n import N_
from app.kernel.money import decimal_text

api = ApiBlueprint("billing_api", __name__)


class TicketQuery(ListQuery, Period):
    clinic_id: Id | None = None
    patient_id: Id | None = None
    therapist_id: Id | None = None
    appointment_id: Id | None = None
    number: str | None = Field(None, max_length=20)
    search: str | None = Field(None, max_length=80)
    date: Day | None = None
    status: Annotated[str, one_of("open", "voided")] | None = None
    owed: bool = False


@api.get(
    "/api/tickets/", requires=(permissions.READ, permissions.READ_OWN), query=TicketQuery, answers=Page[TicketResource]
)
def ticket_list(query: TicketQuery) -> dict[str, Any]:
    """Tickets by number, patient or day; ``owed=true`` leaves those with a debt."""
    statement = queries.tickets.listing_statement(actor=cycle.actor()).where(*_conditions(query))
    if query.search or query.patient_id is not None:
        cycle.note_reading("ticket", patient_id=query.patient_id, clinic_id=query.clinic_id, action="searched")
    if query.search:
        statement = statement.where(queries.tickets.matches(query.search))
    if query.owed:
        statement = statement.where(queries.tickets.owes())
    orderings = {"service_day": Ticket.service_day, "number": Ticket.number, "id": Ticket.id}
    return listing(statement, query, to_json=_ticket_row, orderings=orderings, default_ordering="-id")


def _conditions(query: TicketQuery) -> list[Any]:
    equal = {
        Ticket.clinic_id: query.clinic_id,
        Ticket.patient_id: query.patient_id,
        Ticket.therapist_id: query.therapist_id,
        Ticket.appointment_id: query.appointment_id,
        Ticket.number: _number(query.number),
        Ticket.service_day: query.date,
        Ticket.status: query.status,
    }
    conditions: list[Any] = [column == value for column, value in equal.items() if value is not None]
    if query.date_from is not None:
        conditions.append(Ticket.service_day >= query.date_from)
    if query.date_to is not None:
        conditions.append(Ticket.service_day <= query.date_to)
    return conditions


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.strip().upper().removeprefix("TKT-")
    if not digits.isdecimal() or len(digits) > 9:
        raise Invalid({"number": N_("Escriba un número como TKT-000412.")})
    return int(digits)


def _ticket_row(row: Row[Any]) -> dict[str, Any]:
    return ticket_json(queries.tickets.view_of(row))


def ticket_json(ticket: queries.tickets.TicketView) -> dict[str, Any]:
    """A ticket as the API shows it."""
    return {
        "id": ticket.id,
        "number": ticket.code,
        "clinic_id": ticket.clinic_id,
        "appointment_id": ticket.appointment_id,
        "patient": {"id": ticket.patient_id, "full_name": ticket.patient},
        "therapist": _named(ticket.therapist_id, ticket.therapist),
        "service": _named(ticket.service_id, ticket.service),
        "concept": ticket.concept,
        "service_day": ticket.service_day,
        "amount": decimal_text(ticket.amount_cents),
        "paid": decimal_text(ticket.paid_cents),
        "owed": decimal_text(ticket.owed_cents),
        "refund_due": decimal_text(ticket.refund_due_cents),
        "currency": ticket.currency,
        "status": ticket.status,
        "payment_state": ticket.state,
        "issued_at": ticket.issued_at,
        "voided_at": ticket.voided_at,
        "void_reason": ticket.void_reason,
    }


def _named(id_: int | None, name: str | None) -> dict[str, Any] | None:
    return {"id": id_, "name": name} if id_ is not None else None


@api.get(
    "/api/tickets/<int:ticket_id>/", requires=(permissions.READ, permissions.READ_OWN), answers=TicketDetailsResource
)
def ticket(ticket_id: int) -> dict[str, Any]:
    """One ticket with its payments and refunds."""
    return _one(ticket_id)


def _one(ticket_id: int) -> dict[str, Any]:
    ticket = queries.tickets.ticket(ticket_id, actor=cycle.actor())
    cycle.note_reading("ticket", ticket_id, patient_id=ticket.patient_id, clinic_id=ticket.clinic_id)
    lines = queries.payments.of_ticket(ticket_id)
    shown = [_payment_line(line, ticket.currency) for line in lines]
    return ticket_json(ticket) | {"patient_credit": decimal_text(ticket.credit_cents), "payments": shown}


def _payment_line(line: queries.payments.PaymentLine, currency: str) -> dict[str, Any]:
    return {
        "id": line.id,
        "kind": line.kind,
        "method": line.method,
        "amount": decimal_text(line.amount_cents),
        "rounding": decimal_text(line.rounding_cents),
        "refunded": decimal_text(line.refunded_cents),
        "tendered": None if line.tendered_cents is None else decimal_text(line.tendered_cents),
        "change": decimal_text(line.change_cents),
        "currency": currency,
        "reference": line.reference,
        "received_at": line.received_at,
        "received_by": line.received_by,
        "reverses_id": line.refunds_id,
        "refunded_by_id": line.refund_id,
    }


class Reason(Body):
    reason: str = Field(min_length=1, max_length=200)


@api.post("/api/tickets/<int:ticket_id>/void/", requires=permissions.VOID, body=Reason, answers=TicketResource)
def void_ticket(ticket_id: int, body: Reason) -> dict[str, Any]:
    """Void a ticket without payments; its number stays used."""
    actions.tickets.void_ticket(ticket_id, reason=body.reason, actor=cycle.actor(), now=cycle.now())
    return ticket_json(queries.tickets.ticket(ticket_id, actor=cycle.actor()))


@api.post("/api/tickets/<int:ticket_id>/credit/", requires=permissions.TAKE_PAYMENT, answers=TicketDetailsResource)
def keep_credit(ticket_id: int) -> dict[str, Any]:
    """Keep what is due back on the ticket for its patient."""
    actions.credit.keep(ticket_id, actor=cycle.actor(), now=cycle.now())
    return _one(ticket_id)


@api.delete("/api/tickets/<int:ticket_id>/credit/", requires=permissions.REFUND, answers=TicketDetailsResource)
def return_credit(ticket_id: int) -> dict[str, Any]:
    """Make what was kept of the ticket, as far as it is not used, due back again."""
    actions.credit.give_back(ticket_id, actor=cycle.actor(), now=cycle.now())
    return _one(ticket_id)


@api.post(
    "/api/tickets/<int:ticket_id>/courtesy/", requires=permissions.VOID, body=Reason, answers=TicketDetailsResource
)
def give_courtesy(ticket_id: int, body: Reason) -> dict[str, Any]:
    """Charge nothing for a ticket without payments; it stays open and owes nothing."""
    actions.tickets.give_courtesy(ticket_id, reason=body.reason, actor=cycle.actor(), now=cycle.now())
    return _one(ticket_id)


# ------------------------------------------------------------------ payments


class NewPayment(Body):
    method: str = Field(min_length=1, max_length=20)
    amount: Cents
    tendered: Cents | None = None
    reference: str = Field("", max_length=60)
    reference_reason: str = Field("", max_length=200)
    note: str = Field("", max_length=200)


@api.post(
    "/api/tickets/<int:ticket_id>/payments/",
    requires=permissions.TAKE_PAYMENT,
    body=NewPayment,
    answers=PaymentResource,
    status=201,
)
def take_payment(ticket_id: int, body: NewPayment) -> dict[str, Any]:
    """Take a payment into the open till of the clinic; ``change`` is given back to the patient.

    The last payment in cash is rounded to the smallest coin: ``rounding`` is below zero in favour of who pays. An
    operation number pays once; a supervisor takes it again with a ``reference_reason``.
    """
    payment = actions.payments.take_payment(
        ticket_id,
        method=body.method,
        amount_cents=body.amount,
        tendered_cents=body.tendered,
        reference=body.reference,
        reference_reason=body.reference_reason,
        note=body.note,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _payment_json(payment)


class Refund(Reason):
    amount: Cents | None = None
    method: str = Field("", max_length=20)
    reference: str = Field("", max_length=60)
    then: Annotated[str, one_of(*rules.AFTER_REFUND)] = "owed"
    overdraw_reason: str = Field("", max_length=200)


@api.post(
    "/api/payments/<int:payment_id>/refund/",
    requires=permissions.REFUND,
    body=Refund,
    answers=RefundResource,
    status=201,
)
def refund_payment(payment_id: int, body: Refund) -> dict[str, Any]:
    """Refund a payment from the currently open till, in whole or an ``amount`` of it, by its own method or another.

    ``then`` says what becomes of a ticket on which no money stays: ``owed``, ``void`` or ``courtesy``. More cash than
    the till holds needs an ``overdraw_reason``.
    """
    refund = actions.refunds.refund_payment(
        payment_id,
        reason=body.reason,
        amount_cents=body.amount,
        method=body.method,
        reference=body.reference,
        then=body.then,
        overdraw_reason=body.overdraw_reason,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _payment_json(refund) | {"reverses_id": payment_id}


def _payment_json(payment: actions.payments.Payment) -> dict[str, Any]:
    ticket = queries.tickets.ticket(payment.ticket_id, actor=cycle.actor())
    return {
        "id": payment.id,
        "till_session_id": payment.session_id,
        "method": payment.method,
        "amount": decimal_text(payment.amount_cents),
        "rounding": decimal_text(payment.rounding_cents),
        "tendered": None if payment.tendered_cents is None else decimal_text(payment.tendered_cents),
        "change": decimal_text(payment.change_cents),
        "currency": ticket.currency,
        "reference": payment.reference,
        "received_at": payment.received_at,
        "ticket": ticket_json(ticket),
    }


class MethodQuery(PageQuery):
    clinic_id: Id | None = None


@api.get("/api/payment-methods/", requires=permissions.READ, query=MethodQuery, answers=Page[MethodResource])
def payment_methods(query: MethodQuery) -> dict[str, Any]:
    """The active methods of a clinic: the values of ``method`` of a payment."""
    methods = queries.tills.methods(clinic_of(query.clinic_id, permissions.READ))
    rows = [
        {
            "code": m.code,
            "name": m.name,
            "is_cash": m.is_cash,
            "needs_reference": m.needs_reference,
        }
        for m in methods
    ]
    return page_of(rows, query)
