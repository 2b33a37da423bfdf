"""Reads of payments and refunds: those of a ticket, what of a payment may go back, where an operation number stands."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from app.billing import accounts, permissions, rules
from app.billing.models import Movement, PaymentMethod, Posting, Ticket
from app.billing.queries import tickets
from app.billing.queries.collected import POSTED
from app.identity.models import User
from app.identity.queries import roles
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.tenancy.models import Clinic


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A payment or refund on a ticket; ``refunds_id`` is the payment that it gives back, ``refund_id`` its own last
    refund, ``refunded_cents`` what went back of it; ``rounding_cents`` as in ``rules.Settlement``.
    """

    id: int
    kind: str
    label: str
    session_id: int | None
    received_at: datetime
    received_by: str | None
    amount_cents: int
    rounding_cents: int
    refunded_cents: int
    tendered_cents: int | None
    change_cents: int
    method: str
    method_name: str
    reference: str
    refunds_id: int | None
    refund_id: int | None
    note: str

    @property
    def left_cents(self) -> int:
        """What may still be refunded of a payment."""
        return self.amount_cents - self.refunded_cents if self.kind == "payment" else 0


@dataclass(frozen=True, slots=True)
class RefundablePayment:
    """A payment; ``left_cents`` of it did not go back, ``rounding_cents`` as in ``rules.Settlement``."""

    id: int
    clinic_id: int
    ticket_id: int
    method_id: int
    method: str
    method_name: str
    is_cash: bool
    currency: str
    amount_cents: int
    rounding_cents: int
    refunded_cents: int
    reference: str

    @property
    def left_cents(self) -> int:
        return self.amount_cents - self.refunded_cents


@dataclass(frozen=True, slots=True)
class UsedReference:
    """Where an operation number stands."""

    ticket_id: int
    number: int
    clinic_id: int
    clinic: str


_OF_CREDIT = and_(Posting.movement_id == Movement.id, Posting.account == accounts.Account.CREDIT)
_Refund, _Given = aliased(Movement), aliased(Posting)
_OF_PAYMENT = _Refund.refunds_id == Movement.id
_REFUNDED = (
    select(func.coalesce(-func.sum(_Given.cents), 0))
    .join(_Refund, _Refund.id == _Given.movement_id)
    .where(_OF_PAYMENT, _Given.account.in_(accounts.COLLECTED))
    .correlate(Movement)
    .scalar_subquery()
    .label("refunded_cents")
)
_ROUNDING = (
    select(func.coalesce(-func.sum(_Given.cents), 0))
    .where(_Given.movement_id == Movement.id, _Given.account == accounts.Account.ROUNDING)
    .correlate(Movement)
    .scalar_subquery()
    .label("rounding_cents")
)


def of_ticket(ticket_id: int) -> list[PaymentLine]:
    """The payments and refunds on a ticket, each with what went back of it, and what went to the patient's credit and
    came from it."""
    receiver = aliased(User)
    rows = db.session.execute(
        select(
            Movement.id,
            Movement.kind,
            Movement.session_id,
            Movement.received_at,
            Posting.cents.label("amount_cents"),
            _ROUNDING,
            _REFUNDED,
            Movement.tendered_cents,
            Movement.change_cents,
            func.coalesce(PaymentMethod.code, rules.CREDIT).label("method"),
            func.coalesce(PaymentMethod.name, "").label("method_name"),
            Movement.reference,
            Movement.refunds_id,
            Movement.note,
            receiver.full_name.label("received_by"),
            select(func.max(_Refund.id)).where(_OF_PAYMENT).correlate(Movement).scalar_subquery().label("refund_id"),
        )
        .join(Posting, or_(POSTED, _OF_CREDIT))
        .outerjoin(PaymentMethod, PaymentMethod.id == Movement.method_id)
        .outerjoin(receiver, receiver.id == Movement.received_by)
        .where(Movement.ticket_id == ticket_id)
        .order_by(Movement.received_at, Movement.id)
    )
    return [PaymentLine(**row._mapping, label=accounts.LABELS[row.kind]) for row in rows]


def payment(payment_id: int, *, actor: Actor) -> RefundablePayment:
    """A payment that may be refunded: its ticket, method and amount. Raises NotFound."""
    row = db.session.execute(
        select(
            Movement.id,
            Movement.clinic_id,
            Movement.ticket_id,
            Movement.method_id,
            PaymentMethod.code.label("method"),
            PaymentMethod.name.label("method_name"),
            PaymentMethod.is_cash,
            Ticket.currency,
            Posting.cents.label("amount_cents"),
            _ROUNDING,
            _REFUNDED,
            Movement.reference,
        )
        .join(Posting, POSTED)
        .join(PaymentMethod, PaymentMethod.id == Movement.method_id)
        .join(Ticket, Ticket.id == Movement.ticket_id)
        .where(Movement.id == payment_id, Movement.kind == "payment", tickets.visible_to(actor))
    ).first()
    if row is None:
        raise NotFound
    return RefundablePayment(**row._mapping)


def with_reference(method: str, reference: str, *, clinic_id: int) -> UsedReference | None:
    """The payment by a method that has this operation number, in any clinic of the organization.

    One that went back whole does not count. The caller may take payments in the clinic.
    """
    here = select(Clinic.organization_id).where(Clinic.id == clinic_id).scalar_subquery()
    row = db.session.execute(
        select(Ticket.id, Ticket.number, Movement.clinic_id, Clinic.name)
        .join(Movement, Movement.ticket_id == Ticket.id)
        .join(Clinic, Clinic.id == Movement.clinic_id)
        .join(PaymentMethod, PaymentMethod.id == Movement.method_id)
        .join(Posting, POSTED)
        .where(
            Movement.reference == reference,
            Movement.reference != "",  # as the index of references has it
            Movement.kind == "payment",
            PaymentMethod.code == method,
            Clinic.organization_id == here,
            Posting.cents > _REFUNDED.element,
        )
        .limit(1)
    ).first()
    return UsedReference(*row) if row else None


def refunders(clinic_id: int, *, now: datetime) -> list[str]:
    """The names of the people who may refund a payment in a clinic."""
    ids = [holder.id for holder in roles.holders(permissions.REFUND, clinic_id=clinic_id, now=now)]
    return list(db.session.scalars(select(User.full_name).where(User.id.in_(ids)).order_by(User.full_name)))
