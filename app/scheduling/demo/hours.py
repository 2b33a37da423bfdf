"""When the demo's therapists work, and Hugo's day off."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from app.clinics.demo import HUGO, SUNDAY, DemoTherapist, closed_weekdays
from app.kernel import clock
from app.kernel.demo import DemoContext, put
from app.scheduling.models import TimeOff, WorkingHours
from app.tenancy.demo import MIRAFLORES


def write_hours(therapists: Sequence[DemoTherapist], context: DemoContext) -> None:
    """The same hours on every open day of the week."""
    weekdays = [weekday for weekday in range(7) if weekday not in closed_weekdays(context)]
    put(WorkingHours, [_hours(therapist, weekday) for therapist in therapists for weekday in weekdays])


def write_day_off(context: DemoContext) -> None:
    starts_at, ends_at = clock.day_bounds(day_off(context), context.zone)
    row = {"therapist_id": HUGO, "clinic_id": MIRAFLORES, "kind": "off", "reason": "Capacitación"}
    put(TimeOff, [{**row, "starts_at": starts_at, "ends_at": ends_at}])


def day_off(context: DemoContext) -> date:
    """The day on which Hugo is at a course."""
    days = [context.today + timedelta(days=offset) for offset in (9, 10)]
    return next(day for day in days if day.weekday() != SUNDAY)


def _hours(therapist: DemoTherapist, weekday: int) -> dict[str, Any]:
    return {
        "therapist_id": therapist.id,
        "clinic_id": therapist.clinic_id,
        "room_id": therapist.room_id,
        "weekday": weekday,
        "starts_minute": therapist.from_hour * 60,
        "ends_minute": therapist.to_hour * 60,
        "break_starts_minute": therapist.break_hour * 60,
        "break_ends_minute": therapist.break_hour * 60 + 60,
    }
