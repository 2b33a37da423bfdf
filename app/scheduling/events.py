"""Events of an appointment, one per verb. The start and the end of its session are the encounter's events.

``day`` and ``old_day`` are local days of the clinic, for receivers that keep lists by day as our own screens do; they
are part of the contract (docs/events.md).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class AppointmentChange(Event):
    """Fields common to the events of an appointment."""

    appointment_id: int
    therapist_id: int
    day: str


@dataclass(frozen=True, slots=True)
class AppointmentBooked(AppointmentChange):
    type: ClassVar[str] = "scheduling.appointment.booked.v1"
    status: str
    sequence: int
    starts_at: datetime
    origin: str


@dataclass(frozen=True, slots=True)
class AppointmentMoved(AppointmentChange):
    """Another time or therapist."""

    type: ClassVar[str] = "scheduling.appointment.moved.v1"
    old_therapist_id: int
    sequence: int
    starts_at: datetime
    old_starts_at: datetime
    old_day: str


@dataclass(frozen=True, slots=True)
class AppointmentCancelled(AppointmentChange):
    type: ClassVar[str] = "scheduling.appointment.cancelled.v1"
    sequence: int
    starts_at: datetime
    reason: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class AppointmentApproved(AppointmentChange):
    """The clinic took the request: pending, proposed or waiting before, booked now."""

    type: ClassVar[str] = "scheduling.appointment.approved.v1"
    from_status: str


@dataclass(frozen=True, slots=True)
class AppointmentConfirmed(AppointmentChange):
    """The patient will come (iCalendar ``ACCEPTED``); the status stays."""

    type: ClassVar[str] = "scheduling.appointment.confirmed.v1"


@dataclass(frozen=True, slots=True)
class AppointmentArrived(AppointmentChange):
    """The patient is in the waiting room."""

    type: ClassVar[str] = "scheduling.appointment.arrived.v1"
    from_status: str


@dataclass(frozen=True, slots=True)
class AppointmentCheckedIn(AppointmentChange):
    """Papers are done, the therapist may call."""

    type: ClassVar[str] = "scheduling.appointment.checked_in.v1"
    from_status: str


@dataclass(frozen=True, slots=True)
class AppointmentFulfilled(AppointmentChange):
    """The patient went in: the plan is fulfilled, its encounter has started."""

    type: ClassVar[str] = "scheduling.appointment.fulfilled.v1"
    from_status: str


@dataclass(frozen=True, slots=True)
class AppointmentNoShow(AppointmentChange):
    type: ClassVar[str] = "scheduling.appointment.no_show.v1"
    from_status: str


@dataclass(frozen=True, slots=True)
class AppointmentUndone(AppointmentChange):
    """The last step was taken back."""

    type: ClassVar[str] = "scheduling.appointment.undone.v1"
    from_status: str
    to_status: str


@dataclass(frozen=True, slots=True)
class AppointmentEnteredInError(AppointmentChange):
    """It should never have been written."""

    type: ClassVar[str] = "scheduling.appointment.entered_in_error.v1"
    from_status: str


@dataclass(frozen=True, slots=True)
class HoursChanged(Event):
    """The weekly hours, an absence or an extra shift of a therapist changed.

    Of an absence or a shift the days by the clinic's clock, the last one included; of weekly hours None.
    """

    type: ClassVar[str] = "scheduling.hours.changed.v1"
    therapist_id: int
    first_day: date | None = None
    last_day: date | None = None


OF_APPOINTMENTS = (
    AppointmentBooked,
    AppointmentMoved,
    AppointmentCancelled,
    AppointmentApproved,
    AppointmentConfirmed,
    AppointmentArrived,
    AppointmentCheckedIn,
    AppointmentFulfilled,
    AppointmentNoShow,
    AppointmentUndone,
    AppointmentEnteredInError,
)
