"""Decisions about time and states, without a database."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from app.scheduling import rules
from app.scheduling.rules.calendar import free_starts
from app.scheduling.rules.periods import Shift, subtract

NINE = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


def minutes(value: int) -> timedelta:
    return timedelta(minutes=value)


class Busy(NamedTuple):
    starts_at: datetime
    ends_at: datetime


def starts(shifts: list[Shift], busy: list[Busy], *, duration: int = 45, step: int = 15) -> list[int]:
    found = [start for shift in shifts for start in free_starts(shift, busy, minutes(duration), minutes(step))]
    return [int((start - NINE).total_seconds() // 60) for start in found]


def test_free_starts_stay_inside_the_shift_and_around_visits() -> None:
    morning = Shift(NINE, NINE + minutes(120), 1)
    assert starts([morning], []) == [0, 15, 30, 45, 60, 75]
    assert starts([morning], [Busy(NINE + minutes(30), NINE + minutes(60))]) == [60, 75]


def test_a_visit_off_the_grid_pushes_to_the_next_line() -> None:
    morning = Shift(NINE, NINE + minutes(120), 1)
    assert starts([morning], [Busy(NINE, NINE + minutes(50))]) == [60, 75]


periods = st.tuples(st.integers(0, 400), st.integers(5, 90)).map(
    lambda p: Busy(NINE + minutes(p[0]), NINE + minutes(p[0] + p[1]))
)


@given(st.lists(periods, max_size=12), st.sampled_from([5, 15, 20, 30]), st.sampled_from([15, 30, 45, 60]))
def test_no_free_start_overlaps_a_visit_and_none_is_missed(busy: list[Busy], step: int, duration: int) -> None:
    shift = Shift(NINE, NINE + minutes(480), None)
    found = set(starts([shift], busy, duration=duration, step=step))
    taken = [
        (int((b.starts_at - NINE).total_seconds() // 60), int((b.ends_at - NINE).total_seconds() // 60)) for b in busy
    ]
    expected = {
        start
        for start in range(0, 480 - duration + 1, step)
        if not any(a < start + duration and start < b for a, b in taken)
    }
    assert found == expected


def test_subtract_cuts_absences_out() -> None:
    day = [Shift(NINE, NINE + minutes(480), 7)]
    pieces = subtract(day, [(NINE + minutes(60), NINE + minutes(120)), (NINE + minutes(450), NINE + minutes(600))])
    assert [(p.starts_at, p.ends_at, p.room_id) for p in pieces] == [
        (NINE, NINE + minutes(60), 7),
        (NINE + minutes(120), NINE + minutes(450), 7),
    ]


def test_the_desk_sees_confirmation_and_session_beside_the_status() -> None:
    assert rules.label_of("booked", "accepted", None) == "confirmed"
    assert rules.label_of("fulfilled", "needs-action", "in-progress") == "in-session"
    assert rules.label_of("fulfilled", "needs-action", "finished") == "fulfilled"
