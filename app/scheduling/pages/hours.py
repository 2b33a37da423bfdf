"""Weekly hours, absences and extra shifts of the therapists."""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.clinics import permissions as clinics_permissions
from app.clinics import queries as clinics
from app.clinics.rules import WEEKDAYS
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.errors import Invalid
from app.scheduling import permissions
from app.scheduling.actions import hours as actions
from app.scheduling.forms.hours import HoursForm, TimeOffForm
from app.scheduling.queries import hours as queries
from app.tenancy import queries as tenancy

pages = PageBlueprint("hours", __name__)
MANAGE = permissions.MANAGE_HOURS
PARTS = {"week": "scheduling/_hours_week.html", "time-off": "scheduling/_hours_time_off.html"}


@pages.get("/admin/hours", requires=MANAGE)
def overview() -> Response:
    return fragments.page("scheduling/hours.html", people=queries.overview(cycle.actor()), weekdays=_weekdays())


def _weekdays() -> list[str]:
    return [_(day) for day in WEEKDAYS]


@pages.get("/admin/therapists/<int:therapist_id>/hours", requires=MANAGE)
def hours(therapist_id: int) -> Response:
    return _page(_therapist(therapist_id))


def _therapist(therapist_id: int) -> Any:
    return clinics.lists.therapist(therapist_id, cycle.actor(), clinics_permissions.MANAGE_THERAPISTS)


def _page(
    therapist: Any,
    *,
    week: HoursForm | None = None,
    absence: TimeOffForm | None = None,
    in_the_way: Any = (),
    status: int = 200,
) -> Response:
    """The page in the clinic chosen; a form given is shown as it was typed."""
    actor, now = cycle.actor(), cycle.now()
    clinic = clinics.clinic(cycle.clinic_id(MANAGE))
    form = week or HoursForm.of(queries.week(therapist.id, clinic.id))
    places = tenancy.clinic_names(actor)
    scope = actor.clinics_with(MANAGE)
    return fragments.page(
        "scheduling/hours_of_therapist.html",
        parts=PARTS,
        status=status,
        therapist=therapist,
        here=clinic,
        places=[place for place in places if place["id"] in scope],
        week=form.offer(clinics.rooms_of(clinic.id)).with_submission_id(),
        weekdays=_weekdays(),
        elsewhere=queries.spans(queries.elsewhere(therapist.id, clinic.id)),
        absences=queries.time_off(therapist.id, actor=actor, now=now),
        absence=(absence or TimeOffForm(formdata=None)).with_submission_id(),
        in_the_way=in_the_way,
        today=clock.local_day(now, clinic.timezone),
    )


@pages.post("/admin/therapists/<int:therapist_id>/hours", requires=MANAGE)
def set_hours(therapist_id: int) -> Response:
    therapist = _therapist(therapist_id)
    clinic_id = cycle.clinic_id(MANAGE)
    form = HoursForm().offer(clinics.rooms_of(clinic_id))
    if not form.validate():
        return _page(therapist, week=form, status=422)
    try:
        actions.set_hours(therapist_id, clinic_id, form.shifts(), actor=cycle.actor(), now=cycle.now())
    except Invalid as error:
        form.add_errors(error)
        return _page(therapist, week=form, status=422)
    return _changed(therapist, "week", _("Horario guardado. Las citas ya reservadas quedan."))


@pages.post("/admin/therapists/<int:therapist_id>/time-off", requires=MANAGE)
def add_time_off(therapist_id: int) -> Response:
    """An absence over visits is shown with them first; ``confirmed`` with the same hours saves it all the same."""
    actor, therapist = cycle.actor(), _therapist(therapist_id)
    clinic = clinics.clinic(cycle.clinic_id(MANAGE))
    form = TimeOffForm()
    if not form.validate():
        return _page(therapist, absence=form, status=422)
    period = form.starts_at.instant(clinic.timezone), form.ends_at.instant(clinic.timezone)
    if form.kind.data == "off" and request.form.get("confirmed") != form.period:
        visits = queries.in_the_way(therapist_id, *period, actor=actor)
        if visits:
            return _page(therapist, absence=form, in_the_way=visits, status=422)
    try:
        actions.add_time_off(
            therapist_id,
            clinic.id,
            kind=form.kind.data,
            starts_at=period[0],
            ends_at=period[1],
            reason=form.reason.data or "",
            actor=actor,
            now=cycle.now(),
        )
    except Invalid as error:
        form.add_errors(error)
        return _page(therapist, absence=form, status=422)
    word = _("Ausencia guardada.") if form.kind.data == "off" else _("Turno extra guardado.")
    return _changed(therapist, "time-off", word)


@pages.post("/admin/time-off/<int:time_off_id>/removal", requires=MANAGE)
def remove_time_off(time_off_id: int) -> Response:
    removed = actions.remove_time_off(time_off_id, actor=cycle.actor(), now=cycle.now())
    return _changed(_therapist(removed.therapist_id), "time-off", _("Quitado. Esas horas vuelven a su horario."))


def _changed(therapist: Any, part: str, toast: str) -> Response:
    html = _page(therapist).get_data(as_text=True) if cycle.is_fragment_request() else ""
    return fragments.answer(html, go=f"/admin/therapists/{therapist.id}/hours#{part}", toast=toast)
