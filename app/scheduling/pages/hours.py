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
from app.kernel.errors import RuleBroken
from app.kernel.i18n import N_
from app.scheduling import permissions
from app.scheduling.actions import hours as actions
from app.scheduling.forms.hours import HoursForm, TimeOffForm
from app.scheduling.queries import hours as queries
from app.tenancy import queries as tenancy

pages = PageBlueprint("hours", __name__)
MANAGE = permissions.MANAGE_HOURS
PARTS = {"week": "scheduling/_hours_week.html", "time-off": "scheduling/_hours_time_off.html"}


class NotConfirmed(RuleBroken):
    """An absence over visits, which the page shows to be confirmed."""

    message = N_("Nada se guardó todavía. Si guarda la ausencia, estas citas quedan reservadas y habrá que moverlas.")


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
    conflicting_visits: Any = (),
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
        therapist=therapist,
        here=clinic,
        places=[place for place in places if place["id"] in scope],
        week=form.set_choices(clinics.rooms_of(clinic.id)).with_submission_id(),
        weekdays=_weekdays(),
        elsewhere=queries.spans([zoned.shift for zoned in queries.elsewhere(therapist.id, clinic.id)]),
        absences=queries.time_off(therapist.id, actor=actor, now=now),
        absence=(absence or TimeOffForm(formdata=None)).with_submission_id(),
        conflicting_visits=conflicting_visits,
        today=clock.local_day(now, clinic.timezone),
    )


def _make_week(therapist_id: int) -> HoursForm:
    return HoursForm().set_choices(clinics.rooms_of(cycle.clinic_id(MANAGE)))


def _retry_week(*, form: HoursForm, therapist_id: int) -> Response:
    return _page(_therapist(therapist_id), week=form)


@pages.post("/admin/therapists/<int:therapist_id>/hours", requires=MANAGE, form=_make_week, retry=_retry_week)
def set_hours(therapist_id: int, form: HoursForm) -> Response:
    therapist, clinic_id = _therapist(therapist_id), cycle.clinic_id(MANAGE)
    actions.set_hours(therapist_id, clinic_id, form.shifts(), actor=cycle.actor(), now=cycle.now())
    return _changed(therapist, "week", _("Horario guardado. Las citas ya reservadas quedan."))


def _retry_time_off(*, form: TimeOffForm, therapist_id: int) -> Response:
    """The form again, with the visits that an absence would cover."""
    visits = _conflicting_visits(form, therapist_id) if isinstance(form.refusal, NotConfirmed) else ()
    return _page(_therapist(therapist_id), absence=form, conflicting_visits=visits)


@pages.post("/admin/therapists/<int:therapist_id>/time-off", requires=MANAGE, form=TimeOffForm, retry=_retry_time_off)
def add_time_off(therapist_id: int, form: TimeOffForm) -> Response:
    """An absence over visits is shown with them first; ``confirmed`` with the same hours saves it all the same."""
    therapist, clinic = _therapist(therapist_id), clinics.clinic(cycle.clinic_id(MANAGE))
    is_confirmed = form.kind.data != "off" or request.form.get("confirmed") == form.period
    if not is_confirmed and _conflicting_visits(form, therapist_id):
        raise NotConfirmed
    actions.add_time_off(
        therapist_id,
        clinic.id,
        kind=form.kind.data,
        starts_at=form.starts_at.instant(clinic.timezone),
        ends_at=form.ends_at.instant(clinic.timezone),
        reason=form.reason.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    word = _("Ausencia guardada.") if form.kind.data == "off" else _("Turno extra guardado.")
    return _changed(therapist, "time-off", word)


def _conflicting_visits(form: TimeOffForm, therapist_id: int) -> Any:
    """The visits in the hours of the form."""
    zone = clinics.clinic(cycle.clinic_id(MANAGE)).timezone
    return queries.conflicting_visits(
        therapist_id, form.starts_at.instant(zone), form.ends_at.instant(zone), actor=cycle.actor()
    )


@pages.post("/admin/time-off/<int:time_off_id>/removal", requires=MANAGE)
def remove_time_off(time_off_id: int) -> Response:
    removed = actions.remove_time_off(time_off_id, actor=cycle.actor(), now=cycle.now())
    return _changed(_therapist(removed.therapist_id), "time-off", _("Quitado. Esas horas vuelven a su horario."))


def _changed(therapist: Any, part: str, toast: str) -> Response:
    html = _page(therapist).get_data(as_text=True) if cycle.is_fragment_request() else ""
    return fragments.fragment_response(html, redirect_url=f"/admin/therapists/{therapist.id}/hours#{part}", toast=toast)
