"""Days and instants as they are written."""

from datetime import UTC, datetime

import pytest

from app.kernel import clock

NEW_YORK = "America/New_York"


NO_DAYS = ("", "0", "86400", "20261124", "2026-W48-2", "2026-02-30", "0001-01-01", "9999-12-31", 0)


@pytest.mark.parametrize("text", NO_DAYS)
def test_what_is_no_day(text: object) -> None:
    with pytest.raises(clock.BadDay):
        clock.parse_day(text)


@pytest.mark.parametrize("text", ["2026-11-24", "86400", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00", "10:30"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(clock.BadTime):
        clock.parse_instant(text, "America/Lima")


def test_a_local_time_that_does_not_exist_or_exists_twice() -> None:
    with pytest.raises(clock.NoSuchTime):
        clock.parse_instant("2027-03-14T02:30", NEW_YORK)
    with pytest.raises(clock.AmbiguousTime):
        clock.parse_instant("2027-11-07T01:30", NEW_YORK)
    second = clock.parse_instant("2027-11-07T01:30-05:00", NEW_YORK)
    assert second == datetime(2027, 11, 7, 6, 30, tzinfo=UTC)
    assert clock.parse_instant("2027-03-14T03:00", NEW_YORK) == datetime(2027, 3, 14, 7, 0, tzinfo=UTC)


def test_without_a_zone_an_offset_is_needed() -> None:
    assert clock.parse_instant("2026-11-24T10:30-05:00") == datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
    with pytest.raises(clock.BadTime):
        clock.parse_instant("2026-11-24T10:30")
