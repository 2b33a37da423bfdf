"""The agenda: a day with its therapists across, or a therapist's week with its days across.

Read for every refresh of every screen, so Core rows, plain values and no query per card. A row of the grid
is five minutes; ``row`` counts from the first hour shown.
"""

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, func, select

from app.billing.queries import tickets
from app.clinics import queries as clinics
from app.clinics.models import Service, therapist_service
from app.clinics.queries import ClinicView, TherapistView
from app.kernel import clock
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.patients.models import Patient
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments, sight, slots, visit_rows
from app.scheduling.queries.sight import Sight
from app.scheduling.queries.visit_rows import select_visits
from app.scheduling.rules.calendar import Calendar, open_periods
from app.scheduling.rules.periods import Shift

STEP = 5  # minutes in a row of the grid
MAX_LANES = 4
FREED = frozenset({"cancelled", "noshow"})
TAKEN = "taken"  # the state of a card of others
PRESENT = ("arrived", "checked-in", "fulfilled")  # states in which an unpaid balance is marked
MINUTE = timedelta(minutes=1)
Column = tuple[int, date]  # therapist and day
Timed = tuple[int, Any]  # a minute of the local day and what begins there: a shift or a row of a visit


class AgendaCard(NamedTuple):
    """A visit in the grid; ``place`` are the classes that put it there (docs/design.md, Agenda).

    Of a visit that the actor does not see whole (``sight``) ``state`` is ``taken``; ``patient`` is empty unless the
    clinic shows names, ``service`` is.
    """

    id: int
    place: str
    time: str
    patient: str
    service: str
    state: str
    owes: bool
    is_first: bool


class Block(NamedTuple):
    """Hours taken out of the therapist's week; ``id`` is 0 and ``reason`` empty for whom it is not to know."""

    row: int
    length: int
    time: str
    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One column: a therapist on a day."""

    therapist_id: int
    name: str
    day: date
    room: str
    count: int
    cards: list[AgendaCard]
    free: list[tuple[int, str]]  # row and hour of each free start that the actor may book
    closed: list[tuple[int, int]]  # row and length
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Agenda:
    lanes: list[Lane]
    hours: list[tuple[int, str]]
    slot_rows: int
    now_row: int | None
    now_time: str
    days: list[date]


_VISITS = (
    select_visits(
        *visit_rows.STATE,
        *visit_rows.KEYS,
        Appointment.is_first_visit,
        Patient.full_name,
        Service.name.label("service"),
        Service.colour,
    )
    .where(
        Appointment.clinic_id == bindparam("clinic_id"),
        Appointment.starts_at >= bindparam("starts_at"),
        Appointment.starts_at < bindparam("ends_at"),
        Appointment.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
        Appointment.status.not_in(rules.EXCLUDED),
    )
    .order_by(Appointment.starts_at, Appointment.id)
)


def of_day(
    clinic: ClinicView,
    day: date,
    people: Sequence[TherapistView],
    *,
    actor: Actor,
    now: datetime,
    with_freed: bool = False,
) -> Agenda:
    """A local day: a column per therapist with a shift or a visit. Eight queries. Raises Forbidden.

    ``with_freed`` shows the visits that were cancelled or missed too, beside what took their time.
    """
    return _agenda(clinic, people, [day], actor=actor, now=now, only_busy=len(people) > 1, with_freed=with_freed)


def of_week(
    clinic: ClinicView,
    monday: date,
    person: TherapistView,
    *,
    actor: Actor,
    now: datetime,
    with_freed: bool = False,
) -> Agenda:
    """Seven days of one therapist. Eight queries, as a day. Raises Forbidden."""
    days = [monday + timedelta(days=offset) for offset in range(7)]
    return _agenda(clinic, [person], days, actor=actor, now=now, only_busy=False, with_freed=with_freed)


def _agenda(
    clinic: ClinicView,
    people: Sequence[TherapistView],
    days: list[date],
    *,
    actor: Actor,
    now: datetime,
    only_busy: bool,
    with_freed: bool,
) -> Agenda:
    require(actor, permissions.READ, clinic.id)
    seen = sight.of_actor(actor)
    zone, ids = clinic.timezone, [person.id for person in people]
    calendar = slots.calendar(clinic, ids, days[0], days[-1])
    shifts = _shifts(calendar, ids, days)
    rooms = {room.id: room.name for room in clinics.rooms_of(clinic.id)}
    visits = _visits(clinic, ids, days, seen, with_freed=with_freed)
    debts = _debts(row for _, row in itertools.chain(*visits.values()) if seen.is_whole(row))
    bookable = [id_ for id_ in ids if appointments.may_change(clinic.id, id_, actor)]
    starts = _free_starts(calendar, clinic, bookable, days, now=now)
    first, last = _hours_shown(clinic, shifts, visits)
    lanes = [
        Lane(
            therapist_id=person.id,
            name=person.name,
            day=day,
            room=_room(shifts.get((person.id, day), ()), rooms),
            count=sum(1 for _, row in visits.get((person.id, day), ()) if row.status not in FREED),
            cards=_cards(visits.get((person.id, day), []), debts, first, seen),
            free=[((minute - first) // STEP, _clock(minute)) for minute in starts.get((person.id, day), ())],
            closed=_closed(shifts.get((person.id, day), ()), first, last, zone),
            blocks=_blocks(calendar, person.id, day, first, last, with_reason=seen.sees_agenda(clinic.id, person.id)),
        )
        for day in days
        for person in people
        if not only_busy or (person.id, day) in shifts or (person.id, day) in visits
    ]
    wall = clock.local(now, zone)
    minute = wall.hour * 60 + wall.minute
    shows_now = wall.date() in days and first <= minute < last
    return Agenda(
        lanes=lanes,
        hours=[((minute - first) // STEP, _clock(minute)) for minute in range(first, last, 60)],
        slot_rows=clinic.slot_minutes // STEP,
        now_row=(minute - first) // STEP if shows_now else None,
        now_time=_clock(minute),
        days=days,
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _visits(
    clinic: ClinicView, therapist_ids: list[int], days: list[date], seen: Sight, *, with_freed: bool
) -> dict[Column, list[Timed]]:
    """The visits of each column with their minute of the day, by time; of others' only those that take time."""
    start, _ = clock.day_bounds(days[0], clinic.timezone)
    _, end = clock.day_bounds(days[-1], clinic.timezone)
    wanted = {"clinic_id": clinic.id, "therapist_ids": therapist_ids, "starts_at": start, "ends_at": end}
    found: dict[Column, list[Timed]] = {}
    for row in db.session.execute(_VISITS, wanted):
        shown = with_freed or row.status not in FREED if seen.is_whole(row) else sight.takes_time(row.status)
        if not shown:
            continue
        wall = clock.local(row.starts_at, clinic.timezone)
        found.setdefault((row.therapist_id, wall.date()), []).append((wall.hour * 60 + wall.minute, row))
    return found


def _debts(rows: Iterable[Row[Any]]) -> frozenset[int]:
    """The visits of people who are here or were, and have not paid all of it."""
    states = tickets.of_appointments([row.id for row in rows if row.status in PRESENT])
    return frozenset(appointment_id for appointment_id, ticket in states.items() if ticket.owed_cents > 0)


def _shifts(calendar: Calendar, therapist_ids: list[int], days: list[date]) -> dict[Column, list[Shift]]:
    """The open periods of each column that has any."""
    periods = {(id_, day): open_periods(calendar, id_, day) for id_ in therapist_ids for day in days}
    return {column: shifts for column, shifts in periods.items() if shifts}


_SHORTEST = (
    select(therapist_service.c.therapist_id, func.min(Service.duration_minutes))
    .join(Service, Service.id == therapist_service.c.service_id)
    .where(
        Service.clinic_id == bindparam("clinic_id"),
        Service.is_active.is_(True),
        therapist_service.c.therapist_id.in_(bindparam("therapist_ids", expanding=True)),
    )
    .group_by(therapist_service.c.therapist_id)
)


def _free_starts(
    calendar: Calendar, clinic: ClinicView, therapist_ids: list[int], days: list[date], *, now: datetime
) -> dict[Column, list[int]]:
    """The minutes of the day at which the shortest service of each therapist could begin."""
    shortest = db.session.execute(_SHORTEST, {"clinic_id": clinic.id, "therapist_ids": therapist_ids})
    found: dict[Column, list[int]] = {}
    for therapist_id, minutes in shortest.tuples():
        free = slots.free_in(calendar, [therapist_id], days, duration_minutes=minutes, is_self=False, now=now)
        for slot in free:
            wall = clock.local(slot.starts_at, clinic.timezone)
            found.setdefault((therapist_id, wall.date()), []).append(wall.hour * 60 + wall.minute)
    return found


def _hours_shown(
    clinic: ClinicView, shifts: dict[Column, list[Shift]], visits: dict[Column, list[Timed]]
) -> tuple[int, int]:
    """The clinic's hours, extended to shifts and visits outside them, in whole hours."""
    periods = [(_minute(s.starts_at, clinic.timezone), s) for s in itertools.chain(*shifts.values())]
    periods += itertools.chain(*visits.values())
    first = min([clinic.opens_minute, *(minute for minute, _ in periods)]) // 60 * 60
    last = -(-max([clinic.closes_minute, *(minute + _minutes(p) for minute, p in periods)]) // 60) * 60
    return first, min(last, 24 * 60)


def _minute(instant: datetime, zone: str) -> int:
    wall = clock.local(instant, zone)
    return wall.hour * 60 + wall.minute


def _minutes(period: Any) -> int:
    return (period.ends_at - period.starts_at) // MINUTE


def _room(shifts: Collection[Shift], names: dict[int, str]) -> str:
    return ", ".join(dict.fromkeys(names[s.room_id] for s in shifts if s.room_id in names))


def _closed(shifts: Collection[Shift], first: int, last: int, zone: str) -> list[tuple[int, int]]:
    """The periods of the shown hours without a shift."""
    stretches, at = [], first
    for shift in shifts:
        start = _minute(shift.starts_at, zone)
        if start > at:
            stretches.append(((at - first) // STEP, (start - at) // STEP))
        at = start + _minutes(shift)
    if at < last:
        stretches.append(((at - first) // STEP, (last - at) // STEP))
    return stretches


def _blocks(
    calendar: Calendar, therapist_id: int, day: date, first: int, last: int, *, with_reason: bool
) -> list[Block]:
    """The absences that begin, end or go on in the hours shown of a day."""
    zone = calendar.clinic.timezone
    start, end = clock.day_bounds(day, zone)
    blocks = []
    for absence in calendar.exceptions.get(therapist_id, ()):
        if absence.kind != "off" or absence.ends_at <= start or absence.starts_at >= end:
            continue
        begins = max(first, _minute(absence.starts_at, zone) if absence.starts_at > start else first)
        ends = min(last, _minute(absence.ends_at, zone) if absence.ends_at < end else last)
        if begins < ends:
            is_here = absence.clinic_id == calendar.clinic.id
            known = (absence.id if is_here else 0, absence.reason) if with_reason else (0, "")
            blocks.append(Block((begins - first) // STEP, max(1, (ends - begins) // STEP), _clock(begins), *known))
    return blocks


def _cards(visits: list[Timed], debts: frozenset[int], first: int, seen: Sight) -> list[AgendaCard]:
    lanes = _lanes([row for _, row in visits])
    cards = []
    for minute, row in visits:
        if not seen.is_whole(row):
            cards.append(_taken(row, minute, first, with_name=row.clinic_id in seen.with_names))
            continue
        state = rules.label_of(row.status, row.confirmation, row.encounter_status)
        cards.append(
            AgendaCard(
                id=row.id,
                place=f"svc-{row.colour} {_place(state, minute - first, _minutes(row), *lanes[row.id])}",
                time=_clock(minute),
                patient=row.full_name,
                service=row.service,
                state=state,
                owes=row.id in debts,
                is_first=row.is_first_visit,
            )
        )
    return cards


def _taken(row: Row[Any], minute: int, first: int, *, with_name: bool) -> AgendaCard:
    return AgendaCard(
        id=row.id,
        place=_place(TAKEN, minute - first, _minutes(row), 1, 1),
        time=_clock(minute),
        patient=row.full_name if with_name else "",
        service="",
        state=TAKEN,
        owes=False,
        is_first=False,
    )


def _place(state: str, begins: int, minutes: int, lane: int, lanes: int) -> str:
    size = " appt-short appt-tiny" if minutes < 20 else " appt-short" if minutes < 40 else ""
    beside = f" of-{lanes} lane-{lane}" if lanes > 1 else ""
    return f"state-{state} r{begins // STEP} n{max(1, minutes // STEP)}{size}{beside}"


def _lanes(rows: list[Row[Any]]) -> dict[int, tuple[int, int]]:
    """Where cards stand side by side. What holds its time is at the left; what freed it leaves room there,
    for the visit that took the time or for the free slot."""
    placed: dict[int, tuple[int, int]] = {}
    freed = [row for row in rows if row.status in FREED]
    ends: list[datetime] = []  # of the last card in each lane right of the first
    for row in freed:
        lane = next((i for i, end in enumerate(ends) if end <= row.starts_at), len(ends))
        lane = min(lane, MAX_LANES - 2)
        ends[lane : lane + 1] = [row.ends_at]
        placed[row.id] = (lane + 2, 0)
    lanes = min(len(ends) + 1, MAX_LANES)
    for row in freed:
        placed[row.id] = (placed[row.id][0], lanes)
    for row in rows:
        if row.status not in FREED:
            beside = any(other.starts_at < row.ends_at and row.starts_at < other.ends_at for other in freed)
            placed[row.id] = (1, lanes if beside else 1)
    return placed
