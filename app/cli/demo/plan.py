"""Who comes when, and what became of it: the days of the demo before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.cli.demo import places
from app.cli.demo.context import FUTURE_DAYS, PAST_DAYS, ZONE, Moment
from app.cli.demo.people import CLARA, GLORIA, HOW_MANY
from app.cli.demo.places import BRUNO, HUGO, THERAPISTS, Worker
from app.kernel import clock

GRID = 15
FIRST_ARRIVAL = 7 * 60 + 15
LAST_CHECK_IN = 19 * 60 + 30  # loaded at night, the evening's visits still stand as they did then
# Of the visits under way, by therapist, and of the next ones in Miraflores: no column of the desk is empty.
UNDER_WAY = ("in-session", "in-session", "checked-in", "in-session", "in-session", "in-session")
WAITING = ("arrived", "checked-in", "arrived")


@dataclass
class Visit:
    """One visit. ``fate`` is its present state in the desk's words (``confirmed``, ``in-session``)."""

    therapist: Worker
    day: date
    minute: int
    service_id: int
    patient_id: int
    fate: str
    created_at: datetime
    origin: str
    id: int = 0

    @property
    def clinic_id(self) -> int:
        return self.therapist.clinic_id

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=places.service(self.service_id)[0])

    @property
    def price_cents(self) -> int:
        return places.service(self.service_id)[1]

    @property
    def starts_at(self) -> datetime:
        return clock.at(self.day, self.minute, ZONE)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.length


def visits(moment: Moment) -> list[Visit]:
    """Every visit in the order in which it was booked; that order gives the numbers."""
    pools = _pools(moment)
    found: list[Visit] = []
    for offset in range(-PAST_DAYS, FUTURE_DAYS + 1):
        day = moment.day(offset)
        if not places.is_open(day, moment):
            continue
        seen: set[int] = set()
        for person in THERAPISTS:
            if not (person.id == HUGO and day == places.absence(moment)):
                found += _day_of(person, offset, day, pools[person.id], seen, moment)
    _fill_waiting_room(found, moment)
    found.sort(key=lambda visit: visit.created_at)
    for number, visit in enumerate(found, start=1):
        visit.id = number
    return found


def _pools(moment: Moment) -> dict[int, list[int]]:
    """Each therapist's patients; Clara and Gloria have appointments of their own."""
    pools: dict[int, list[int]] = {person.id: [] for person in THERAPISTS}
    for patient in range(GLORIA + 1, HOW_MANY + 1):
        pools[moment.rng.randrange(len(THERAPISTS)) + 1].append(patient)
    return pools


def _day_of(person: Worker, offset: int, day: date, pool: list[int], seen: set[int], moment: Moment) -> Iterator[Visit]:
    """A therapist's day, as full as such a day is; a patient comes once a day at most."""
    regular = _regular(person, offset)
    if regular is not None:
        minute, service_id, patient_id = regular
        yield _visit(person, offset, day, minute, service_id, patient_id, moment, is_regular=True)
    for start, end in _free(person, regular):
        minute = start
        while minute < end:
            service_id = moment.rng.choice(person.services)
            minutes, _ = places.service(service_id)
            patient_id = moment.rng.choice(pool)
            if minute + minutes > end:
                break
            if not moment.chance(_fullness(offset)) or patient_id in seen:
                minute += GRID
                continue
            seen.add(patient_id)
            yield _visit(person, offset, day, minute, service_id, patient_id, moment)
            minute += -(-minutes // GRID) * GRID


def _regular(person: Worker, offset: int) -> tuple[int, int, int] | None:
    """Clara sees Bruno and Gloria sees Hugo once a week: ``(minute, service, patient)``."""
    if offset % 7 or not -49 <= offset <= 14:
        return None
    return {BRUNO: (16 * 60, 1, CLARA), HUGO: (17 * 60, 4, GLORIA)}.get(person.id)


def _free(person: Worker, regular: tuple[int, int, int] | None) -> Iterator[tuple[int, int]]:
    for start, end in person.shifts:
        if regular is None or not start <= regular[0] < end:
            yield start, end
            continue
        yield start, regular[0]
        yield regular[0] + places.service(regular[1])[0], end


def _fullness(offset: int) -> float:
    """How likely the next quarter of an hour is taken."""
    if offset <= 0:
        return 0.55 if offset else 0.7
    return max(0.05, 0.45 - 0.025 * offset)


def _visit(
    person: Worker,
    offset: int,
    day: date,
    minute: int,
    service_id: int,
    patient_id: int,
    moment: Moment,
    is_regular: bool = False,
) -> Visit:
    starts_at = clock.at(day, minute, ZONE)
    length = places.service(service_id)[0]
    fate = _fate(person, offset, minute, length, moment, is_regular=is_regular)
    origin = "online" if fate == "pending" or is_regular or moment.chance(0.2) else "desk"
    booked = min(starts_at, moment.now) - timedelta(minutes=moment.rng.randrange(90, 18 * 24 * 60))
    if fate in {"in-session", "checked-in", "arrived", "fulfilled"} and not is_regular and moment.chance(0.05):
        origin, booked = "walk-in", moment.until_now(starts_at) - timedelta(minutes=30)
    return Visit(person, day, minute, service_id, patient_id, fate, booked, origin)


def _fate(person: Worker, offset: int, minute: int, length: int, moment: Moment, *, is_regular: bool) -> str:
    if offset < 0:
        return "fulfilled" if is_regular else _past_fate(moment)
    if offset > 0:
        return "booked" if is_regular else _coming_fate(offset, moment)
    check_in = _check_in(moment)
    if minute + length + 5 <= check_in:
        return "fulfilled" if is_regular else _past_fate(moment)
    if minute <= check_in:
        return UNDER_WAY[person.id - 1]
    return "confirmed" if is_regular else _coming_fate(offset, moment)


def _check_in(moment: Moment) -> int:
    """How far the day of the demo has come, in minutes of local time."""
    local = clock.local(moment.now, ZONE)
    return min(local.hour * 60 + local.minute, LAST_CHECK_IN)


def _fill_waiting_room(visits: list[Visit], moment: Moment) -> None:
    """The next patients of Miraflores are here already, once the doors are open."""
    check_in = _check_in(moment)
    following = [
        visit
        for visit in visits
        if (visit.clinic_id, visit.day) == (places.MIRAFLORES, moment.today)
        and visit.minute > check_in
        and visit.fate in {"booked", "confirmed"}
    ]
    following.sort(key=lambda visit: visit.minute)
    for visit, fate in zip(following, WAITING, strict=False):
        if check_in >= FIRST_ARRIVAL:
            visit.fate = fate


def _past_fate(moment: Moment) -> str:
    return moment.rng.choices(("fulfilled", "noshow", "cancelled", "entered-in-error"), (81, 7, 11, 1))[0]


def _coming_fate(offset: int, moment: Moment) -> str:
    fates = ("booked", "confirmed", "pending", "cancelled", "proposed", "waitlist")
    return moment.rng.choices(fates, (64, 40 if offset < 3 else 8, 7, 8, 1 if offset else 0, 1 if offset else 0))[0]
