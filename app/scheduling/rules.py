"""Decisions about time and states. Pure functions on values; the clock comes in as ``now``.

The machine is FHIR's appointment status (R4) with the desk's words on top; ``confirmation`` and the
encounter are fields of their own. Leaving a final state needs one of the undo rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.kernel.errors import Conflict, Invalid, RuleBroken
from app.kernel.i18n import N_


class Status(StrEnum):
    PROPOSED = "proposed"
    PENDING = "pending"
    BOOKED = "booked"
    ARRIVED = "arrived"
    CHECKED_IN = "checked-in"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    ENTERED_IN_ERROR = "entered-in-error"
    WAITLIST = "waitlist"


OCCUPYING = (Status.PENDING, Status.BOOKED, Status.ARRIVED, Status.CHECKED_IN, Status.FULFILLED)
EXPECTED = (Status.PENDING, Status.BOOKED)
FINAL = (Status.FULFILLED, Status.CANCELLED, Status.NOSHOW, Status.ENTERED_IN_ERROR)

LABELS = {
    "proposed": N_("Solicitada"),
    "pending": N_("Por confirmar"),
    "waitlist": N_("En espera de cupo"),
    "booked": N_("Reservada"),
    "confirmed": N_("Confirmada"),
    "arrived": N_("En sala"),
    "checked-in": N_("Lista"),
    "in-session": N_("En sesión"),
    "fulfilled": N_("Atendida"),
    "noshow": N_("No vino"),
    "cancelled": N_("Cancelada"),
    "entered-in-error": N_("Anulada"),
}
ALIASES = {"completed": Status.FULFILLED, "checked_in": Status.CHECKED_IN, "no_show": Status.NOSHOW}  # D9

# From → to: plain steps, open to whoever may do the verb.
STEPS: dict[Status, tuple[Status, ...]] = {
    Status.PROPOSED: (Status.PENDING, Status.BOOKED, Status.CANCELLED),
    Status.WAITLIST: (Status.PENDING, Status.BOOKED, Status.CANCELLED),
    Status.PENDING: (Status.BOOKED, Status.CANCELLED),
    Status.BOOKED: (Status.ARRIVED, Status.FULFILLED, Status.NOSHOW, Status.CANCELLED),
    Status.ARRIVED: (Status.CHECKED_IN, Status.FULFILLED, Status.CANCELLED),
    Status.CHECKED_IN: (Status.FULFILLED, Status.CANCELLED),
    Status.NOSHOW: (Status.ARRIVED,),
}
# From → to: steps back, with the time in which the desk may take them; later a supervisor.
UNDO: dict[tuple[Status, Status], timedelta] = {
    (Status.ARRIVED, Status.BOOKED): timedelta(minutes=15),
    (Status.CHECKED_IN, Status.BOOKED): timedelta(minutes=15),
    (Status.CHECKED_IN, Status.ARRIVED): timedelta(minutes=15),
    (Status.NOSHOW, Status.BOOKED): timedelta(minutes=10),
    (Status.CANCELLED, Status.BOOKED): timedelta(minutes=10),
    (Status.FULFILLED, Status.CHECKED_IN): timedelta(minutes=15),
}

CANCEL_REASONS = {
    "patient": N_("El paciente lo pidió"),
    "clinic": N_("La clínica lo pidió"),
    "therapist": N_("El terapeuta no está"),
    "left-without-being-seen": N_("Se fue sin ser atendido"),
    "expired": N_("No se confirmó a tiempo"),
    "mistake": N_("Se reservó por error"),
}


def reasons_to_cancel(status: str) -> list[str]:
    """The keys of ``CANCEL_REASONS`` that a person may give for a visit in this state."""
    is_here = status in {Status.ARRIVED, Status.CHECKED_IN}
    return [code for code in CANCEL_REASONS if code != "expired" and (is_here or code != "left-without-being-seen")]


class InvalidTransition(Conflict):
    """``details['allowed']`` lists where the appointment may go from here."""

    code = "INVALID_TRANSITION"
    message = N_("La cita está «%(state)s» y no puede pasar a ese estado.")


class OutsideSchedule(RuleBroken):
    message = N_("El terapeuta no atiende a esa hora. Elija una hora libre o indique el motivo para reservar igual.")


class InThePast(RuleBroken):
    message = N_("Esa hora ya pasó. Elija una hora desde ahora.")


class TooSoon(RuleBroken):
    message = N_("Reserve con al menos %(minutes)s minutos de anticipación o llame a la clínica.")


class TooFar(RuleBroken):
    message = N_("Solo se puede reservar hasta %(days)s días por adelantado.")


class NoticeTooShort(RuleBroken):
    message = N_("Faltan menos de %(hours)s horas: para cambiar o cancelar, llame a la clínica.")


class NotToday(RuleBroken):
    message = N_("La cita no es de hoy. Reprograme la cita antes de recibir al paciente.")


class TooEarlyForNoshow(RuleBroken):
    message = N_("Aún no pasaron %(minutes)s minutos desde la hora de la cita.")


class TooLateToUndo(Conflict):
    message = N_("Ya pasó el plazo para deshacer. Pídalo a supervisión.")


class HasPayment(Conflict):
    message = N_("La visita tiene un pago. Devuelva el pago antes de deshacer.")


class ReasonMissing(RuleBroken):
    message = N_("Indique el motivo.")


class UnknownStatus(Invalid):
    def __init__(self) -> None:
        super().__init__({"status": N_("Este estado no existe.")})


def status_named(text: str) -> Status:
    """A state by its name or one of its old names. Raises UnknownStatus."""
    try:
        return ALIASES.get(text) or Status(text)
    except ValueError as error:
        raise UnknownStatus from error


def label_of(status: str, confirmation: str, encounter_status: str | None) -> str:
    """The desk's code for a visit: a key of ``LABELS`` (status seen with confirmation and encounter)."""
    if status == Status.BOOKED and confirmation == "accepted":
        return "confirmed"
    if status == Status.FULFILLED and encounter_status == "in-progress":
        return "in-session"
    return str(status)


def allowed_from(status: str) -> list[str]:
    """Every state that can follow, steps forward first."""
    origin = Status(status)
    back = [to for (start, to) in UNDO if start == origin]
    return [str(s) for s in dict.fromkeys((*STEPS.get(origin, ()), *back, Status.ENTERED_IN_ERROR)) if s != origin]


def check_transition(
    origin: str,
    target: str,
    *,
    since: datetime,
    now: datetime,
    may_correct: bool,
    has_payment: bool,
) -> bool:
    """Whether this step is an undo. Raises InvalidTransition, TooLateToUndo, HasPayment.

    ``since`` is when the present state began. Guards that need more facts (today, grace, slot) stand in
    the actions that know them.
    """
    start, goal = Status(origin), Status(target)
    if goal in STEPS.get(start, ()):
        return False
    limit = UNDO.get((start, goal))
    if limit is None:
        raise InvalidTransition(
            state=N_(LABELS[str(start)]), details={"allowed": allowed_from(start), "status": str(start)}
        )
    if now - since > limit and not may_correct:
        raise TooLateToUndo(details={"allowed": allowed_from(start), "status": str(start)})
    if has_payment and goal == Status.BOOKED and start in {Status.ARRIVED, Status.CHECKED_IN}:
        raise HasPayment
    return True


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of work in UTC, half-open, in a room or none."""

    starts_at: datetime
    ends_at: datetime
    room_id: int | None


@dataclass(frozen=True, slots=True)
class Busy:
    starts_at: datetime
    ends_at: datetime
    room_id: int | None = None


def subtract(shifts: Iterable[Shift], taken: Iterable[tuple[datetime, datetime]]) -> list[Shift]:
    """The shifts without the taken periods; pieces stay in order."""
    pieces = list(shifts)
    for start, end in taken:
        cut: list[Shift] = []
        for piece in pieces:
            if start >= piece.ends_at or end <= piece.starts_at:
                cut.append(piece)
                continue
            if piece.starts_at < start:
                cut.append(Shift(piece.starts_at, start, piece.room_id))
            if end < piece.ends_at:
                cut.append(Shift(end, piece.ends_at, piece.room_id))
        pieces = cut
    return pieces


def free_starts(
    shifts: Sequence[Shift], busy: Sequence[Busy], *, duration: timedelta, step: timedelta, not_before: datetime
) -> Iterator[Shift]:
    """Every free slot of ``duration`` on a grid of ``step`` counted from each shift's start.

    A slot right after a visit that ends off the grid starts at the next grid line.
    """
    taken = sorted((b.starts_at, b.ends_at) for b in busy)
    for shift in shifts:
        start, index = shift.starts_at, 0
        while start + duration <= shift.ends_at:
            while index < len(taken) and taken[index][1] <= start:
                index += 1
            clash = index < len(taken) and taken[index][0] < start + duration
            if clash:
                end = taken[index][1]
                steps = -(-(end - shift.starts_at) // step)
                start = shift.starts_at + steps * step
            else:
                if start >= not_before:
                    yield Shift(start, start + duration, shift.room_id)
                start += step


def covers(shifts: Iterable[Shift], starts_at: datetime, ends_at: datetime) -> Shift | None:
    """The shift that holds the whole period, if one does."""
    return next((s for s in shifts if s.starts_at <= starts_at and ends_at <= s.ends_at), None)


def check_patient_notice(
    starts_at: datetime, *, now: datetime, today: date, day: date, notice_minutes: int, horizon_days: int
) -> None:
    """When patients themselves may book. Raises TooSoon, TooFar."""
    if starts_at < now + timedelta(minutes=notice_minutes):
        raise TooSoon(minutes=notice_minutes)
    if (day - today).days > horizon_days:
        raise TooFar(days=horizon_days)


def may_patient_change(starts_at: datetime, *, now: datetime, notice_hours: int) -> bool:
    return starts_at - now >= timedelta(hours=notice_hours)


REMIND_BEFORE = timedelta(hours=24)  # on the clinic's wall clock: a 10:00 visit is reminded at 10:00 the day before
REMIND_AT_LEAST = timedelta(hours=1)  # closer than that the patient is on the way
TOLD_RECENTLY = timedelta(hours=12)  # who was told of the booking or its last change since then needs no reminder yet


def is_reminder_due(starts_at: datetime, *, told_at: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether a visit is to be reminded now: the last day before it, but not right after its confirmation."""
    reminded_from = (starts_at.astimezone(zone) - REMIND_BEFORE).astimezone(UTC)  # wall time, so 23 or 25 h
    return reminded_from <= now <= starts_at - REMIND_AT_LEAST and now - told_at >= TOLD_RECENTLY


# What a visit's own card offers in each state, the most likely step first. Steps are the paths under
# /appointments/<id>/.
_CARD_STEPS = {
    "pending": ("confirmation", "schedule", "cancellation"),
    "booked": ("arrival", "confirmation", "session", "schedule", "cancellation", "noshow"),
    "confirmed": ("arrival", "session", "schedule", "cancellation", "noshow"),
    "arrived": ("session", "check-in", "cancellation"),
    "checked-in": ("session", "cancellation"),
    "in-session": ("session/end",),
    "noshow": ("arrival",),
}


def main_step(state: str, *, days_from_today: int) -> str:
    """The most likely step of a visit in a state (a key of ``LABELS``); empty when there is none.

    On another day nobody arrives: what is to come can be moved, what is past did not happen.
    """
    if state in {"booked", "confirmed"}:
        return "arrival" if days_from_today == 0 else "schedule" if days_from_today > 0 else "noshow"
    return "" if state == "noshow" else next(iter(_CARD_STEPS.get(state, ())), "")


def card_steps(state: str, *, days_from_today: int, may_be_noshow: bool, can_undo: bool) -> list[str]:
    """The steps of the visit itself, the most likely first; a wrong entry can be corrected in every state."""
    first = main_step(state, days_from_today=days_from_today)
    allowed = {"noshow": may_be_noshow, "arrival": days_from_today == 0, "session": days_from_today <= 0}
    others = [step for step in _CARD_STEPS.get(state, ()) if step != first and allowed.get(step, True)]
    undo = ["undo"] if can_undo else []
    correction = [] if state == "entered-in-error" else ["error"]
    return [step for step in (first, *others, *undo, *correction) if step]


def may_undo(state: str, *, since: datetime, now: datetime, may_correct: bool) -> bool:
    """Whether "Deshacer" is worth showing: there is a way back and its time has not run out."""
    origin = "fulfilled" if state == "in-session" else state
    limits = [limit for (start, _goal), limit in UNDO.items() if start == origin]
    return bool(limits) and (may_correct or now - since <= max(limits))


# ------------------------------------------------------------------ weekly hours


@dataclass(frozen=True, slots=True)
class WeekShift:
    """A shift on a weekday (0 is Monday); minutes from local midnight, ``room_id`` where it is always the same."""

    weekday: int
    starts_minute: int
    ends_minute: int
    break_starts_minute: int | None = None
    break_ends_minute: int | None = None
    room_id: int | None = None


class BadWeek(Invalid):
    """``details`` has a sentence per weekday, ``"0"`` to ``"6"``."""

    code = "BAD_WEEK"


def check_week(shifts: Iterable[WeekShift], elsewhere: Iterable[WeekShift]) -> None:
    """Shifts of one therapist in one clinic, beside the ones in other clinics. Raises BadWeek."""
    others = list(elsewhere)
    wrong: dict[str, str] = {}
    for shift in shifts:
        sentence = _wrong_with(shift) or next((OVERLAPS for other in others if _overlap(shift, other)), "")
        if sentence:
            wrong.setdefault(str(shift.weekday), sentence)
        others.append(shift)
    if wrong:
        raise BadWeek(wrong)


OVERLAPS = N_("A esa hora ya atiende en otro turno o en otra sede.")


def _wrong_with(shift: WeekShift) -> str:
    if not 0 <= shift.starts_minute < shift.ends_minute <= 1440:
        return N_("La salida debe ser después de la entrada.")
    begins, ends = shift.break_starts_minute, shift.break_ends_minute
    if (begins is None) != (ends is None):
        return N_("Escriba el inicio y el fin del refrigerio, o ninguno.")
    if begins is not None and ends is not None and not shift.starts_minute < begins < ends < shift.ends_minute:
        return N_("El refrigerio debe caer dentro del turno.")
    return ""


def _overlap(one: WeekShift, other: WeekShift) -> bool:
    return (
        one.weekday == other.weekday and one.starts_minute < other.ends_minute and other.starts_minute < one.ends_minute
    )
