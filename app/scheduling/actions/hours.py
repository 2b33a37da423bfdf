"""Actions: a therapist's weekly hours in a clinic, absences and extra shifts. Booked visits stay booked."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, insert

from app.clinics import permissions as clinics_permissions
from app.clinics import queries as clinics
from app.clinics.profiles import therapist_id_of
from app.kernel import clock, outbox
from app.kernel.access import Actor, can, require
from app.kernel.db import db, lock
from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.i18n import N_
from app.scheduling import events, permissions
from app.scheduling.models import TimeOff, WorkingHours
from app.scheduling.queries import hours
from app.scheduling.rules.week import WeekShift, check_week


def set_hours(therapist_id: int, clinic_id: int, shifts: Sequence[WeekShift], *, actor: Actor, now: datetime) -> None:
    """Replace the weekly hours of a therapist in a clinic as a whole.

    Raises InvalidWeek for a shift that overlaps another, here or in another clinic; NotFound for what is foreign.
    """
    _check_reach(therapist_id, clinic_id, actor)
    rooms = {room.id for room in clinics.rooms_of(clinic_id)}
    if any(shift.room_id not in rooms | {None} for shift in shifts):
        raise Invalid({"room_id": N_("Esta sala no es de la sede.")})
    lock("working-hours", therapist_id)  # concurrent writes of two clinics for the same hours
    zone = clinics.clinic(clinic_id).timezone
    today = clock.local_day(now, zone)
    check_week(shifts, hours.elsewhere(therapist_id, clinic_id), zone=zone, today=today)
    db.session.execute(
        delete(WorkingHours).where(WorkingHours.therapist_id == therapist_id, WorkingHours.clinic_id == clinic_id)
    )
    if shifts:
        rows = [{"therapist_id": therapist_id, "clinic_id": clinic_id, **asdict(shift)} for shift in shifts]
        db.session.execute(insert(WorkingHours), rows)
    _record_changed(therapist_id, clinic_id, actor=actor, now=now)


def add_time_off(
    therapist_id: int,
    clinic_id: int,
    *,
    kind: str,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    """Take hours away (``off``, in every clinic) or add a shift (``extra``, in this one); returns its id."""
    _check_reach(therapist_id, clinic_id, actor)
    if kind not in ("off", "extra"):
        raise Invalid({"kind": N_("Elija ausencia o turno extra.")})
    return _add_exception(
        therapist_id, clinic_id, kind=kind, starts_at=starts_at, ends_at=ends_at, reason=reason, actor=actor, now=now
    )


class VisitsInTheWay(Conflict):
    message = N_("Hay citas en ese tiempo. Muévalas primero, o bloquee solo las horas libres.")


def block_time(
    therapist_id: int,
    clinic_id: int,
    *,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    """Take free hours of a therapist away; returns the id of the absence.

    Therapists block their own hours, the desk those of its clinic. Raises NotFound for others, VisitsInTheWay.
    """
    _check_may_block(therapist_id, clinic_id, actor)
    if hours.has_visits(therapist_id, starts_at, ends_at):
        raise VisitsInTheWay
    return _add_exception(
        therapist_id, clinic_id, kind="off", starts_at=starts_at, ends_at=ends_at, reason=reason, actor=actor, now=now
    )


def unblock_time(time_off_id: int, *, actor: Actor, now: datetime) -> None:
    """Give the hours of an absence back. Raises NotFound."""
    hours.blocked_time(time_off_id, actor=actor)
    row = db.session.get_one(TimeOff, time_off_id)
    _check_may_block(row.therapist_id, row.clinic_id, actor)
    db.session.delete(row)
    _record_changed(row.therapist_id, row.clinic_id, actor=actor, now=now, period=row)


def _check_may_block(therapist_id: int, clinic_id: int, actor: Actor) -> None:
    require(actor, permissions.BLOCK_HOURS, clinic_id)
    is_own = therapist_id == therapist_id_of(actor)
    if not is_own and not can(actor, permissions.ANY_THERAPIST, clinic_id):
        raise NotFound
    if all(person.id != therapist_id for person in clinics.therapists_of(clinic_id)):
        raise NotFound


def _add_exception(
    therapist_id: int,
    clinic_id: int,
    *,
    kind: str,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    if ends_at <= starts_at:
        raise Invalid({"ends_at": N_("El fin debe ser después del inicio.")})
    if ends_at <= now:
        raise Invalid({"ends_at": N_("Ya pasó. Elija un momento por venir.")})
    row = TimeOff(
        therapist_id=therapist_id,
        clinic_id=clinic_id,
        kind=kind,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip()[:120],
    )
    db.session.add(row)
    db.session.flush()  # flush for the primary key
    _record_changed(therapist_id, clinic_id, actor=actor, now=now, period=row)
    return row.id


def remove_time_off(time_off_id: int, *, actor: Actor, now: datetime) -> TimeOff:
    """Delete an absence or extra shift; returns the deleted row. Raises NotFound."""
    row = db.session.get(TimeOff, time_off_id)
    if row is None:
        raise NotFound
    _check_reach(row.therapist_id, row.clinic_id, actor)
    db.session.delete(row)
    _record_changed(row.therapist_id, row.clinic_id, actor=actor, now=now, period=row)
    return row


def _check_reach(therapist_id: int, clinic_id: int, actor: Actor) -> None:
    """The actor manages hours in this clinic and sees this therapist. Raises NotFound."""
    if clinic_id not in actor.clinics_with(permissions.MANAGE_HOURS):
        raise NotFound
    require(actor, permissions.MANAGE_HOURS, clinic_id)
    clinics.lists.therapist(therapist_id, actor, clinics_permissions.MANAGE_THERAPISTS)


def _record_changed(
    therapist_id: int, clinic_id: int, *, actor: Actor, now: datetime, period: TimeOff | None = None
) -> None:
    zone = clinics.clinic(clinic_id).timezone
    event = events.HoursChanged(
        therapist_id=therapist_id,
        first_day=clock.local_day(period.starts_at, zone) if period else None,
        last_day=clock.local_day(period.ends_at, zone) if period else None,
    )
    outbox.record(event, actor=actor, now=now, clinic_id=clinic_id, subject_id=therapist_id)
