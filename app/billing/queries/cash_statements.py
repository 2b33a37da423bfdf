"""The statements of the cash reports over Core tables, built once: a day of a thousand payments is read in
a few milliseconds. Parameters: clinic, day, and the half-open UTC period ``[start, end)`` of that day.
"""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, Select, and_, bindparam, case, func, or_, select

from app.billing.models import (
    Movement,
    MovementKind,
    PaymentMethod,
    Posting,
    Ticket,
    Till,
    TillCount,
    TillSession,
    ticket_balance,
    till_session_totals,
)
from app.billing.queries.attended import TOOK_PLACE
from app.billing.queries.collected import POSTED
from app.clinics.models import Service, Therapist
from app.encounters.models import Encounter
from app.identity.models import User
from app.patients.models import Patient

movement, posting, ticket, method = Movement.__table__, Posting.__table__, Ticket.__table__, PaymentMethod.__table__
kind = MovementKind.__table__
balance, totals = ticket_balance, till_session_totals
session, till, count = TillSession.__table__, Till.__table__, TillCount.__table__
patient, therapist, service = Patient.__table__, Therapist.__table__, Service.__table__
encounter = Encounter.__table__
user = User.__table__
authoriser, opener, closer, approver = (user.alias(name) for name in ("authoriser", "opener", "closer", "approver"))
CLINIC: BindParameter[Any] = bindparam("clinic")
DAY: BindParameter[Any] = bindparam("day")
START: BindParameter[Any] = bindparam("start")
END: BindParameter[Any] = bindparam("end")

# The ledger of a day with the names its reports show. Signed: refunds are negative.
LEDGER = (
    select(
        movement.c.id,
        movement.c.kind,
        posting.c.cents.label("amount_cents"),
        movement.c.method_id,
        movement.c.session_id,
        movement.c.received_at,
        movement.c.reference,
        movement.c.ticket_id,
        ticket.c.number,
        ticket.c.status.label("ticket_status"),
        ticket.c.therapist_id,
        ticket.c.service_id,
        ticket.c.concept.label("ticket_concept"),
        ticket.c.service_day,
        ticket.c.appointment_id,
        patient.c.full_name.label("patient"),
        patient.c.document_number,
        therapist.c.display_name.label("therapist"),
        service.c.name.label("service"),
        user.c.full_name.label("cashier"),
        authoriser.c.full_name.label("authoriser"),
        movement.c.tendered_cents,
        movement.c.change_cents,
        movement.c.concept,
        movement.c.beneficiary,
        movement.c.voucher_number,
        movement.c.note,
    )
    .select_from(movement)
    .join(posting, POSTED)
    .join(user, user.c.id == movement.c.received_by)
    .outerjoin(ticket, ticket.c.id == movement.c.ticket_id)
    .outerjoin(patient, patient.c.id == ticket.c.patient_id)
    .outerjoin(therapist, therapist.c.id == ticket.c.therapist_id)
    .outerjoin(service, service.c.id == ticket.c.service_id)
    .outerjoin(authoriser, authoriser.c.id == movement.c.authorised_by)
    .where(movement.c.clinic_id == CLINIC, movement.c.received_at >= START, movement.c.received_at < END)
    .order_by(movement.c.received_at, movement.c.id)
)
CATALOGUE = (
    select(method.c.id, method.c.code, method.c.name, method.c.is_cash, method.c.is_active)
    .where(method.c.clinic_id == CLINIC)
    .order_by(method.c.position, method.c.id)
)
SESSIONS = (
    select(
        session.c.id,
        session.c.number,
        session.c.status,
        session.c.business_day,
        session.c.opened_at,
        session.c.closed_at,
        session.c.opening_float_cents,
        session.c.difference_cents,
        session.c.difference_number,
        session.c.difference_reason,
        session.c.left_for_tomorrow_cents,
        session.c.denominations,
        session.c.snapshot_sha256,
        till.c.name.label("till"),
        till.c.kind,
        opener.c.full_name.label("opener"),
        closer.c.full_name.label("closer"),
        approver.c.full_name.label("approver"),
    )
    .select_from(session)
    .join(till, till.c.id == session.c.till_id)
    .join(opener, opener.c.id == session.c.opened_by)
    .outerjoin(closer, closer.c.id == session.c.closed_by)
    .outerjoin(approver, approver.c.id == session.c.approved_by)
    .where(
        session.c.clinic_id == CLINIC,
        or_(session.c.business_day == DAY, session.c.id.in_(bindparam("used", expanding=True))),
    )
    .order_by(session.c.opened_at, session.c.id)
)
COUNTS = select(count.c.session_id, count.c.method_id, count.c.expected_cents, count.c.counted_cents).where(
    count.c.session_id.in_(bindparam("sessions", expanding=True))
)
# Sessions that took place, whether or not anything was paid for them.
ATTENDED = (
    select(encounter.c.therapist_id, therapist.c.display_name.label("therapist"), func.count())
    .select_from(encounter)
    .join(therapist, therapist.c.id == encounter.c.therapist_id)
    .where(
        encounter.c.clinic_id == CLINIC,
        encounter.c.started_at >= START,
        encounter.c.started_at < END,
        encounter.c.status.in_(TOOK_PLACE),
    )
    .group_by(encounter.c.therapist_id, therapist.c.display_name)
)
CASH_SUMS = (
    select(totals.c.kind, func.sum(totals.c.cents), func.sum(totals.c.change_cents))
    .where(
        totals.c.session_id.in_(bindparam("sessions", expanding=True)),
        totals.c.method_id.in_(bindparam("methods", expanding=True)),
    )
    .group_by(totals.c.kind)
)


def _adjusted(account: str, what: ColumnElement[Any]) -> ScalarSelect[Any]:
    """A figure over the day's postings on an account."""
    of_day = (movement.c.clinic_id == CLINIC, movement.c.received_at >= START, movement.c.received_at < END)
    figure = select(what).select_from(posting).join(movement, movement.c.id == posting.c.movement_id)
    return figure.where(posting.c.account == account, *of_day).scalar_subquery()


ISSUED = (
    select(
        func.min(ticket.c.number),
        func.max(ticket.c.number),
        func.count(),
        func.count(case((balance.c.amount_cents == 0, 1))),
        _adjusted("courtesy", func.count(posting.c.movement_id.distinct())),
        _adjusted("rounding", func.count()),
        _adjusted("rounding", func.coalesce(-func.sum(posting.c.cents), 0)),
    )
    .select_from(ticket)
    .join(balance, balance.c.ticket_id == ticket.c.id)
    .where(ticket.c.clinic_id == CLINIC, ticket.c.issued_at >= START, ticket.c.issued_at < END)
)
VOIDED = (
    select(
        ticket.c.number,
        ticket.c.voided_at,
        ticket.c.void_reason,
        balance.c.amount_cents,
        ticket.c.concept,
        patient.c.full_name.label("patient"),
        user.c.full_name.label("voider"),
    )
    .select_from(ticket)
    .join(balance, balance.c.ticket_id == ticket.c.id)
    .join(patient, patient.c.id == ticket.c.patient_id)
    .outerjoin(user, user.c.id == ticket.c.voided_by)
    .where(ticket.c.clinic_id == CLINIC, ticket.c.voided_at >= START, ticket.c.voided_at < END)
    .order_by(ticket.c.number)
)
# Payments after the day are subtracted from the current balance, so that the report of a past day does not change.
_PAID_SINCE = (
    select(func.coalesce(-func.sum(posting.c.cents), 0))
    .select_from(movement)
    .join(posting, and_(posting.c.movement_id == movement.c.id, posting.c.account == "receivable"))
    .join(kind, and_(kind.c.code == movement.c.kind, kind.c.ticket_side.in_(("paid", "refunded"))))
    .where(movement.c.ticket_id == ticket.c.id, movement.c.received_at >= END)
    .correlate(ticket)
    .scalar_subquery()
)
_OWED = (
    select((balance.c.charged_cents - balance.c.paid_cents + _PAID_SINCE).label("cents"))
    .select_from(ticket)
    .join(balance, balance.c.ticket_id == ticket.c.id)
    .where(ticket.c.clinic_id == CLINIC, ticket.c.service_day == DAY, ticket.c.status == "open")
    .subquery()
)
DEBTS = select(func.count(), func.sum(_OWED.c.cents)).where(_OWED.c.cents > 0)
_OF_DAY = (
    select(
        movement.c.ticket_id,
        func.sum(posting.c.cents).label("paid_today"),
        func.max(movement.c.received_at).label("paid_at"),
    )
    .select_from(movement)
    .join(posting, POSTED)
    .where(movement.c.clinic_id == CLINIC, movement.c.received_at >= START, movement.c.received_at < END)
    .where(movement.c.ticket_id.is_not(None))
    .group_by(movement.c.ticket_id)
    .subquery()
)
PAID_TICKETS = (
    select(
        ticket.c.id,
        ticket.c.number,
        ticket.c.concept,
        balance.c.amount_cents,
        ticket.c.service_day,
        patient.c.full_name.label("patient"),
        patient.c.document_number,
        therapist.c.display_name.label("therapist"),
        service.c.name.label("service"),
        _OF_DAY.c.paid_today,
        _OF_DAY.c.paid_at,
    )
    .select_from(ticket)
    .join(_OF_DAY, _OF_DAY.c.ticket_id == ticket.c.id)
    .join(balance, balance.c.ticket_id == ticket.c.id)
    .join(patient, patient.c.id == ticket.c.patient_id)
    .outerjoin(therapist, therapist.c.id == ticket.c.therapist_id)
    .outerjoin(service, service.c.id == ticket.c.service_id)
    .where(
        ticket.c.status == "open",
        _OF_DAY.c.paid_today > 0,
        balance.c.amount_cents <= balance.c.paid_cents - _PAID_SINCE,
    )
    .order_by(ticket.c.number)
)


def of_methods(method_ids: list[int]) -> Select[Any]:
    """The ledger, only of these methods."""
    return LEDGER.where(movement.c.method_id.in_(method_ids))
