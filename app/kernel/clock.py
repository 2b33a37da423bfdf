"""Instants are aware UTC; days, hours and weekdays belong to a clinic's zone.

The clock is read once per request or job at the entry point and passed on as ``now``.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local(instant: datetime, zone_name: str) -> datetime:
    """The local time of a zone at an instant."""
    return instant.astimezone(zone(zone_name))


def local_day(instant: datetime, zone_name: str) -> date:
    return local(instant, zone_name).date()


def at(day: date, minutes: int, zone_name: str) -> datetime:
    """The UTC instant of ``minutes`` after local midnight in local time (570 is 09:30)."""
    midnight = datetime.combine(day, time.min)
    local_time = midnight + timedelta(minutes=minutes)
    return local_time.replace(tzinfo=zone(zone_name)).astimezone(UTC)


def day_bounds(day: date, zone_name: str) -> tuple[datetime, datetime]:
    """The half-open UTC period ``[start, end)`` of a local day; 23 or 25 hours where clocks change."""
    return at(day, 0, zone_name), at(day + timedelta(days=1), 0, zone_name)


def parse_instant(text: str, zone_name: str) -> datetime:
    """An ISO 8601 text as UTC; without an offset it is read in ``zone_name``.

    Raises ValueError when it is not a date and time.
    """
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone(zone_name))
    try:
        return value.astimezone(UTC)
    except OverflowError as error:  # the first and the last day of the calendar
        raise ValueError(text) from error
