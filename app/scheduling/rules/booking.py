"""Whether and how a visit is booked or moved. ``queries.booking`` read once, this decides once, actions write once."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.kernel import clock
from app.kernel.errors import Conflict, Forbidden, RuleBroken
from app.kernel.i18n import N_
from app.scheduling.rules import NoticeTooShort, Status, may_patient_change
from app.scheduling.rules.calendar import BookingPolicy, Calendar, nearest, occupied, open_periods, start_window
from app.scheduling.rules.periods import covering, first_clash

MAX_LENGTH = timedelta(hours=8)


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


class OutsideSchedule(RuleBroken):
    message = N_("El terapeuta no atiende a esa hora. Elija una hora libre o indique el motivo para reservar igual.")


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """The request for a new visit; ``is_here`` for a walk-in, who is at the desk already.

    Without ``duration_minutes`` it takes the length of the service. A patient's own request has no
    ``duration_minutes``, ``notes`` or ``override_reason``: they are ignored.
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
class BookingContext:
    """The data that a booking decision needs, read once."""

    clinic: BookingPolicy
    organization_id: int
    currency: str
    tax_rate_bp: int
    service_name: str
    service_minutes: int
    price_cents: int
    is_online: bool
    is_first_visit: bool
    is_self_booking: bool  # a patient for themselves
    may_override: bool
    calendar: Calendar


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

    Raises Forbidden (a service that patients may not book), InvalidDuration, InThePast, InvalidStart, TooSoon, TooFar,
    OutsideSchedule, SlotTaken (with alternatives), PatientBusy.
    """
    is_self = context.is_self_booking
    if is_self and not context.is_online:
        raise Forbidden
    minutes = context.service_minutes if is_self else request.duration_minutes or context.service_minutes
    attempt = Attempt(request.therapist_id, request.patient_id, request.starts_at, _length(minutes), is_self)
    room_id = choose_room(
        context.calendar, attempt, now, override=bool(request.override_reason) and context.may_override
    )
    return Plan(
        starts_at=request.starts_at,
        ends_at=request.starts_at + attempt.length,
        day=clock.local_day(request.starts_at, context.clinic.timezone),
        room_id=room_id,
        status=_first_status(request, needs_confirmation=is_self and not context.clinic.auto_confirm),
        notes="" if is_self else request.notes,
    )


def plan_move(context: MoveContext, request: MoveRequest, now: datetime) -> MovePlan | None:
    """The new place of a visit, or None when nothing changes.

    Raises NoticeTooShort (patients) and what ``plan_booking`` raises of times.
    """
    check_change_notice(context.clinic, context.starts_at, now=now, is_self=context.is_self_booking)
    therapist_id = request.therapist_id or context.therapist_id
    length = context.ends_at - context.starts_at
    if request.duration_minutes and not context.is_self_booking:
        length = _length(request.duration_minutes)
    ends_at = request.starts_at + length
    if (request.starts_at, ends_at, therapist_id) == (context.starts_at, context.ends_at, context.therapist_id):
        return None
    if not context.therapist_offers_service:
        raise OutsideSchedule
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
    if not shifts and not override:
        raise OutsideSchedule
    rooms = [shift.room_id for shift in shifts] or [None]  # overlapping shifts may be in different rooms
    room_id = next(
        (room for room in rooms if not first_clash(occupied(calendar, attempt.therapist_id, room), starts_at, ends_at)),
        rooms[0],
    )
    check_free(calendar, attempt, now, room_id=room_id)
    return room_id


def check_free(calendar: Calendar, attempt: Attempt, now: datetime, *, room_id: int | None) -> None:
    """Neither the therapist nor the room nor the patient has another visit. Raises SlotTaken, PatientBusy."""
    starts_at, ends_at = attempt.starts_at, attempt.starts_at + attempt.length
    if first_clash(occupied(calendar, attempt.therapist_id, room_id), starts_at, ends_at):
        raise slot_taken(calendar, attempt, now)
    if first_clash([visit for visit in calendar.visits if visit.patient_id == attempt.patient_id], starts_at, ends_at):
        raise PatientBusy


def slot_taken(calendar: Calendar, attempt: Attempt, now: datetime) -> SlotTaken:
    """The refusal with the nearest free slots, as a sentence and for programs."""
    near = nearest(calendar, attempt.therapist_id, attempt.starts_at, attempt.length, now, is_self=attempt.is_self)
    if not near:
        return NoFreeSlot(details={"alternatives": []})
    zone = calendar.clinic.timezone
    one_day = len({clock.local_day(slot.starts_at, zone) for slot in near}) == 1
    pattern = "%H:%M" if one_day else "%d/%m %H:%M"
    times = ", ".join(clock.local(slot.starts_at, zone).strftime(pattern) for slot in near)
    alternatives = [
        {**slot.as_json(), "starts_at": _utc_text(slot.starts_at), "ends_at": _utc_text(slot.ends_at)} for slot in near
    ]
    text = N_("Esa hora se acaba de ocupar. Estas están libres: %(times)s.")
    return SlotTaken(text, times=times, details={"alternatives": alternatives})


def _utc_text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
