"""Events of this domain. ``service_day`` selects the desk screen that has to refresh."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class TicketEvent(Event):
    """Fields of every event of a ticket."""

    ticket_id: int
    appointment_id: int | None
    service_day: date


@dataclass(frozen=True, slots=True)
class TicketIssued(TicketEvent):
    type: ClassVar[str] = "billing.ticket.issued.v1"


@dataclass(frozen=True, slots=True)
class TicketVoided(TicketEvent):
    type: ClassVar[str] = "billing.ticket.voided.v1"


@dataclass(frozen=True, slots=True)
class TicketCredited(TicketEvent):
    """Its appointment was cancelled after payments: its charges are reversed and a refund is due."""

    type: ClassVar[str] = "billing.ticket.credited.v1"


@dataclass(frozen=True, slots=True)
class TicketWaived(TicketEvent):
    """What it charged became a courtesy: nothing is owed."""

    type: ClassVar[str] = "billing.ticket.waived.v1"


@dataclass(frozen=True, slots=True)
class TicketReopened(TicketEvent):
    type: ClassVar[str] = "billing.ticket.revived.v1"  # as first published


@dataclass(frozen=True, slots=True)
class TicketMoved(TicketEvent):
    """``service_day`` is the new day."""

    type: ClassVar[str] = "billing.ticket.moved.v1"


@dataclass(frozen=True, slots=True)
class PaymentTaken(TicketEvent):
    type: ClassVar[str] = "billing.payment.taken.v1"
    payment_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class PaymentRefunded(TicketEvent):
    """``payment_id`` is the movement of the refund, ``reverses_id`` the refunded payment."""

    type: ClassVar[str] = "billing.payment.refunded.v1"
    payment_id: int
    reverses_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class CreditKept(TicketEvent):
    """Money of the ticket was put aside for the patient."""

    type: ClassVar[str] = "billing.credit.kept.v1"
    cents: int


@dataclass(frozen=True, slots=True)
class CreditUsed(TicketEvent):
    """The ticket was paid with money kept for the patient."""

    type: ClassVar[str] = "billing.credit.used.v1"
    cents: int


@dataclass(frozen=True, slots=True)
class CreditReturned(TicketEvent):
    """What was put aside is due back on the ticket again."""

    type: ClassVar[str] = "billing.credit.returned.v1"
    cents: int


@dataclass(frozen=True, slots=True)
class SlipPrinted(TicketEvent):
    """The first is the original, each later one a copy (COPIA n)."""

    type: ClassVar[str] = "billing.slip.printed.v1"


@dataclass(frozen=True, slots=True)
class TillEvent(Event):
    """Fields of every event of a till session."""

    session_id: int
    till_id: int


@dataclass(frozen=True, slots=True)
class TillOpened(TillEvent):
    type: ClassVar[str] = "billing.till.opened.v1"


@dataclass(frozen=True, slots=True)
class TillMoved(TillEvent):
    """Cash in or out other than payments."""

    type: ClassVar[str] = "billing.till.moved.v1"
    movement_id: int


@dataclass(frozen=True, slots=True)
class TillCounted(TillEvent):
    """A count was sealed. ``needs_approval``: its difference is above the clinic's limit."""

    type: ClassVar[str] = "billing.till.counted.v1"
    count_id: int
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class ClosingApproved(TillEvent):
    """A supervisor allows this session to close with the difference of this count."""

    type: ClassVar[str] = "billing.till.closing_approved.v1"
    count_id: int | None = None  # None in events from before counts were stored


@dataclass(frozen=True, slots=True)
class RecountRequested(TillEvent):
    """A supervisor did not accept this count."""

    type: ClassVar[str] = "billing.till.recount_requested.v1"
    count_id: int


@dataclass(frozen=True, slots=True)
class TillClosed(TillEvent):
    type: ClassVar[str] = "billing.till.closed.v1"
    sha256: str


OF_CREDIT = (CreditKept, CreditUsed, CreditReturned)
OF_TICKETS = (
    *(TicketIssued, TicketVoided, TicketCredited, TicketWaived, TicketReopened, TicketMoved),
    *(PaymentTaken, PaymentRefunded, *OF_CREDIT),
)
OF_TILLS = (
    *(PaymentTaken, PaymentRefunded, TillOpened, TillMoved),
    *(TillCounted, ClosingApproved, RecountRequested, TillClosed),
)
