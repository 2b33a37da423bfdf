"""Whether and how a visit is booked or moved. ``queries.booking`` read once, this decides once, actions write once."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.kernel import clock
from app.kernel.errors import Conflict, Invalid, RuleBroken
from app.kernel.i18n import N_
from app.scheduling.rules import NoticeTooShort, Status, may_patient_change
from app.scheduling.rules.calendar import (
    BookingPolicy,
    Calendar,
    Slot,
    free_slots,
    nearest,
    occupied,
    open_periods,
    start_window,
)
from app.scheduling.rules.periods import covering, first_clash

MAX_LENGTH = timedelta(hours=8)
WALK_IN = N_("Sin cita")  # why the visit of who stands at the desk is outside the hours
NEW_ACCOUNT_PERIOD = timedelta(days=7)
NEW_ACCOUNT_DAILY = 2  # visits that a new patient books in a day


class SlotTaken(Conflict):
    """A concurrent booking took the time; ``details['alternatives']`` are the nearest free slots."""

    code = "SLOT_TAKEN"
    message = N_("Esa hora se acaba de ocupar. Elija otra.")


class NoFreeSlot(SlotTaken):
    message = N_("Esa hora se acaba de ocupar y no hay otra libre en las próximas dos semanas.")


class PatientBusy(Conflict):
    code = "PATIENT_BUSY"
    message = N_("El paciente ya tiene una cita a esa hora.")


class InvalidDuration(RuleBroken):
    message = N_("La duración debe ser de 5 minutos o más, en pasos de 5, y de 8 horas como máximo.")
    field = "duration"


class OutsideSchedule(RuleBroken):
    message = N_("El terapeuta no atiende a esa hora. Elija una hora libre o indique el motivo para reservar igual.")


class NotOffered(RuleBroken):
    """A patient books the times that are offered; ``details['alternatives']`` are the nearest."""

    message = N_("Esa hora no se ofrece y no hay otra libre en las próximas dos semanas.")
    nearest = N_("Esa hora no se ofrece. Las más cercanas: %(times)s.")


class ServiceNotGiven(Invalid):
    def __init__(self) -> None:
        super().__init__({"therapist_id": N_("Este terapeuta no existe o no da el servicio de la cita.")})


class WalkInNotToday(Invalid):
    def __init__(self) -> None:
        super().__init__({"starts_at": N_("Quien ya está en la clínica se atiende hoy: elija una hora de hoy.")})


class OwnDuration(Invalid):
    def __init__(self, minutes: int) -> None:
        super().__init__({"duration": N_("Este servicio dura %(minutes)s minutos.")}, minutes=minutes)


class TooManyOpenVisits(RuleBroken):
    message = N_("Ya tiene %(limit)s citas por venir. Para reservar otra, llame a la clínica o cancele una.")


class TooManyNewVisits(RuleBroken):
    message = N_("Su cuenta es nueva: reserve hasta %(limit)s citas por día, o llame a la clínica.")


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """The request for a new visit; ``is_here`` for a walk-in, who is at the desk already.

    Without ``duration_minutes`` it takes the length of the service, as every request of a patient does. A patient's own
    ``notes`` and ``override_reason`` are not used.
    """

    clinic_id: int
    therapist_id: int
    patient_id: int
    service_id: int
    starts_at: datetime
    duration_minutes: int | None = None
    reason: str = ""
    notes: str = ""
    override_reason: str = ""
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class OwnBookings:
    """What a patient has booked: visits to come, those booked online in the last day, and since when they are known."""

    to_come: int
    of_last_day: int
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class BookingContext:
    """The data that a booking decision needs, read once."""

    clinic: BookingPolicy
    organization_id: int
    currency: str
    tax_rate_bp: int
    service_name: str
    service_minutes: int
    price_cents: int
    is_first_visit: bool
    own: OwnBookings | None  # of a patient who books for themselves
    may_override: bool
    calendar: Calendar

    @property
    def is_self_booking(self) -> bool:
        return self.own is not None


@dataclass(frozen=True, slots=True)
class Plan:
    """A booking as it will be written."""

    starts_at: datetime
    ends_at: datetime
    day: date
    room_id: int | None
    status: Status
    notes: str


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """Another time or therapist for a visit. ``version`` is the one that was shown, if it matters."""

    starts_at: datetime
    therapist_id: int | None = None
    duration_minutes: int | None = None
    version: int | None = None
    override_reason: str = ""


@dataclass(frozen=True, slots=True)
class MoveContext:
    """The data that the decision on a move needs."""

    clinic: BookingPolicy
    appointment_id: int
    patient_id: int
    therapist_id: int
    starts_at: datetime
    ends_at: datetime
    therapist_offers_service: bool  # the therapist who is asked for
    is_self_booking: bool
    is_request: bool  # takes no time yet: its own hour is to be judged too
    may_override: bool
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class MovePlan:
    starts_at: datetime
    ends_at: datetime
    day: date
    old_day: date
    therapist_id: int
    room_id: int | None


# ------------------------------------------------------------------ the decision


def plan_booking(context: BookingContext, request: BookingRequest, now: datetime) -> Plan:
    """The booking as it will be written.

    Raises InvalidDuration, InThePast, InvalidStart, TooSoon, TooFar, OutsideSchedule, SlotTaken (with alternatives),
    PatientBusy; for patients also OwnDuration, NotOffered (with alternatives), TooManyOpenVisits, TooManyNewVisits.
    """
    is_self = context.is_self_booking
    minutes = _minutes_of(context, request, now)
    day = clock.local_day(request.starts_at, context.clinic.timezone)
    if request.is_here and day != clock.local_day(now, context.clinic.timezone):
        raise WalkInNotToday
    attempt = Attempt(request.therapist_id, request.patient_id, request.starts_at, _length(minutes), is_self)
    room_id = choose_room(
        context.calendar, attempt, now, override=bool(request.override_reason) and context.may_override
    )
    return Plan(
        starts_at=request.starts_at,
        ends_at=request.starts_at + attempt.length,
        day=day,
        room_id=room_id,
        status=_first_status(request, needs_confirmation=is_self and not context.clinic.auto_confirm),
        notes="" if is_self else request.notes,
    )


def plan_request(context: BookingContext, request: BookingRequest, status: Status, now: datetime) -> Plan:
    """A visit that is asked for, at its wished start: no time is taken, so none has to be free.

    Raises InThePast, InvalidStart, InvalidDuration; for patients also TooSoon, TooFar, OwnDuration, TooManyOpenVisits,
    TooManyNewVisits.
    """
    is_self, length = context.is_self_booking, _length(_minutes_of(context, request, now))
    problem = start_window(context.clinic, now, is_self=is_self).problem_with(request.starts_at)
    if problem is not None:
        raise problem
    return Plan(
        starts_at=request.starts_at,
        ends_at=request.starts_at + length,
        day=clock.local_day(request.starts_at, context.clinic.timezone),
        room_id=None,
        status=status,
        notes="" if is_self else request.notes,
    )


def _minutes_of(context: BookingContext, request: BookingRequest, now: datetime) -> int:
    """How long the visit takes. Raises OwnDuration and what limits the visits that a patient has."""
    minutes = context.service_minutes if request.duration_minutes is None else request.duration_minutes
    if context.own is not None:
        _check_own_bookings(context.own, context.clinic, now)
        if minutes != context.service_minutes:
            raise OwnDuration(context.service_minutes)
    return minutes


def plan_move(context: MoveContext, request: MoveRequest, now: datetime) -> MovePlan | None:
    """The new place of a visit, or None when nothing changes.

    Raises NoticeTooShort (patients), ServiceNotGiven and what ``plan_booking`` raises of times.
    """
    check_change_notice(context.clinic, context.starts_at, now=now, is_self=context.is_self_booking)
    therapist_id = context.therapist_id if request.therapist_id is None else request.therapist_id
    length = context.ends_at - context.starts_at
    if request.duration_minutes is not None:
        wanted = _length(request.duration_minutes)
        if context.is_self_booking and wanted != length:
            raise OwnDuration(length // timedelta(minutes=1))
        length = wanted
    ends_at = request.starts_at + length
    place = (context.starts_at, context.ends_at, context.therapist_id)
    if not context.is_request and (request.starts_at, ends_at, therapist_id) == place:
        return None
    if not context.therapist_offers_service:
        raise ServiceNotGiven
    attempt = Attempt(therapist_id, context.patient_id, request.starts_at, length, context.is_self_booking)
    room_id = choose_room(
        context.calendar.without(context.appointment_id),
        attempt,
        now,
        override=bool(request.override_reason) and context.may_override,
    )
    zone = context.clinic.timezone
    days = clock.local_day(request.starts_at, zone), clock.local_day(context.starts_at, zone)
    return MovePlan(request.starts_at, ends_at, days[0], days[1], therapist_id, room_id)


def check_change_notice(clinic: BookingPolicy, starts_at: datetime, *, now: datetime, is_self: bool) -> None:
    """Patients change their visits in time. Raises NoticeTooShort."""
    hours = clinic.change_notice_hours
    if is_self and not may_patient_change(starts_at, now=now, notice_hours=hours):
        raise NoticeTooShort(hours=hours)


def _check_own_bookings(own: OwnBookings, clinic: BookingPolicy, now: datetime) -> None:
    if own.to_come >= clinic.open_visits_limit:
        raise TooManyOpenVisits(limit=clinic.open_visits_limit)
    if own.of_last_day >= NEW_ACCOUNT_DAILY and own.registered_at > now - NEW_ACCOUNT_PERIOD:
        raise TooManyNewVisits(limit=NEW_ACCOUNT_DAILY)


def _length(minutes: int) -> timedelta:
    length = timedelta(minutes=minutes)
    if minutes < 5 or minutes % 5 or length > MAX_LENGTH:
        raise InvalidDuration
    return length


def _first_status(request: BookingRequest, *, needs_confirmation: bool) -> Status:
    if request.is_here:
        return Status.ARRIVED
    return Status.PENDING if needs_confirmation else Status.BOOKED  # D12


@dataclass(frozen=True, slots=True)
class Attempt:
    """A start to judge: whose time, when, how long, and whether a patient asks for it."""

    therapist_id: int
    patient_id: int
    starts_at: datetime
    length: timedelta
    is_self: bool


def choose_room(calendar: Calendar, attempt: Attempt, now: datetime, *, override: bool) -> int | None:
    """The room of a visit at that time; none outside the hours, where ``override`` allows that."""
    problem = start_window(calendar.clinic, now, is_self=attempt.is_self).problem_with(attempt.starts_at)
    if problem is not None:
        raise problem
    starts_at, ends_at = attempt.starts_at, attempt.starts_at + attempt.length
    day = clock.local_day(starts_at, calendar.clinic.timezone)
    shifts = covering(open_periods(calendar, attempt.therapist_id, day), starts_at, ends_at)
    if not shifts and attempt.is_self:
        raise not_offered(calendar, attempt, now)
    if not shifts and not override:
        raise OutsideSchedule
    rooms = [shift.room_id for shift in shifts] or [None]  # overlapping shifts may be in different rooms
    room_id = next(
        (room for room in rooms if not first_clash(occupied(calendar, attempt.therapist_id, room), starts_at, ends_at)),
        rooms[0],
    )
    check_free(calendar, attempt, now, room_id=room_id)
    if attempt.is_self and starts_at not in _offered_starts(calendar, attempt, day, now):
        raise not_offered(calendar, attempt, now)
    return room_id


def _offered_starts(calendar: Calendar, attempt: Attempt, day: date, now: datetime) -> set[datetime]:
    free = free_slots(
        calendar,
        attempt.therapist_id,
        day,
        attempt.length,
        now,
        is_self=attempt.is_self,
        patient_id=attempt.patient_id,
    )
    return {slot.starts_at for slot in free}


def check_free(calendar: Calendar, attempt: Attempt, now: datetime, *, room_id: int | None) -> None:
    """Neither the therapist nor the room nor the patient has another visit. Raises SlotTaken, PatientBusy."""
    starts_at, ends_at = attempt.starts_at, attempt.starts_at + attempt.length
    if first_clash(occupied(calendar, attempt.therapist_id, room_id), starts_at, ends_at):
        raise slot_taken(calendar, attempt, now)
    if first_clash([visit for visit in calendar.visits if visit.patient_id == attempt.patient_id], starts_at, ends_at):
        raise PatientBusy


def slot_taken(calendar: Calendar, attempt: Attempt, now: datetime) -> SlotTaken:
    """The refusal with the nearest free slots, as a sentence and for programs."""
    near = _near(calendar, attempt, now)
    if not near:
        return NoFreeSlot(details={"alternatives": []})
    text = N_("Esa hora se acaba de ocupar. Estas están libres: %(times)s.")
    return SlotTaken(text, times=_times(near, calendar), details=_alternatives(near))


def not_offered(calendar: Calendar, attempt: Attempt, now: datetime) -> NotOffered:
    """The refusal of a patient's time with the nearest that are offered."""
    near = _near(calendar, attempt, now)
    if not near:
        return NotOffered(details=_alternatives(near))
    return NotOffered(NotOffered.nearest, times=_times(near, calendar), details=_alternatives(near))


def _near(calendar: Calendar, attempt: Attempt, now: datetime) -> list[Slot]:
    return nearest(
        calendar,
        attempt.therapist_id,
        attempt.starts_at,
        attempt.length,
        now,
        is_self=attempt.is_self,
        patient_id=attempt.patient_id,
    )


def _times(near: list[Slot], calendar: Calendar) -> str:
    zone = calendar.clinic.timezone
    one_day = len({clock.local_day(slot.starts_at, zone) for slot in near}) == 1
    pattern = "%H:%M" if one_day else "%d/%m %H:%M"
    return ", ".join(clock.local(slot.starts_at, zone).strftime(pattern) for slot in near)


def _alternatives(near: list[Slot]) -> dict[str, Any]:
    alternatives = [
        {**slot.as_json(), "starts_at": _utc_text(slot.starts_at), "ends_at": _utc_text(slot.ends_at)} for slot in near
    ]
    return {"alternatives": alternatives}


def _utc_text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
