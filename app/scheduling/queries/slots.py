"""Who works when, and what of it is free."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, or_, select

from app.clinics import queries as clinics
from app.clinics.queries import ClinicFacts
from app.kernel import clock
from app.kernel.db import db
from app.scheduling import rules
from app.scheduling.models import OCCUPYING, Appointment, TimeOff, WorkingHours
from app.scheduling.rules import Busy, Shift

LOOK_AHEAD_DAYS = 14


@dataclass(frozen=True, slots=True)
class Slot:
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


# Statements of the hot path are built once: composing one costs more than running it.
_WEEKLY = (
    select(
        WorkingHours.therapist_id,
        WorkingHours.room_id,
        WorkingHours.weekday,
        WorkingHours.starts_minute,
        WorkingHours.ends_minute,
        WorkingHours.break_starts_minute,
        WorkingHours.break_ends_minute,
        WorkingHours.valid_from,
        WorkingHours.valid_until,
    )
    .where(
        WorkingHours.clinic_id == bindparam("clinic_id"),
        WorkingHours.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
    )
    .order_by(WorkingHours.starts_minute)
)
_EXCEPTIONS = select(TimeOff.therapist_id, TimeOff.clinic_id, TimeOff.kind, TimeOff.starts_at, TimeOff.ends_at).where(
    TimeOff.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
    TimeOff.starts_at < bindparam("ends_at"),
    TimeOff.ends_at > bindparam("starts_at"),
)
_BUSY = select(Appointment.therapist_id, Appointment.room_id, Appointment.starts_at, Appointment.ends_at).where(
    or_(
        Appointment.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
        Appointment.room_id.in_(bindparam("room_ids", expanding=True)),
    ),
    Appointment.starts_at < bindparam("ends_at"),
    Appointment.starts_at > bindparam("day_before"),
    Appointment.ends_at > bindparam("starts_at"),
    Appointment.status.in_(OCCUPYING),
)


def shifts(
    clinic: ClinicFacts, therapist_ids: Collection[int], from_day: date, to_day: date
) -> dict[tuple[int, date], list[Shift]]:
    """The open periods of each therapist and day ``[from_day, to_day]``: weekly hours without breaks and
    absences, with extra shifts, and none on closed days. Three queries, whatever the range."""
    closed = clinics.closures(clinic.id, from_day, to_day + timedelta(days=1))
    weekly: dict[int, list[Row[Any]]] = {}
    for row in db.session.execute(_WEEKLY, {"clinic_id": clinic.id, "therapist_ids": list(therapist_ids)}):
        weekly.setdefault(row.therapist_id, []).append(row)
    start, _ = clock.day_bounds(from_day, clinic.timezone)
    _, end = clock.day_bounds(to_day, clinic.timezone)
    period = {"therapist_ids": list(therapist_ids), "starts_at": start, "ends_at": end}
    exceptions = db.session.execute(_EXCEPTIONS, period).all()
    found: dict[tuple[int, date], list[Shift]] = {}
    for offset in range((to_day - from_day).days + 1):
        day = from_day + timedelta(days=offset)
        opened, ended = clock.day_bounds(day, clinic.timezone)
        is_closed = day in closed or day.weekday() in clinic.closed_weekdays
        for therapist_id in therapist_ids:
            mine = [e for e in exceptions if e.therapist_id == therapist_id]
            extra = [
                Shift(e.starts_at, e.ends_at, None)
                for e in mine
                if e.kind == "extra" and e.clinic_id == clinic.id and opened <= e.starts_at < ended
            ]
            regular = (
                []
                if is_closed
                else [s for row in weekly.get(therapist_id, ()) for s in _pieces(row, day, clinic.timezone)]
            )
            absences = [(e.starts_at, e.ends_at) for e in mine if e.kind == "off"]
            pieces = sorted(rules.subtract([*regular, *extra], absences), key=lambda s: s.starts_at)
            if pieces:
                found[therapist_id, day] = pieces
    return found


def _pieces(row: Any, day: date, zone: str) -> Iterable[Shift]:
    if row.weekday != day.weekday():
        return
    if (row.valid_from and day < row.valid_from) or (row.valid_until and day >= row.valid_until):
        return
    marks = [row.starts_minute, row.ends_minute]
    if row.break_starts_minute is not None:
        marks[1:1] = [row.break_starts_minute, row.break_ends_minute]
    for start, end in zip(marks[::2], marks[1::2], strict=True):
        yield Shift(clock.at(day, start, zone), clock.at(day, end, zone), row.room_id)


def free(
    clinic: ClinicFacts,
    therapist_ids: Collection[int],
    from_day: date,
    to_day: date,
    *,
    duration_minutes: int,
    now: datetime,
    not_before: datetime | None = None,
    open_periods: dict[tuple[int, date], list[Shift]] | None = None,
) -> list[Slot]:
    """Every free slot of the length, by time and therapist. Busy rooms count as busy.

    Four queries (three when ``open_periods`` are known).
    """
    periods = shifts(clinic, therapist_ids, from_day, to_day) if open_periods is None else open_periods
    if not periods:
        return []
    rooms = {s.room_id for pieces in periods.values() for s in pieces if s.room_id is not None}
    start, _ = clock.day_bounds(from_day, clinic.timezone)
    _, end = clock.day_bounds(to_day, clinic.timezone)
    period = {
        "therapist_ids": list(therapist_ids),
        "room_ids": list(rooms),
        "day_before": start - timedelta(days=1),
        "starts_at": start,
        "ends_at": end,
    }
    busy = db.session.execute(_BUSY, period).all()
    by_therapist, by_room = _grouped(busy, 0), _grouped(busy, 1)
    slots: list[Slot] = []
    for (therapist_id, _day), pieces in periods.items():
        for piece in pieces:
            taken = [*by_therapist.get(therapist_id, ()), *by_room.get(piece.room_id, ())]
            starts = rules.free_starts(
                [piece],
                taken,
                duration=timedelta(minutes=duration_minutes),
                step=timedelta(minutes=clinic.slot_minutes),
                not_before=not_before or now,
            )
            slots.extend(Slot(s.starts_at, s.ends_at, therapist_id, clinic.id, s.room_id) for s in starts)
    return sorted(slots, key=lambda s: (s.starts_at, s.therapist_id))


def _grouped(busy: Sequence[Row[Any]], column: int) -> dict[int | None, list[Busy]]:
    """The busy periods by therapist (column 0) or room (column 1); no room is nobody's."""
    found: dict[int | None, list[Busy]] = {}
    for row in busy:
        if row[column] is not None:
            found.setdefault(row[column], []).append(Busy(row.starts_at, row.ends_at))
    return found


def nearest(
    clinic: ClinicFacts, therapist_id: int, wanted: datetime, *, duration_minutes: int, now: datetime, count: int = 3
) -> list[Slot]:
    """The free slots nearest to a wanted time: that day, else the next days; in order of time."""
    day = max(clock.local_day(wanted, clinic.timezone), clock.local_day(now, clinic.timezone))
    same_day = free(clinic, [therapist_id], day, day, duration_minutes=duration_minutes, now=now)
    if len(same_day) < count:
        rest = day + timedelta(days=1)
        until = rest + timedelta(days=LOOK_AHEAD_DAYS)
        same_day += free(clinic, [therapist_id], rest, until, duration_minutes=duration_minutes, now=now)
    chosen = sorted(same_day, key=lambda s: abs(s.starts_at - wanted))[:count]
    return sorted(chosen, key=lambda s: s.starts_at)
