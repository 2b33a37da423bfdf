"""States of a visit and its reminders. Pure functions on values; the clock comes in as ``now``.

Which state may follow which is the table of ``rules.transitions``, what menus offer follows from it in ``rules.menu``.
When a visit may begin is decided in ``rules.calendar`` and ``rules.booking``, what weekly hours may be in
``rules.week``. The states are FHIR's appointment status (R4) with the desk's words on top; the patient's confirmation
is a field of its own, the session is an encounter. Leaving a final state needs one of the undo rows.
"""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.kernel.errors import Invalid, RuleBroken
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
REQUESTS = (Status.PROPOSED, Status.WAITLIST)  # take no time until they are accepted
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


REASONS_OF_WHO_IS_HERE = ("left-without-being-seen", "clinic")


def reasons_to_cancel(status: str) -> list[str]:
    """The keys of ``CANCEL_REASONS`` that a person may give for a visit in this state."""
    if status in {Status.ARRIVED, Status.CHECKED_IN}:
        return list(REASONS_OF_WHO_IS_HERE)
    return [code for code in CANCEL_REASONS if code not in {"expired", "left-without-being-seen"}]


class UnknownCancelReason(RuleBroken):
    """``details['reasons']`` are the codes that this visit can be cancelled with."""

    message = N_("Elija un motivo de la lista: %(codes)s.")
    field = "reason"


def check_cancel_reason(reason: str, status: str, *, is_system: bool) -> None:
    """Raises UnknownCancelReason. ``expired`` is for the system alone."""
    codes = [*reasons_to_cancel(status), *(["expired"] if is_system else [])]
    if reason not in codes:
        raise UnknownCancelReason(details={"reasons": codes}, codes=", ".join(codes))


class NoticeTooShort(RuleBroken):
    message = N_("Faltan menos de %(hours)s horas: para cambiar o cancelar, llame a la clínica.")


class ReasonMissing(RuleBroken):
    message = N_("Indique el motivo.")
    field = "reason"


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
