"""The agenda: a day of the clinic with its therapists across, a week of one therapist."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from app.clinics import queries as clinics
from app.clinics.profiles import therapist_id_of
from app.clinics.queries import ClinicView, TherapistView
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.access import can
from app.kernel.errors import NotFound
from app.kernel.i18n import N_
from app.scheduling import permissions, rules
from app.scheduling.queries import agenda as agenda_queries

pages = PageBlueprint("agenda", __name__)

TAKEN_LABEL = N_("Ocupado")


@pages.get("/agenda", requires=permissions.READ)
def day() -> Response:
    clinic, people = _clinic_and_people()
    chosen = _chosen(people, clinic)
    shown = _day_asked(clinic)
    return fragments.page(
        "scheduling/agenda.html",
        parts={"agenda-day": "scheduling/_agenda_grid.html"},
        grid_id="agenda-day",
        agenda=agenda_queries.of_day(
            clinic,
            shown,
            [chosen] if chosen else people,
            actor=cycle.actor(),
            now=cycle.now(),
            with_freed=_with_freed(),
        ),
        is_week=False,
        before=_href("/agenda", clinic, shown - timedelta(days=1), chosen),
        after=_href("/agenda", clinic, shown + timedelta(days=1), chosen),
        **_frame(clinic, people, chosen, shown),
    )


@pages.get("/agenda/week", requires=permissions.READ)
def week() -> Response:
    clinic, people = _clinic_and_people()
    chosen = _chosen(people, clinic) or (people[0] if people else None)
    if chosen is None:
        raise NotFound
    shown = _day_asked(clinic)
    monday = shown - timedelta(days=shown.weekday())
    return fragments.page(
        "scheduling/agenda.html",
        parts={"agenda-week": "scheduling/_agenda_grid.html"},
        grid_id="agenda-week",
        agenda=agenda_queries.of_week(
            clinic, monday, chosen, actor=cycle.actor(), now=cycle.now(), with_freed=_with_freed()
        ),
        is_week=True,
        before=_href("/agenda/week", clinic, shown - timedelta(days=7), chosen),
        after=_href("/agenda/week", clinic, shown + timedelta(days=7), chosen),
        **_frame(clinic, people, chosen, shown),
    )


def _clinic_and_people() -> tuple[ClinicView, list[TherapistView]]:
    clinic = clinics.clinic(cycle.clinic_id(permissions.READ))
    return clinic, clinics.therapists_of(clinic.id)


def _chosen(people: list[TherapistView], clinic: ClinicView) -> TherapistView | None:
    """The requested therapist, or all (None). Without the desk's permission the default is the actor's own column.

    Raises NotFound for a therapist who does not treat in this clinic.
    """
    therapist_arg = request.args.get("therapist_id")
    if therapist_arg is None:
        actor = cycle.actor()
        own = None if can(actor, permissions.RECEIVE, clinic.id) else therapist_id_of(actor)
        return next((person for person in people if person.id == own), None)
    if not therapist_arg:
        return None
    chosen = next((person for person in people if str(person.id) == therapist_arg), None)
    if chosen is None:
        raise NotFound
    return chosen


def _day_asked(clinic: ClinicView) -> date:
    """The day of the URL, else today by the clinic's clock."""
    try:
        return clock.parse_day(request.args.get("day"))
    except clock.BadDay:
        return clock.local_day(cycle.now(), clinic.timezone)


def _href(path: str, clinic: ClinicView, shown: date | None, chosen: TherapistView | None) -> str:
    """A complete URL of the agenda: it shows the same page to every user it is shared with."""
    params = {"clinic_id": clinic.id, "therapist_id": chosen.id if chosen else ""}
    if _with_freed():
        params["freed"] = 1
    return f"{path}?{urlencode({'day': shown, **params} if shown else params)}"


def _with_freed() -> bool:
    """Whether the URL asks for the visits that were cancelled or missed too."""
    return request.args.get("freed") == "1"


def _frame(
    clinic: ClinicView, people: list[TherapistView], chosen: TherapistView | None, shown: date
) -> dict[str, Any]:
    """What both views show around the grid."""
    path = request.path
    return {
        "clinic_view": clinic,
        "people": people,
        "chosen": chosen,
        "shown": shown,
        "today": clock.local_day(cycle.now(), clinic.timezone),
        "labels": rules.LABELS | {agenda_queries.TAKEN: TAKEN_LABEL},
        "sees_all": can(cycle.actor(), permissions.READ_ALL, clinic.id),
        "here": _href(path, clinic, shown, chosen),
        "with_freed": _with_freed(),
        "now_href": _href(path, clinic, None, chosen),
        "day_href": _href("/agenda", clinic, shown, chosen),
        "week_href": _href("/agenda/week", clinic, shown, chosen),
        "may_book": can(cycle.actor(), permissions.BOOK, clinic.id),
        "may_block": can(cycle.actor(), permissions.BLOCK_HOURS, clinic.id),
    }
