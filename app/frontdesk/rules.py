"""What the front desk offers on a visit: one step in plain sight, the others behind "⋯".

Steps are the paths under ``/appointments/<id>/``, except "payment" (of the ticket), "next" (the next visit) and
"patient" (the person's page).
"""

from app.scheduling import rules as scheduling

WAIT_WARNING, WAIT_LATE = 10, 20  # minutes of waiting after the hour of the visit
OVERTIME_LATE = 10  # minutes of a session after its planned end

_MENU = {
    "pending": ("schedule", "cancellation"),
    "booked": ("arrival", "confirmation", "session", "schedule", "cancellation", "noshow"),
    "confirmed": ("arrival", "session", "schedule", "cancellation", "noshow"),
    "arrived": ("check-in", "payment", "cancellation"),
    "checked-in": ("payment", "cancellation"),
    "in-session": ("payment", "next"),
    "fulfilled": ("payment", "next"),
    "noshow": ("arrival",),
}


def desk_step(state: str, *, days_from_today: int, owes: bool) -> str:
    """The one action of a visit in a state (a key of ``scheduling.rules.LABELS``); empty when there is none."""
    if state == "fulfilled":
        return "payment" if owes else "next"
    if state in {"noshow", "cancelled"}:
        return "next"
    return scheduling.main_step(state, days_from_today=days_from_today)


def desk_menu(state: str, *, days_from_today: int, owes: bool, may_be_noshow: bool, can_undo: bool) -> tuple[str, ...]:
    """The other actions of a visit, without the one of ``desk_step``."""
    first = desk_step(state, days_from_today=days_from_today, owes=owes)
    allowed = {
        "payment": owes,
        "noshow": may_be_noshow,
        "arrival": days_from_today == 0,
        "session": days_from_today <= 0,
    }
    steps = [step for step in _MENU.get(state, ()) if step != first and allowed.get(step, True)]
    return (*steps, *(("undo",) if can_undo else ()), "patient")
