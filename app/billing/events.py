"""Facts of this domain. ``service_day`` lets the desk of that day refresh itself."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from app.kernel.outbox import Event


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
class TicketRevived(TicketFact):
    type: ClassVar[str] = "billing.ticket.revived.v1"


@dataclass(frozen=True, slots=True)
class TicketMoved(TicketFact):
    """``service_day`` is the new day."""

    type: ClassVar[str] = "billing.ticket.moved.v1"
