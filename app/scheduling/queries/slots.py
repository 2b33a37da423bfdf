"""The hours and visits of therapists, read as a ``Calendar``; what is free in it is computed by ``rules.calendar``."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import TypeVar

from sqlalchemy import bindparam, or_, select

from app.clinics import queries as clinics
from app.clinics.queries import ClinicView
from app.kernel import clock
from app.kernel.access import Actor, can
from app.kernel.db import db, let_others_run
from app.patients.profiles import patient_id_of
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment, TimeOff, WorkingHours
from app.scheduling.rules.calendar import Calendar, HoursException, OccupyingVisit, Slot, WeeklyHours, free_slots

NO_ID = -1  # no row has it

T = TypeVar("T", WeeklyHours, HoursException)

# Statements of the hot path are built once: composing one costs more than running it.
_WEEKLY = (
    select(*(getattr(WorkingHours, name) for name in WeeklyHours._fields))
    .where(
        WorkingHours.clinic_id == bindparam("clinic_id"),
        WorkingHours.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
    )
    .order_by(WorkingHours.starts_minute)
)
_EXCEPTIONS = select(*(getattr(TimeOff, name) for name in HoursException._fields)).where(
    TimeOff.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
    TimeOff.starts_at < bindparam("ends_at"),
    TimeOff.ends_at > bindparam("starts_at"),
)
_VISITS = select(*(getattr(Appointment, name) for name in OccupyingVisit._fields)).where(
    or_(
        Appointment.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
        Appointment.room_id.in_(bindparam("room_ids", expanding=True)),
        Appointment.patient_id == bindparam("patient_id"),
    ),
    Appointment.starts_at < bindparam("ends_at"),
    Appointment.starts_at > bindparam("day_before"),  # no visit is longer; lets the index end the scan
    Appointment.ends_at > bindparam("starts_at"),
    Appointment.status.in_(rules.OCCUPYING),
)


def calendar(
    clinic: ClinicView,
    therapist_ids: Collection[int],
    from_day: date,
    to_day: date,
    *,
    patient_id: int | None = None,
    room_id: int | None = None,
) -> Calendar:
    """The local days ``[from_day, to_day]`` of the therapists: hours, exceptions, closed days and the visits that
    occupy them, their rooms (and ``room_id``) or the patient. Four queries, whatever the range."""
    weekly = _by_therapist(
        WeeklyHours._make(row)
        for row in db.session.execute(_WEEKLY, {"clinic_id": clinic.id, "therapist_ids": list(therapist_ids)})
    )
    starts_at, _ = clock.day_bounds(from_day, clinic.timezone)
    _, ends_at = clock.day_bounds(to_day, clinic.timezone)
    period = {"therapist_ids": list(therapist_ids), "starts_at": starts_at, "ends_at": ends_at}
    exceptions = _by_therapist(HoursException._make(row) for row in db.session.execute(_EXCEPTIONS, period))
    rooms = {hours.room_id for rows in weekly.values() for hours in rows} | {room_id}
    visits = db.session.execute(
        _VISITS,
        {
            **period,
            "room_ids": [room for room in rooms if room is not None],
            "patient_id": patient_id or NO_ID,
            "day_before": starts_at - timedelta(days=1),
        },
    )
    closed_days = clinics.closures(clinic.id, from_day, to_day + timedelta(days=1))
    return Calendar(
        clinic=clinic,
        last=to_day,
        closed_days=frozenset(closed_days),
        weekly=weekly,
        exceptions=exceptions,
        visits=[OccupyingVisit._make(row) for row in visits],
    )


def _by_therapist(rows: Iterable[T]) -> dict[int, list[T]]:
    groups: dict[int, list[T]] = {}
    for row in rows:
        groups.setdefault(row.therapist_id, []).append(row)
    return groups


def books_for_self(clinic_id: int, actor: Actor) -> bool:
    """Whether the actor books in this clinic as a patient: within the notice and the horizon."""
    return patient_id_of(actor) is not None and not can(actor, permissions.BOOK, clinic_id)


def free(
    clinic: ClinicView,
    therapist_ids: Collection[int],
    from_day: date,
    to_day: date,
    *,
    duration_minutes: int,
    is_self: bool,
    now: datetime,
    patient_id: int | None = None,
) -> list[Slot]:
    """Every free slot of the length that may be booked, by time and therapist; busy rooms count as busy, and so does
    the patient where one is known.

    ``is_self`` for what patients may book themselves. Four queries.
    """
    days = [from_day + timedelta(days=offset) for offset in range((to_day - from_day).days + 1)]
    found = calendar(clinic, therapist_ids, from_day, to_day, patient_id=patient_id)
    return free_in(
        found, therapist_ids, days, duration_minutes=duration_minutes, is_self=is_self, now=now, patient_id=patient_id
    )


def free_in(
    calendar: Calendar,
    therapist_ids: Collection[int],
    days: Iterable[date],
    *,
    duration_minutes: int,
    is_self: bool,
    now: datetime,
    patient_id: int | None = None,
) -> list[Slot]:
    """The free slots of these days in a calendar, by time and therapist."""
    length = timedelta(minutes=duration_minutes)
    slots: list[Slot] = []
    for day in days:
        let_others_run()
        for therapist_id in therapist_ids:
            slots += free_slots(calendar, therapist_id, day, length, now, is_self=is_self, patient_id=patient_id)
    return sorted(slots, key=lambda slot: (slot.starts_at, slot.therapist_id))
