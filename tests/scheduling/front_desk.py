"""Visits of a Friday in Miraflores, told by times of the day; it is 10:00."""

from datetime import date

from tests import build
from tests.build import NOW, TODAY, at

__all__ = ["NOW", "TODAY", "add_visit", "at", "open_till"]


def add_visit(
    starts: str,
    status: str = "booked",
    *,
    day: date = TODAY,
    arrived: str = "",
    started: str = "",
    finished: str = "",
    **options: object,
) -> int:
    """``build.visit`` of ``day`` with times such as ``"09:30"``; returns its id."""
    return build.visit(
        at(starts, day),
        status=status,
        arrived_at=at(arrived, day) if arrived else None,
        started_at=at(started, day) if started else None,
        finished_at=at(finished, day) if finished else None,
        **options,
    )


def open_till() -> int:
    """The till session of the day."""
    return build.till_session(opened_at=at("08:00"))
