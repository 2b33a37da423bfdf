"""Facts of this domain. ``service_day`` lets the desk of that day refresh itself."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class TicketFact(Event):
    """What every fact of a ticket says."""

    ticket_id: int
    appointment_id: int | None
    service_day: date


@dataclass(frozen=True, slots=True)
class TicketIssued(TicketFact):
    type: ClassVar[str] = "billing.ticket.issued.v1"


@dataclass(frozen=True, slots=True)
class TicketVoided(TicketFact):
    type: ClassVar[str] = "billing.ticket.voided.v1"


@dataclass(frozen=True, slots=True)
class TicketCredited(TicketFact):
    """Its visit was cancelled after it was paid: nothing is owed any more and what was paid is due back."""

    type: ClassVar[str] = "billing.ticket.credited.v1"


@dataclass(frozen=True, slots=True)
class TicketReopened(TicketFact):
    type: ClassVar[str] = "billing.ticket.revived.v1"  # as first published


@dataclass(frozen=True, slots=True)
class TicketMoved(TicketFact):
    """``service_day`` is the new day."""

    type: ClassVar[str] = "billing.ticket.moved.v1"


@dataclass(frozen=True, slots=True)
class PaymentTaken(TicketFact):
    type: ClassVar[str] = "billing.payment.taken.v1"
    payment_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class PaymentRefunded(TicketFact):
    """``payment_id`` is the refund's own line, ``reverses_id`` the payment it takes back."""

    type: ClassVar[str] = "billing.payment.refunded.v1"
    payment_id: int
    reverses_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class SlipPrinted(TicketFact):
    """The first is the original, each later one a copy (COPIA n)."""

    type: ClassVar[str] = "billing.slip.printed.v1"


@dataclass(frozen=True, slots=True)
class TillFact(Event):
    """What every fact of a till session says."""

    session_id: int
    till_id: int


@dataclass(frozen=True, slots=True)
class TillOpened(TillFact):
    type: ClassVar[str] = "billing.till.opened.v1"


@dataclass(frozen=True, slots=True)
class TillMoved(TillFact):
    """Cash in or out that is no payment."""

    type: ClassVar[str] = "billing.till.moved.v1"
    movement_id: int


@dataclass(frozen=True, slots=True)
class ClosingApproved(TillFact):
    """A supervisor allows this session to close with a difference above the limit."""

    type: ClassVar[str] = "billing.till.closing_approved.v1"


@dataclass(frozen=True, slots=True)
class TillClosed(TillFact):
    type: ClassVar[str] = "billing.till.closed.v1"
    sha256: str


OF_TICKETS = (TicketIssued, TicketVoided, TicketCredited, TicketReopened, TicketMoved, PaymentTaken, PaymentRefunded)
OF_TILLS = (PaymentTaken, PaymentRefunded, TillOpened, TillMoved, ClosingApproved, TillClosed)
