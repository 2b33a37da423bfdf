"""What a visit's card offers: the steps of the table that are open to its reader now, the most likely first.

Steps are the paths under ``/appointments/<id>/``.
"""

from collections.abc import Collection
from datetime import timedelta

from app.scheduling.rules import EXPECTED, REQUESTS, Status
from app.scheduling.rules.transitions import (
    Caller,
    Facts,
    Task,
    Who,
    allowed,
    has_way_back,
    may_reopen,
)

ARRIVES_WITHIN = timedelta(hours=2)  # so long before its hour a visit's patient may well be there

TARGETS = {
    "confirmation": Status.BOOKED,
    "arrival": Status.ARRIVED,
    "check-in": Status.CHECKED_IN,
    "session": Status.FULFILLED,
    "noshow": Status.NOSHOW,
    "cancellation": Status.CANCELLED,
    "error": Status.ENTERED_IN_ERROR,
}
_CARD_STEPS = {
    "proposed": ("confirmation", "schedule", "cancellation"),
    "waitlist": ("confirmation", "schedule", "cancellation"),
    "pending": ("confirmation", "schedule", "cancellation"),
    "booked": ("arrival", "confirmation", "session", "late-session", "schedule", "cancellation", "noshow"),
    "confirmed": ("arrival", "session", "late-session", "schedule", "cancellation", "noshow"),
    "arrived": ("session", "check-in", "cancellation"),
    "checked-in": ("session", "cancellation"),
    "in-session": ("session/end",),
    "noshow": ("arrival",),
}
_STAFF = (Who.DESK, Who.THERAPIST)


def open_steps(state: str, facts: Facts, caller: Caller) -> frozenset[str]:
    """The steps that this caller may take now with a visit in ``state`` (a key of ``LABELS``)."""
    reachable = allowed(facts, caller)
    steps = {step for step, target in TARGETS.items() if target in reachable}
    if facts.status == Status.BOOKED and "session" in steps and facts.days_ahead < 0:
        steps = steps - {"session"} | {"late-session"}  # a paper day: it asks for a reason
    if facts.status in (*EXPECTED, *REQUESTS) and caller.is_one_of(_STAFF, Task.BOOK):
        steps.add("schedule")
        steps |= {"confirmation"} if facts.status == Status.BOOKED else set()
    if state == "in-session" and caller.is_one_of(_STAFF, Task.ATTEND):
        steps.add("session/end")
    if state == "fulfilled":
        may_undo = may_reopen(caller, finished_at=facts.since, now=facts.now) is None
    else:
        may_undo = has_way_back(facts, caller)
    return frozenset(steps | {"undo"} if may_undo else steps)


def main_step(state: str, *, days_ahead: int) -> str:
    """The most likely step of a visit in a state; empty when there is none.

    On another day no arrival: an upcoming visit can be moved, a past one did not take place.
    """
    if state in {"booked", "confirmed"}:
        return "arrival" if days_ahead == 0 else "schedule" if days_ahead > 0 else "noshow"
    return "" if state == "noshow" else next(iter(_CARD_STEPS.get(state, ())), "")


def card_steps(state: str, *, days_ahead: int, is_soon: bool = True, steps: Collection[str]) -> list[str]:
    """The open steps of the visit itself, the most likely first: hours ahead nobody arrives, whoever asks moves it."""
    first = main_step(state, days_ahead=days_ahead)
    if first == "arrival" and not is_soon:
        first = "schedule"
    ordered = [first, *(step for step in _CARD_STEPS.get(state, ()) if step != first), "undo", "error"]
    return [step for step in ordered if step in steps]
