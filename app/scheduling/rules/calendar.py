"""The calendar of some therapists in a clinic, and the times that are free in it.

``queries.slots`` reads a ``Calendar``; everything here is computed from it. ``free_slots`` enumerates what is offered,
``rules.booking`` judges a single start; both ask ``StartWindow``, ``open_periods`` and ``occupied``.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from app.kernel import clock
from app.kernel.errors import DomainError, RuleBroken
from app.kernel.i18n import N_
from app.scheduling.rules.periods import Period, Shift, covering, first_clash, subtract

STAFF_LATENESS = timedelta(minutes=30)  # staff may still book a visit that began a moment ago
LOOK_AHEAD_DAYS = 14
ALTERNATIVES = 3


class InvalidStart(RuleBroken):
    """No form offers it: a visit that begins within a minute."""

    message = N_("Escriba una fecha y hora válidas.")


class InThePast(RuleBroken):
    message = N_("Esa hora ya pasó. Elija una hora desde ahora.")


class TooSoon(RuleBroken):
    message = N_("Reserve con al menos %(minutes)s minutos de anticipación o llame a la clínica.")


class TooFar(RuleBroken):
    message = N_("Solo se puede reservar hasta %(days)s días por adelantado.")


class BookingPolicy(Protocol):
    """The settings of a clinic that booking depends on; ``clinics.queries.ClinicView`` has them."""

    @property
    def id(self) -> int: ...
    @property
    def timezone(self) -> str: ...
    @property
    def closed_weekdays(self) -> frozenset[int]: ...
    @property
    def slot_minutes(self) -> int: ...
    @property
    def notice_minutes(self) -> int: ...
    @property
    def horizon_days(self) -> int: ...
    @property
    def change_notice_hours(self) -> int: ...
    @property
    def auto_confirm(self) -> bool: ...
    @property
    def open_visits_limit(self) -> int: ...


class WeeklyHours(NamedTuple):
    """A row of a therapist's weekly hours; minutes from local midnight, ``valid_until`` exclusive."""

    therapist_id: int
    room_id: int | None
    weekday: int
    starts_minute: int
    ends_minute: int
    break_starts_minute: int | None
    break_ends_minute: int | None
    valid_from: date | None
    valid_until: date | None


class HoursException(NamedTuple):
    """``off`` takes hours away in every clinic, ``extra`` adds a shift in ``clinic_id``."""

    therapist_id: int
    clinic_id: int
    kind: str
    starts_at: datetime
    ends_at: datetime
    id: int = 0
    reason: str = ""


class OccupyingVisit(NamedTuple):
    """A visit that takes its time from its therapist, its room and its patient."""

    id: int
    therapist_id: int
    patient_id: int
    room_id: int | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Calendar:
    """The hours of some therapists in a clinic and what occupies them, for the local days up to ``last``."""

    clinic: BookingPolicy
    last: date
    closed_days: Collection[date]
    weekly: Mapping[int, Sequence[WeeklyHours]]
    exceptions: Mapping[int, Sequence[HoursException]]
    visits: Sequence[OccupyingVisit]

    @cached_property
    def by_therapist(self) -> Mapping[int | None, Sequence[OccupyingVisit]]:
        return _grouped(self.visits, lambda visit: visit.therapist_id)

    @cached_property
    def by_room(self) -> Mapping[int | None, Sequence[OccupyingVisit]]:
        return _grouped(self.visits, lambda visit: visit.room_id)

    @cached_property
    def by_patient(self) -> Mapping[int | None, Sequence[OccupyingVisit]]:
        return _grouped(self.visits, lambda visit: visit.patient_id)

    def without(self, appointment_id: int) -> "Calendar":
        """The same calendar without a visit, which is the one being moved."""
        return replace(self, visits=[visit for visit in self.visits if visit.id != appointment_id])


def _grouped(
    visits: Sequence[OccupyingVisit], key: Callable[[OccupyingVisit], int | None]
) -> dict[int | None, list[OccupyingVisit]]:
    groups: dict[int | None, list[OccupyingVisit]] = {}
    for visit in visits:
        groups.setdefault(key(visit), []).append(visit)
    return groups


@dataclass(frozen=True, slots=True)
class Slot:
    """A free time of a therapist, half-open."""

    starts_at: datetime
    ends_at: datetime
    therapist_id: int
    clinic_id: int
    room_id: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "therapist_id": self.therapist_id,
            "clinic_id": self.clinic_id,
            "room_id": self.room_id,
        }


def nearest(
    calendar: Calendar,
    therapist_id: int,
    wanted: datetime,
    length: timedelta,
    now: datetime,
    *,
    is_self: bool,
    patient_id: int | None = None,
    count: int = ALTERNATIVES,
) -> list[Slot]:
    """The free slots nearest to a time: of that day, else of the following days too; in order of time."""
    zone = calendar.clinic.timezone
    day = max(clock.local_day(wanted, zone), clock.local_day(now, zone))
    found: list[Slot] = []
    while day <= calendar.last and len(found) < count:
        found += free_slots(calendar, therapist_id, day, length, now, is_self=is_self, patient_id=patient_id)
        day += timedelta(days=1)
    chosen = sorted(found, key=lambda slot: abs(slot.starts_at - wanted))[:count]
    return sorted(chosen, key=lambda slot: slot.starts_at)


@dataclass(frozen=True, slots=True)
class StartWindow:
    """The instants at which a visit may begin, for any therapist: ``[earliest, until)``, after the notice."""

    earliest: datetime
    notice_ends: datetime
    until: datetime
    clinic: BookingPolicy

    def problem_with(self, starts_at: datetime) -> DomainError | None:
        """Why the visit may not begin then; None when it may."""
        if starts_at < self.earliest:
            return InThePast()
        if starts_at.second or starts_at.microsecond:
            return InvalidStart()
        if starts_at < self.notice_ends:
            return TooSoon(minutes=self.clinic.notice_minutes)
        if starts_at >= self.until:
            return TooFar(days=self.clinic.horizon_days)
        return None


def start_window(clinic: BookingPolicy, now: datetime, *, is_self: bool) -> StartWindow:
    """Staff book any minute, also what began a moment ago; patients after the notice and within the horizon of the
    clinic."""
    if not is_self:
        earliest = now - STAFF_LATENESS
        return StartWindow(earliest, earliest, datetime.max.replace(tzinfo=UTC), clinic)
    last_day = clock.local_day(now, clinic.timezone) + timedelta(days=clinic.horizon_days)
    _begins, until = clock.day_bounds(last_day, clinic.timezone)
    return StartWindow(now, now + timedelta(minutes=clinic.notice_minutes), until, clinic)


def occupied(
    calendar: Calendar, therapist_id: int, room_id: int | None, patient_id: int | None = None
) -> list[OccupyingVisit]:
    """The visits that occupy a therapist, a room or a patient."""
    in_room = calendar.by_room.get(room_id, ()) if room_id is not None else ()
    of_patient = calendar.by_patient.get(patient_id, ()) if patient_id is not None else ()
    return [*calendar.by_therapist.get(therapist_id, ()), *in_room, *of_patient]


def free_slots(
    calendar: Calendar,
    therapist_id: int,
    day: date,
    length: timedelta,
    now: datetime,
    *,
    is_self: bool,
    patient_id: int | None = None,
) -> Iterator[Slot]:
    """The times that are offered on a local day, by time: starts on the clinic's grid that may be booked.

    The grid is counted from the beginning of each open period; a slot after a visit that ends off the grid starts
    at the next line. Times that have begun are accepted from staff but not offered; for a patient who is known,
    those of another visit of theirs are not.
    """
    clinic = calendar.clinic
    window = start_window(clinic, now, is_self=is_self)
    step = timedelta(minutes=clinic.slot_minutes)
    for shift in open_periods(calendar, therapist_id, day):
        busy = occupied(calendar, therapist_id, shift.room_id, patient_id)
        for starts_at in free_starts(shift, busy, length, step):
            if starts_at >= now and window.problem_with(starts_at) is None:
                yield Slot(starts_at, starts_at + length, therapist_id, clinic.id, shift.room_id)


def is_free(
    calendar: Calendar,
    therapist_id: int,
    starts_at: datetime,
    length: timedelta,
    now: datetime,
    *,
    patient_id: int | None = None,
) -> bool:
    """Whether staff may book a visit of this length then without a reason: in the hours, nobody busy."""
    if start_window(calendar.clinic, now, is_self=False).problem_with(starts_at) is not None:
        return False
    day, ends_at = clock.local_day(starts_at, calendar.clinic.timezone), starts_at + length
    return any(
        not first_clash(occupied(calendar, therapist_id, shift.room_id, patient_id), starts_at, ends_at)
        for shift in covering(open_periods(calendar, therapist_id, day), starts_at, ends_at)
    )


def free_starts(shift: Shift, busy: Iterable[Period], length: timedelta, step: timedelta) -> Iterator[datetime]:
    """The starts on the grid of ``step`` from the beginning of the shift at which nothing is busy."""
    within = [period for period in busy if period.starts_at < shift.ends_at and shift.starts_at < period.ends_at]
    starts_at = shift.starts_at
    while starts_at + length <= shift.ends_at:
        clash = first_clash(within, starts_at, starts_at + length)
        if clash is None:
            yield starts_at
            starts_at += step
        else:
            steps = -(-(clash.ends_at - shift.starts_at) // step)
            starts_at = shift.starts_at + steps * step


def open_periods(calendar: Calendar, therapist_id: int, day: date) -> list[Shift]:
    """When a therapist receives on a local day: weekly hours without breaks and absences, with extra shifts, and
    none on closed days."""
    clinic = calendar.clinic
    begins, ends = clock.day_bounds(day, clinic.timezone)
    exceptions = calendar.exceptions.get(therapist_id, ())
    shifts = [
        Shift(e.starts_at, e.ends_at, None)
        for e in exceptions
        if e.kind == "extra" and e.clinic_id == clinic.id and begins <= e.starts_at < ends
    ]
    if day not in calendar.closed_days and day.weekday() not in clinic.closed_weekdays:
        for hours in calendar.weekly.get(therapist_id, ()):
            shifts += _shifts_of(hours, day, clinic.timezone)
    absences = [(e.starts_at, e.ends_at) for e in exceptions if e.kind == "off"]
    return sorted(subtract(shifts, absences), key=lambda shift: shift.starts_at)


def _shifts_of(hours: WeeklyHours, day: date, zone: str) -> Iterator[Shift]:
    if hours.weekday != day.weekday():
        return
    if (hours.valid_from and day < hours.valid_from) or (hours.valid_until and day >= hours.valid_until):
        return
    marks = [hours.starts_minute, hours.ends_minute]
    if hours.break_starts_minute is not None and hours.break_ends_minute is not None:
        marks[1:1] = [hours.break_starts_minute, hours.break_ends_minute]
    for start, end in zip(marks[::2], marks[1::2], strict=True):
        yield Shift(clock.at(day, start, zone), clock.at(day, end, zone), hours.room_id)
