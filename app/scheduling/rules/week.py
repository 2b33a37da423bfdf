"""What the weekly hours of a therapist may be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.kernel import clock
from app.kernel.errors import Invalid
from app.kernel.i18n import N_

WEEKS = 53


@dataclass(frozen=True, slots=True)
class WeekShift:
    """A shift on a weekday (0 is Monday); minutes from local midnight, ``room_id`` where it is always the same."""

    weekday: int
    starts_minute: int
    ends_minute: int
    break_starts_minute: int | None = None
    break_ends_minute: int | None = None
    room_id: int | None = None


@dataclass(frozen=True, slots=True)
class ZonedShift:
    """A shift in the zone of its clinic."""

    shift: WeekShift
    zone: str


class InvalidWeek(Invalid):
    """``details`` has a sentence per weekday, ``"0"`` to ``"6"``."""

    code = "BAD_WEEK"


def check_week(shifts: Iterable[WeekShift], elsewhere: Iterable[ZonedShift], *, zone: str, today: date) -> None:
    """Shifts of one therapist in a clinic of ``zone``, beside the ones in other clinics. Raises InvalidWeek.

    Between zones instants are compared, over a year from ``today``: clocks change on different days.
    """
    others = list(elsewhere)
    wrong: dict[str, str] = {}
    for shift in shifts:
        mine = ZonedShift(shift, zone)
        sentence = _wrong_with(shift) or (OVERLAPS if any(_overlap(mine, other, today) for other in others) else "")
        if sentence:
            wrong.setdefault(str(shift.weekday), sentence)
        others.append(mine)
    if wrong:
        raise InvalidWeek(wrong)


OVERLAPS = N_("A esa hora ya atiende en otro turno o en otra sede.")


def _wrong_with(shift: WeekShift) -> str:
    if not 0 <= shift.starts_minute < shift.ends_minute <= 1440:
        return N_("La salida debe ser después de la entrada.")
    begins, ends = shift.break_starts_minute, shift.break_ends_minute
    if (begins is None) != (ends is None):
        return N_("Escriba el inicio y el fin del refrigerio, o ninguno.")
    if begins is not None and ends is not None and not shift.starts_minute < begins < ends < shift.ends_minute:
        return N_("El refrigerio debe caer dentro del turno.")
    return ""


def _overlap(one: ZonedShift, other: ZonedShift, today: date) -> bool:
    a, b = one.shift, other.shift
    if one.zone == other.zone:
        return a.weekday == b.weekday and a.starts_minute < b.ends_minute and b.starts_minute < a.ends_minute
    monday = today - timedelta(days=today.weekday())
    return any(_overlap_in_week(one, other, monday + timedelta(weeks=n)) for n in range(WEEKS))


def _overlap_in_week(one: ZonedShift, other: ZonedShift, monday: date) -> bool:
    """Whether a shift of this week overlaps one of this week, of its eve or of the day after it."""
    starts_at, ends_at = _instants(one, monday)
    around = (_instants(other, monday + timedelta(weeks=n)) for n in (-1, 0, 1))
    return any(start < ends_at and starts_at < end for start, end in around)


def _instants(zoned: ZonedShift, monday: date) -> tuple[datetime, datetime]:
    day, shift = monday + timedelta(days=zoned.shift.weekday), zoned.shift
    return clock.at(day, shift.starts_minute, zoned.zone), clock.at(day, shift.ends_minute, zoned.zone)
