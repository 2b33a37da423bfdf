"""Periods ``[starts_at, ends_at)`` in UTC."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar


class Period(Protocol):
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...


P = TypeVar("P", bound=Period)


class Shift(NamedTuple):
    """A stretch of work in a room or none."""

    starts_at: datetime
    ends_at: datetime
    room_id: int | None


def subtract(shifts: Iterable[Shift], taken: Iterable[tuple[datetime, datetime]]) -> list[Shift]:
    """The shifts without the taken periods; pieces stay in order."""
    pieces = list(shifts)
    for start, end in taken:
        cut: list[Shift] = []
        for piece in pieces:
            if start >= piece.ends_at or end <= piece.starts_at:
                cut.append(piece)
                continue
            if piece.starts_at < start:
                cut.append(Shift(piece.starts_at, start, piece.room_id))
            if end < piece.ends_at:
                cut.append(Shift(end, piece.ends_at, piece.room_id))
        pieces = cut
    return pieces


def covering(shifts: Iterable[Shift], starts_at: datetime, ends_at: datetime) -> list[Shift]:
    """The shifts that hold the whole period."""
    return [shift for shift in shifts if shift.starts_at <= starts_at and ends_at <= shift.ends_at]


def first_clash(periods: Iterable[P], starts_at: datetime, ends_at: datetime) -> P | None:
    """A period that overlaps ``[starts_at, ends_at)``, if one does."""
    return next((period for period in periods if period.starts_at < ends_at and starts_at < period.ends_at), None)
