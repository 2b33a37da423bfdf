"""What the weekly hours of a therapist may be."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.kernel.errors import Invalid
from app.kernel.i18n import N_


@dataclass(frozen=True, slots=True)
class WeekShift:
    """A shift on a weekday (0 is Monday); minutes from local midnight, ``room_id`` where it is always the same."""

    weekday: int
    starts_minute: int
    ends_minute: int
    break_starts_minute: int | None = None
    break_ends_minute: int | None = None
    room_id: int | None = None


class InvalidWeek(Invalid):
    """``details`` has a sentence per weekday, ``"0"`` to ``"6"``."""

    code = "BAD_WEEK"


def check_week(shifts: Iterable[WeekShift], elsewhere: Iterable[WeekShift]) -> None:
    """Shifts of one therapist in one clinic, beside the ones in other clinics. Raises InvalidWeek."""
    others = list(elsewhere)
    wrong: dict[str, str] = {}
    for shift in shifts:
        sentence = _wrong_with(shift) or next((OVERLAPS for other in others if _overlap(shift, other)), "")
        if sentence:
            wrong.setdefault(str(shift.weekday), sentence)
        others.append(shift)
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


def _overlap(one: WeekShift, other: WeekShift) -> bool:
    return (
        one.weekday == other.weekday and one.starts_minute < other.ends_minute and other.starts_minute < one.ends_minute
    )
