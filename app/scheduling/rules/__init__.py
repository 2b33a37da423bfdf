"""States of a visit, its transitions and reminders. Pure functions on values; the clock comes in as ``now``.

When a visit may begin is decided in ``rules.calendar`` and ``rules.booking``, what weekly hours may be in
``rules.week``. The machine is FHIR's appointment status (R4) with the desk's words on top; the patient's confirmation
is a field of its own, the session is an encounter. Leaving a final state needs one of the undo rows.
"""

from datetime import UTC, datetime, time, timedelta
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
OPEN = (Status.PROPOSED, Status.PENDING, Status.BOOKED, Status.ARRIVED, Status.CHECKED_IN)  # not over yet
TREATING = (*OCCUPYING, Status.NOSHOW)  # make the therapist the patient's: neither cancelled nor written in error
EXCLUDED = (Status.ENTERED_IN_ERROR,)  # never shown and in no statistic

CHANNEL_LABELS = {  # how a change of a visit reached us (`Actor.channel`)
    "desk": N_("en recepción"),
    "online": N_("por Internet"),
    "api": N_("desde otro sistema"),
    "job": N_("automático"),
}
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

# From → to: plain steps, for every actor with the permission of the transition.
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

# Reasons in the history of what leaves the status as it is.
CONFIRMED, FINISHED, REOPENED = "confirmed", "finished", "reopened"

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


class NoticeTooShort(RuleBroken):
    message = N_("Faltan menos de %(hours)s horas: para cambiar o cancelar, llame a la clínica.")


def invalid_transition(status: str) -> InvalidTransition:
    """The refusal of a step that a visit in this state cannot take."""
    return InvalidTransition(state=LABELS[status], details={"allowed": allowed_from(status), "status": status})


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

    ``since`` is when the present state began. Guards that need to know more (today, grace, slot) stand in the actions
    that read it.
    """
    start, goal = Status(origin), Status(target)
    if goal in STEPS.get(start, ()):
        return False
    limit = UNDO.get((start, goal))
    if limit is None:
        raise invalid_transition(start)
    if now - since > limit and not may_correct:
        raise TooLateToUndo(details={"allowed": allowed_from(start), "status": str(start)})
    if has_payment and goal == Status.BOOKED and start in {Status.ARRIVED, Status.CHECKED_IN}:
        raise HasPayment
    return True


def may_patient_change(starts_at: datetime, *, now: datetime, notice_hours: int) -> bool:
    return starts_at - now >= timedelta(hours=notice_hours)


REMIND_BEFORE = timedelta(hours=24)  # on the clinic's wall clock: a 10:00 visit is reminded at 10:00 the day before
REMIND_AT_LEAST = timedelta(hours=1)  # no reminder closer to the start than this
RECENT_NOTICE = timedelta(hours=12)  # no reminder within this time of the last notice
QUIET_FROM, QUIET_UNTIL = time(21), time(8)  # at night, on the clinic's wall clock, nobody is reminded


def is_reminder_due(starts_at: datetime, *, told_at: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether a visit is to be reminded now: the last day before it, but neither right after its confirmation nor at
    night."""
    local = now.astimezone(zone).time()
    if local >= QUIET_FROM or local < QUIET_UNTIL:
        return False
    reminded_from = (starts_at.astimezone(zone) - REMIND_BEFORE).astimezone(UTC)  # wall time, so 23 or 25 h
    return reminded_from <= now <= starts_at - REMIND_AT_LEAST and now - told_at >= RECENT_NOTICE


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

    On another day no arrival: an upcoming visit can be moved, a past one did not take place.
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


def check_reopening(finished_at: datetime, *, now: datetime, may_correct: bool) -> None:
    """The end of a session is undone as fast as its start. Raises TooLateToUndo."""
    if now - finished_at > UNDO[Status.FULFILLED, Status.CHECKED_IN] and not may_correct:
        raise TooLateToUndo


def status_before(status: str, previous: str | None) -> Status:
    """Where an undo leads; ``previous`` is the status before this one. A session goes back to checked-in whatever came
    before it, and nothing goes back to waiting for the clinic's approval."""
    if status == Status.FULFILLED:
        return Status.CHECKED_IN
    before = Status(previous) if previous else Status.BOOKED
    return Status.BOOKED if before == Status.PENDING else before


def may_undo(state: str, *, since: datetime, now: datetime, may_correct: bool) -> bool:
    """Whether "Deshacer" is worth showing: there is a way back and its time has not run out."""
    origin = "fulfilled" if state == "in-session" else state
    limits = [limit for (start, _goal), limit in UNDO.items() if start == origin]
    return bool(limits) and (may_correct or now - since <= max(limits))
