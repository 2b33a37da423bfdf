"""What is offered can be booked, and what is refused is not offered: both come from one decision."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.kernel import clock
from app.kernel.errors import DomainError
from app.scheduling.rules.booking import BookingContext, BookingRequest, OwnBookings, plan_booking
from app.scheduling.rules.calendar import Calendar, HoursException, OccupyingVisit, Slot, WeeklyHours, free_slots

ZONE = "America/Lima"
DAY = date(2026, 11, 24)  # a Tuesday
NOW = clock.at(DAY, 8 * 60, ZONE)
THERAPIST, OTHER_THERAPIST, PATIENT, SERVICE = 1, 2, 1, 1


@dataclass(frozen=True)
class Policy:
    id: int = 1
    timezone: str = ZONE
    closed_weekdays: frozenset[int] = frozenset({6})
    slot_minutes: int = 15
    notice_minutes: int = 60
    horizon_days: int = 1
    change_notice_hours: int = 24
    auto_confirm: bool = True
    open_visits_limit: int = 5


def instant(minute: int) -> datetime:
    return clock.at(DAY, minute, ZONE)


@st.composite
def hours(draw: st.DrawFn) -> WeeklyHours:
    starts = draw(st.integers(0, 1300))
    ends = draw(st.integers(starts + 40, 1440))
    rest: tuple[int | None, int | None] = (None, None)
    if draw(st.booleans()):
        begins = draw(st.integers(starts + 1, ends - 2))
        rest = (begins, draw(st.integers(begins + 1, ends - 1)))
    room = draw(st.sampled_from([None, 1, 2]))
    return WeeklyHours(THERAPIST, room, DAY.weekday(), starts, ends, *rest, None, None)


@st.composite
def exceptions(draw: st.DrawFn) -> HoursException:
    starts = draw(st.integers(0, 1400))
    ends = draw(st.integers(starts + 1, 1440))
    kind, clinic = draw(st.sampled_from(["off", "extra"])), draw(st.sampled_from([1, 2]))
    return HoursException(THERAPIST, clinic, kind, instant(starts), instant(ends))


@st.composite
def visits(draw: st.DrawFn) -> OccupyingVisit:
    starts = draw(st.integers(0, 1400))
    therapist, room = draw(st.sampled_from([THERAPIST, OTHER_THERAPIST])), draw(st.sampled_from([None, 1, 2]))
    return OccupyingVisit(7, therapist, 99, room, instant(starts), instant(starts + draw(st.integers(5, 90))))


policies = st.builds(
    Policy,
    slot_minutes=st.sampled_from([5, 10, 15, 20, 30, 60]),
    notice_minutes=st.sampled_from([0, 7, 60, 600]),
    horizon_days=st.sampled_from([0, 1, 30]),
    closed_weekdays=st.sampled_from([frozenset({6}), frozenset({DAY.weekday()})]),
)
calendars = st.builds(
    lambda policy, weekly, extra, busy, closed: Calendar(
        clinic=policy,
        last=DAY + timedelta(days=1),
        closed_days=frozenset({DAY}) if closed else frozenset(),
        weekly={THERAPIST: weekly},
        exceptions={THERAPIST: extra},
        visits=busy,
    ),
    policies,
    st.lists(hours(), max_size=3),
    st.lists(exceptions(), max_size=2),
    st.lists(visits(), max_size=8),
    st.integers(0, 9).map(lambda number: number == 0),
)
lengths = st.sampled_from([5, 30, 45, 90])
moments = st.integers(-600, 900).map(lambda minutes: NOW + timedelta(minutes=minutes))


def refusal(calendar: Calendar, starts_at: datetime, minutes: int, now: datetime, *, is_self: bool) -> str:
    """The refusal of a booking, by its class; empty when it is accepted."""
    context = BookingContext(
        clinic=calendar.clinic,
        organization_id=1,
        currency="PEN",
        tax_rate_bp=1800,
        service_name="Masaje",
        service_minutes=minutes,
        price_cents=8000,
        is_first_visit=False,
        own=OwnBookings(0, 0, NOW) if is_self else None,
        may_override=False,
        calendar=calendar,
    )
    try:
        plan = plan_booking(context, BookingRequest(1, THERAPIST, PATIENT, SERVICE, starts_at), now)
    except DomainError as error:
        return type(error).__name__
    assert plan.ends_at - plan.starts_at == timedelta(minutes=minutes)
    return ""


def offered(calendar: Calendar, minutes: int, now: datetime, *, is_self: bool) -> list[Slot]:
    return list(free_slots(calendar, THERAPIST, DAY, timedelta(minutes=minutes), now, is_self=is_self))


@given(calendars, lengths, moments, st.booleans())
def test_every_offered_slot_can_be_booked(calendar: Calendar, minutes: int, now: datetime, is_self: bool) -> None:
    for slot in offered(calendar, minutes, now, is_self=is_self):
        assert refusal(calendar, slot.starts_at, minutes, now, is_self=is_self) == ""


@given(calendars, lengths, moments, st.integers(0, 1439))
def test_a_start_that_is_refused_is_not_offered(calendar: Calendar, minutes: int, now: datetime, minute: int) -> None:
    starts_at = instant(minute)
    if refusal(calendar, starts_at, minutes, now, is_self=True):
        assert starts_at not in {slot.starts_at for slot in offered(calendar, minutes, now, is_self=True)}


@given(calendars, lengths, moments)
def test_a_start_on_the_grid_that_is_accepted_is_offered(calendar: Calendar, minutes: int, now: datetime) -> None:
    week = sorted(calendar.weekly[THERAPIST], key=lambda hours: (hours.weekday, hours.starts_minute))
    overlapping = [b for a, b in pairwise(week) if a.weekday == b.weekday and b.starts_minute < a.ends_minute]
    assume(not overlapping)  # the hours' page refuses them: the grid of one is not that of the other
    found = {slot.starts_at for slot in offered(calendar, minutes, now, is_self=True)}
    periods = (
        {hours.starts_minute for hours in calendar.weekly[THERAPIST]} if not calendar.exceptions[THERAPIST] else ()
    )
    for starts_at in (instant(minute) for minute in periods):
        if not refusal(calendar, starts_at, minutes, now, is_self=True):
            assert starts_at in found


def calendar_of(*busy: OccupyingVisit, **settings: int) -> Calendar:
    week = [WeeklyHours(THERAPIST, 1, DAY.weekday(), 540, 780, None, None, None, None)]
    return Calendar(Policy(**settings), DAY, frozenset(), {THERAPIST: week}, {}, busy)


@pytest.mark.parametrize(
    ("minute", "is_self", "name"),
    [
        (7 * 60, True, "InThePast"),
        (7 * 60 + 45, False, "OutsideSchedule"),
        (9 * 60 + 1, True, "NotOffered"),
        (9 * 60 + 5, True, "NotOffered"),
        (9 * 60 + 1, False, ""),
        (8 * 60 + 30, True, "TooSoon"),
        (12 * 60 + 30, True, "NotOffered"),
        (10 * 60, True, "SlotTaken"),
        (11 * 60, True, ""),
    ],
)
def test_each_refusal_has_its_reason(minute: int, is_self: bool, name: str) -> None:
    calendar = calendar_of(OccupyingVisit(7, THERAPIST, 99, 1, instant(600), instant(630)))
    assert refusal(calendar, instant(minute), 45, NOW, is_self=is_self) == name


def test_the_rooms_and_the_patients_other_visits_count() -> None:
    in_room = calendar_of(OccupyingVisit(7, OTHER_THERAPIST, 99, 1, instant(600), instant(630)))
    assert refusal(in_room, instant(600), 45, NOW, is_self=False) == "SlotTaken"
    of_patient = calendar_of(OccupyingVisit(7, OTHER_THERAPIST, PATIENT, 2, instant(600), instant(630)))
    assert refusal(of_patient, instant(600), 45, NOW, is_self=False) == "PatientBusy"


def test_the_horizon_ends_with_its_day() -> None:
    week = [WeeklyHours(THERAPIST, 1, day, 540, 780, None, None, None, None) for day in range(6)]
    calendar = Calendar(Policy(horizon_days=1), DAY + timedelta(days=2), (), {THERAPIST: week}, {}, ())
    tomorrow, after = DAY + timedelta(days=1), DAY + timedelta(days=2)
    assert refusal(calendar, clock.at(tomorrow, 540, ZONE), 45, NOW, is_self=True) == ""
    assert refusal(calendar, clock.at(after, 540, ZONE), 45, NOW, is_self=True) == "TooFar"
    assert refusal(calendar, clock.at(after, 540, ZONE), 45, NOW, is_self=False) == ""


def test_instants_are_utc() -> None:
    slot = offered(calendar_of(), 45, NOW, is_self=True)[0]
    assert (slot.starts_at, slot.room_id) == (datetime(2026, 11, 24, 14, 0, tzinfo=UTC), 1)
