"""What stands in the way of a visit at a time: the length, the clock, the schedule, another visit.

Checked under the booking lock, so that the answer holds until the commit; the database's own guards
against overlaps are the last word.
"""

from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from app.clinics.queries import ClinicFacts
from app.kernel import clock
from app.kernel.access import Actor, can
from app.kernel.db import db
from app.kernel.errors import Conflict, Forbidden, RuleBroken
from app.kernel.i18n import N_
from app.scheduling import permissions, rules
from app.scheduling.queries import appointments as reads
from app.scheduling.queries import slots

DESK_LATENESS = timedelta(minutes=30)  # the desk may still book a visit that began a moment ago
LONGEST = timedelta(hours=8)


class AnothersVisit(Forbidden):
    message = N_("Es la cita de otro terapeuta; la cambia él o la recepción.")


class SlotTaken(Conflict):
    """Somebody else was faster; ``details['alternatives']`` are the nearest free slots."""

    code = "SLOT_TAKEN"
    message = N_("Esa hora se acaba de ocupar. Estas están libres: %(times)s.")


class NothingFree(SlotTaken):
    message = N_("Esa hora se acaba de ocupar y no hay otra libre en las próximas dos semanas.")


class PatientBusy(Conflict):
    code = "PATIENT_BUSY"
    message = N_("El paciente ya tiene una cita a esa hora.")


class JustTaken(SlotTaken):
    """The guard of the database spoke: somebody came between check and write."""

    message = N_("Esa hora se acaba de ocupar. Elija otra.")

    def __init__(self) -> None:
        super().__init__(details={"alternatives": []})


class BadDuration(RuleBroken):
    message = N_("La duración debe ser de 5 minutos o más, en pasos de 5, y de 8 horas como máximo.")


class OddStart(RuleBroken):
    """No form offers it: a visit that begins within a minute, or for a patient off the five minutes."""

    message = N_("Escriba una fecha y hora válidas.")


def length_of(minutes: int) -> timedelta:
    length = timedelta(minutes=minutes)
    if minutes < 5 or minutes % 5 or length > LONGEST:
        raise BadDuration
    return length


def check_whose(clinic_id: int, therapist_id: int, actor: Actor) -> None:
    """A therapist changes their own visits; the desk everybody's. Raises AnothersVisit."""
    if not reads.may_change(clinic_id, therapist_id, actor):
        raise AnothersVisit


def check_time(clinic: ClinicFacts, starts_at: datetime, *, now: datetime, by_patient: bool) -> None:
    if starts_at < (now if by_patient else now - DESK_LATENESS):
        raise rules.InThePast
    if starts_at.second or starts_at.microsecond or (by_patient and starts_at.minute % 5):
        raise OddStart
    if by_patient:
        rules.check_patient_notice(
            starts_at,
            now=now,
            today=clock.local_day(now, clinic.timezone),
            day=clock.local_day(starts_at, clinic.timezone),
            notice_minutes=clinic.notice_minutes,
            horizon_days=clinic.horizon_days,
        )


def check_schedule(
    clinic: ClinicFacts,
    therapist_id: int,
    starts_at: datetime,
    ends_at: datetime,
    *,
    override_reason: str,
    actor: Actor,
) -> int | None:
    """The room of the shift that holds the period; OutsideSchedule without one, unless overridden."""
    day = clock.local_day(starts_at, clinic.timezone)
    shift = rules.covers(
        slots.shifts(clinic, [therapist_id], day, day).get((therapist_id, day), []), starts_at, ends_at
    )
    if shift is not None:
        return shift.room_id
    if override_reason and can(actor, permissions.OVERRIDE, clinic.id):
        return None
    raise rules.OutsideSchedule


def check_free(
    clinic: ClinicFacts,
    starts_at: datetime,
    ends_at: datetime,
    therapist_id: int,
    patient_id: int,
    room_id: int | None,
    *,
    now: datetime,
    except_id: int | None = None,
) -> None:
    taken = reads.clash(
        starts_at=starts_at,
        ends_at=ends_at,
        therapist_id=therapist_id,
        patient_id=patient_id,
        room_id=room_id,
        except_id=except_id,
    )
    if taken is None:
        return
    if taken.therapist_id != therapist_id and taken.patient_id == patient_id:
        raise PatientBusy
    minutes = int((ends_at - starts_at).total_seconds() // 60)
    near = slots.nearest(clinic, therapist_id, starts_at, duration_minutes=minutes, now=now)
    raise slot_taken(near, clinic.timezone)


def slot_taken(near: list[slots.Slot], zone: str) -> SlotTaken:
    """The refusal with the nearest free slots, in words and for programs."""
    if not near:
        return NothingFree(details={"alternatives": []})
    one_day = len({clock.local_day(s.starts_at, zone) for s in near}) == 1
    form = "%H:%M" if one_day else "%d/%m %H:%M"
    times = ", ".join(clock.local(s.starts_at, zone).strftime(form) for s in near)
    alternatives = [{**s.as_json(), "starts_at": _z(s.starts_at), "ends_at": _z(s.ends_at)} for s in near]
    return SlotTaken(times=times, details={"alternatives": alternatives})


def _z(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def flush_or_taken() -> None:
    """Write what changed now, so that the database's guards against overlaps speak here. Raises SlotTaken."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise JustTaken from error
