"""Instants are aware UTC; days, hours and weekdays belong to a clinic's zone.

The clock is read once per request or job at the entry point and passed on as ``now``.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import ClassVar
from zoneinfo import ZoneInfo

from app.kernel.i18n import N_

FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2199, 12, 31)  # what people may type; earlier and later is a mistake
DAY_LETTERS = len("2026-11-24")


class BadTime(ValueError):
    """A text that is no day or instant; ``text`` says why."""

    text: ClassVar[str] = N_("Escriba una fecha y hora como 2026-11-24T10:30:00-05:00.")


class BadDay(BadTime):
    text = N_("Escriba una fecha como 2026-11-24.")


class NoSuchTime(BadTime):
    """Clocks are put forward over this time."""

    text = N_("Esa hora no existe ese día, porque cambia la hora. Elija otra.")


class AmbiguousTime(BadTime):
    """Clocks are put back over this time."""

    text = N_("Esa hora ocurre dos veces ese día. Indique el desfase, por ejemplo 2026-11-24T10:30:00-05:00.")


def now() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=64)
def five_minutes(instant: datetime) -> datetime:
    """An instant rounded down to five minutes."""
    return instant.replace(minute=instant.minute - instant.minute % 5, second=0, microsecond=0)


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


def parse_day(text: object) -> date:
    """A day written like ``2026-11-24``. Raises BadDay for all else: numbers, weeks, days far away."""
    if not isinstance(text, str) or len(text) != DAY_LETTERS:
        raise BadDay(text)
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadDay(text) from error
    if not FIRST_DAY <= day <= LAST_DAY or text != day.isoformat():
        raise BadDay(text)
    return day


def parse_instant(text: str, zone_name: str | None = None) -> datetime:
    """An ISO 8601 text as UTC; without an offset it is read in ``zone_name``, where there is one.

    Raises BadTime when it is not a date and time, NoSuchTime and AmbiguousTime for local times that do not exist on
    their day or exist twice.
    """
    try:
        parse_day(text[:DAY_LETTERS])
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTime(text) from error
    if len(text) <= DAY_LETTERS:  # a day alone
        raise BadTime(text)
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    if zone_name is None:
        raise BadTime(text)
    return _of_wall_clock(value, zone(zone_name))


def _of_wall_clock(value: datetime, zone: ZoneInfo) -> datetime:
    first, second = (value.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    if first < second:
        raise AmbiguousTime(value.isoformat())
    raise NoSuchTime(value.isoformat())
