"""The therapist's home: the next visit, the session in progress, the rest of the day."""

from datetime import timedelta

from flask import Response, request

from app.clinics import queries as clinics
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock, contacts
from app.scheduling import permissions
from app.scheduling.queries import own_day

pages = PageBlueprint("my_day", __name__)


@pages.get("/my-day", requires=permissions.READ_ASSIGNED)
def my_day() -> Response:
    clinic = clinics.clinic(cycle.clinic_id(permissions.READ))
    today = clock.local_day(cycle.now(), clinic.timezone)
    try:
        day = clock.parse_day(request.args.get("day"))
    except clock.BadDay:
        day = today
    own = own_day.of_therapist(day, zone=clinic.timezone, actor=cycle.actor())
    head = own.current or own.following
    return fragments.page(
        "scheduling/my_day.html",
        parts={"my-day": "scheduling/_my_day.html"},
        own=own,
        phone=contacts.format_phone(head.row.phone) if head else "",
        day=day,
        today=today,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
    )
