"""Facts of this domain. ``day`` and ``old_day`` are local days of the clinic: topics are named by them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class AppointmentBooked(Event):
    type: ClassVar[str] = "scheduling.appointment.booked.v1"
    appointment_id: int
    therapist_id: int
    status: str
    sequence: int
    starts_at: datetime
    day: str
    origin: str


@dataclass(frozen=True, slots=True)
class AppointmentMoved(Event):
    type: ClassVar[str] = "scheduling.appointment.moved.v1"
    appointment_id: int
    therapist_id: int
    old_therapist_id: int
    sequence: int
    starts_at: datetime
    old_starts_at: datetime
    day: str
    old_day: str


@dataclass(frozen=True, slots=True)
class AppointmentCancelled(Event):
    type: ClassVar[str] = "scheduling.appointment.cancelled.v1"
    appointment_id: int
    therapist_id: int
    sequence: int
    starts_at: datetime
    day: str
    reason: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class StatusChanged(Event):
    """Every other transition, the confirmation by the patient and the end of a session."""

    type: ClassVar[str] = "scheduling.appointment.status_changed.v1"
    appointment_id: int
    therapist_id: int
    from_status: str
    to_status: str
    day: str
    is_undo: bool = False


@dataclass(frozen=True, slots=True)
class HoursChanged(Event):
    """The weekly hours, an absence or an extra shift of a therapist changed."""

    type: ClassVar[str] = "scheduling.hours.changed.v1"
    therapist_id: int


CHANGES = (AppointmentBooked, AppointmentMoved, AppointmentCancelled, StatusChanged)
