"""Events of this domain."""

from dataclasses import dataclass
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class InboxChanged(Event):
    """A notification was created or read; the subject is the user."""

    type: ClassVar[str] = "notifications.inbox.changed.v1"
    user_id: int


@dataclass(frozen=True, slots=True)
class DeliveryFailed(Event):
    """The last attempt failed: staff has to call the patient or correct the address."""

    type: ClassVar[str] = "notifications.delivery.failed.v1"
    delivery_id: int
    kind: str
