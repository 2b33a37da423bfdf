"""Who comes when, and what became of it: the days of the demo before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.clinics import demo as clinics
from app.clinics.demo import BRUNO, HUGO, THERAPISTS, DemoTherapist
from app.kernel import clock
from app.kernel.demo import DemoContext
from app.patients import demo as patients
from app.patients.demo import CLARA, GLORIA
from app.scheduling.demo.hours import day_off
from app.tenancy.demo import MIRAFLORES, ZONE

PAST_DAYS, FUTURE_DAYS = 60, 21

GRID = 15
FIRST_ARRIVAL = 7 * 60 + 15
LAST_CHECK_IN = 19 * 60 + 30  # loaded at night, the evening's visits still stand as they did then
# Of the visits under way, by therapist, and of the next ones in Miraflores: no column of the desk is empty.
UNDER_WAY = ("in-session", "in-session", "checked-in", "in-session", "in-session", "in-session")
WAITING = ("arrived", "checked-in", "arrived")


@dataclass
class PlannedVisit:
    """One visit. ``state`` is its present state in the desk's words (``confirmed``, ``in-session``)."""

    therapist: DemoTherapist
    day: date
    minute: int
    service_id: int
    patient_id: int
    state: str
    created_at: datetime
    origin: str
    id: int = 0

    @property
    def clinic_id(self) -> int:
        return self.therapist.clinic_id

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=clinics.service_minutes(self.service_id))

    @property
    def price_cents(self) -> int:
        return clinics.service_cents(self.service_id)

    @property
    def starts_at(self) -> datetime:
        return clock.at(self.day, self.minute, ZONE)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.length


def planned_visits(context: DemoContext) -> list[PlannedVisit]:
    """Every visit in the order in which it was booked; that order gives the numbers."""
    pools = _pools(context)
    planned: list[PlannedVisit] = []
    for offset in range(-PAST_DAYS, FUTURE_DAYS + 1):
        day = context.today + timedelta(days=offset)
        if not clinics.is_open(day, context):
            continue
        seen: set[int] = set()
        for therapist in THERAPISTS:
            if not (therapist.id == HUGO and day == day_off(context)):
                planned += _day_of(therapist, offset, day, pools[therapist.id], seen, context)
    _fill_waiting_room(planned, context)
    planned.sort(key=lambda visit: visit.created_at)
    for number, visit in enumerate(planned, start=1):
        visit.id = number
    return planned


def _pools(context: DemoContext) -> dict[int, list[int]]:
    """Each therapist's patients; Clara and Gloria have appointments of their own."""
    pools: dict[int, list[int]] = {therapist.id: [] for therapist in THERAPISTS}
    for patient in range(GLORIA + 1, patients.COUNT + 1):
        pools[context.random.randrange(len(THERAPISTS)) + 1].append(patient)
    return pools


def _day_of(
    therapist: DemoTherapist, offset: int, day: date, pool: list[int], seen: set[int], context: DemoContext
) -> Iterator[PlannedVisit]:
    """A therapist's day, as full as such a day is; a patient comes once a day at most."""
    regular = _regular(therapist, offset)
    if regular is not None:
        minute, service_id, patient_id = regular
        yield _visit(therapist, offset, day, minute, service_id, patient_id, context, is_regular=True)
    for start, end in _free(therapist, regular):
        minute = start
        while minute < end:
            service_id = context.random.choice(therapist.services)
            minutes = clinics.service_minutes(service_id)
            patient_id = context.random.choice(pool)
            if minute + minutes > end:
                break
            if not context.chance(_fullness(offset)) or patient_id in seen:
                minute += GRID
                continue
            seen.add(patient_id)
            yield _visit(therapist, offset, day, minute, service_id, patient_id, context)
            minute += -(-minutes // GRID) * GRID


def _regular(therapist: DemoTherapist, offset: int) -> tuple[int, int, int] | None:
    """Clara sees Bruno and Gloria sees Hugo once a week: ``(minute, service, patient)``."""
    if offset % 7 or not -49 <= offset <= 14:
        return None
    return {BRUNO: (16 * 60, 1, CLARA), HUGO: (17 * 60, 4, GLORIA)}.get(therapist.id)


def _free(therapist: DemoTherapist, regular: tuple[int, int, int] | None) -> Iterator[tuple[int, int]]:
    for start, end in therapist.shifts:
        if regular is None or not start <= regular[0] < end:
            yield start, end
            continue
        yield start, regular[0]
        yield regular[0] + clinics.service_minutes(regular[1]), end


def _fullness(offset: int) -> float:
    """How likely the next quarter of an hour is taken."""
    if offset <= 0:
        return 0.55 if offset else 0.7
    return max(0.05, 0.45 - 0.025 * offset)


def _visit(
    therapist: DemoTherapist,
    offset: int,
    day: date,
    minute: int,
    service_id: int,
    patient_id: int,
    context: DemoContext,
    is_regular: bool = False,
) -> PlannedVisit:
    starts_at = clock.at(day, minute, ZONE)
    length = clinics.service_minutes(service_id)
    state = _state(therapist, offset, minute, length, context, is_regular=is_regular)
    origin = "online" if state == "pending" or is_regular or context.chance(0.2) else "desk"
    ago = context.random.randrange(90, 18 * 24 * 60)
    ago = min(ago, 20 * 60) if state == "pending" else ago  # an older request would have expired
    booked = min(starts_at, context.now) - timedelta(minutes=ago)
    if state in {"in-session", "checked-in", "arrived", "fulfilled"} and not is_regular and context.chance(0.05):
        origin, booked = "walk-in", context.not_after_now(starts_at) - timedelta(minutes=30)
    return PlannedVisit(therapist, day, minute, service_id, patient_id, state, booked, origin)


def _state(
    therapist: DemoTherapist, offset: int, minute: int, length: int, context: DemoContext, *, is_regular: bool
) -> str:
    if offset < 0:
        return "fulfilled" if is_regular else _past_state(context)
    if offset > 0:
        return "booked" if is_regular else _coming_state(offset, context)
    check_in = _check_in(context)
    if minute + length + 5 <= check_in:
        return "fulfilled" if is_regular else _past_state(context)
    if minute <= check_in:
        return UNDER_WAY[therapist.id - 1]
    return "confirmed" if is_regular else _coming_state(offset, context)


def _check_in(context: DemoContext) -> int:
    """How far the day of the demo has come, in minutes of local time."""
    local = clock.local(context.now, ZONE)
    return min(local.hour * 60 + local.minute, LAST_CHECK_IN)


def _fill_waiting_room(visits: list[PlannedVisit], context: DemoContext) -> None:
    """The next patients of Miraflores are here already, once the doors are open."""
    check_in = _check_in(context)
    following = [
        visit
        for visit in visits
        if (visit.clinic_id, visit.day) == (MIRAFLORES, context.today)
        and visit.minute > check_in
        and visit.state in {"booked", "confirmed"}
    ]
    following.sort(key=lambda visit: visit.minute)
    for visit, state in zip(following, WAITING, strict=False):
        if check_in >= FIRST_ARRIVAL:
            visit.state = state


def _past_state(context: DemoContext) -> str:
    return context.random.choices(("fulfilled", "noshow", "cancelled", "entered-in-error"), (81, 7, 11, 1))[0]


def _coming_state(offset: int, context: DemoContext) -> str:
    states = ("booked", "confirmed", "pending", "cancelled", "proposed", "waitlist")
    return context.random.choices(states, (64, 40 if offset < 3 else 8, 7, 8, 1 if offset else 0, 1 if offset else 0))[
        0
    ]
