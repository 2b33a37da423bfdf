"""What the front desk offers on a visit: one step in plain sight, the others behind "⋯".

Steps are the paths under ``/appointments/<id>/``, except "payment" (of the ticket), "next" (the next visit) and
"patient" (the person's page).
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from app.scheduling.rules import menu
from app.scheduling.rules.periods import Period, Shift, subtract

WAIT_WARNING, WAIT_LATE = 10, 20  # minutes of waiting after the hour of the visit
SHORTEST_GAP = 10  # minutes between two visits that are worth putting a walk-in in
OVERTIME_LATE = 10  # minutes of a session after its planned end

_MENU = {
    "pending": ("schedule", "cancellation"),
    "booked": ("arrival", "confirmation", "session", "late-session", "schedule", "cancellation", "noshow"),
    "confirmed": ("arrival", "session", "late-session", "schedule", "cancellation", "noshow"),
    "arrived": ("check-in", "payment", "cancellation"),
    "checked-in": ("payment", "cancellation"),
    "in-session": ("payment", "next"),
    "fulfilled": ("payment", "next"),
    "noshow": ("arrival", "payment"),
}


def first_gap(shifts: Iterable[Shift], busy: Iterable[Period], *, now: datetime) -> tuple[datetime, int] | None:
    """The first free stretch from now on that is worth using: its start and its minutes, in whole steps of five."""
    for piece in subtract(shifts, [(visit.starts_at, visit.ends_at) for visit in busy]):
        starts_at = max(piece.starts_at, now)
        minutes = (piece.ends_at - starts_at) // timedelta(minutes=5) * 5
        if minutes >= SHORTEST_GAP:
            return starts_at, minutes
    return None


def desk_step(state: str, *, days_ahead: int, owes: bool, steps: Collection[str]) -> str:
    """The one action of a visit in a state (a key of ``scheduling.rules.LABELS``); empty when there is none."""
    if state == "fulfilled":
        return "payment" if owes else "next"
    if state in {"noshow", "cancelled"}:
        return "next"
    first = menu.main_step(state, days_ahead=days_ahead)
    return first if first in steps else ""


def desk_menu(state: str, *, days_ahead: int, owes: bool, steps: Collection[str]) -> tuple[str, ...]:
    """The other actions of a visit, without the one of ``desk_step``; ``steps`` are those that are open now."""
    first = desk_step(state, days_ahead=days_ahead, owes=owes, steps=steps)
    possible = {*steps, "next", *(("payment",) if owes else ())}
    others = [step for step in _MENU.get(state, ()) if step != first and step in possible]
    return (*others, *(("undo",) if "undo" in steps else ()), "patient")
