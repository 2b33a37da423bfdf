"""Blocking hours of a therapist from the agenda, in a dialog or as pages of their own."""

from datetime import timedelta

from flask import Response, request
from flask_babel import gettext as _

from app.clinics import queries as clinics
from app.clinics.queries import ClinicView, TherapistView
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.errors import NotFound
from app.scheduling import permissions
from app.scheduling.actions import hours as actions
from app.scheduling.forms.hours import BlockForm
from app.scheduling.queries import hours as queries

pages = PageBlueprint("blocks", __name__)

LOCAL = "%Y-%m-%dT%H:%M"  # as a datetime-local input writes it
USUAL_LENGTH = timedelta(hours=1)


@pages.get("/blocks/new", requires=permissions.BLOCK_HOURS)
def new(form: BlockForm | None = None) -> Response:
    """The form for the hour in the address, or as it was typed."""
    clinic = _clinic()
    return fragments.dialog(
        "scheduling/_block_form.html",
        title=_("Bloquear horas"),
        form=(form or _filled(clinic)).with_submission_id(),
        clinic_id=clinic.id,
        therapist=_therapist(clinic),
    )


def _filled(clinic: ClinicView) -> BlockForm:
    try:
        starts = clock.local(clock.parse_instant(request.args.get("starts_at", ""), clinic.timezone), clinic.timezone)
    except ValueError:
        starts = clock.local(cycle.now(), clinic.timezone).replace(minute=0)
    return BlockForm(formdata=None, starts_at=starts.strftime(LOCAL), ends_at=(starts + USUAL_LENGTH).strftime(LOCAL))


def _clinic() -> ClinicView:
    return clinics.clinic(cycle.clinic_id(permissions.BLOCK_HOURS))


def _therapist(clinic: ClinicView) -> TherapistView:
    """The therapist that the request names, who treats in the clinic. Raises NotFound."""
    therapist_id = request.values.get("therapist_id", 0, type=int)
    person = next((p for p in clinics.therapists_of(clinic.id) if p.id == therapist_id), None)
    if person is None:
        raise NotFound
    return person


@pages.post("/blocks", requires=permissions.BLOCK_HOURS, form=BlockForm, retry=new)
def create(form: BlockForm) -> Response:
    clinic = _clinic()
    therapist = _therapist(clinic)
    starts_at = form.starts_at.instant(clinic.timezone)
    actions.block_time(
        therapist.id,
        clinic.id,
        starts_at=starts_at,
        ends_at=form.ends_at.instant(clinic.timezone),
        reason=form.reason.data or "",
        actor=cycle.actor(),
        now=cycle.now(),
    )
    day = clock.local_day(starts_at, clinic.timezone)
    return fragments.fragment_response(
        redirect_url=f"/agenda?day={day}", toast=_("Horas bloqueadas: nadie puede reservarlas."), close_dialog=True
    )


@pages.get("/blocks/<int:time_off_id>", requires=permissions.BLOCK_HOURS)
def show(time_off_id: int) -> Response:
    block = queries.blocked_time(time_off_id, actor=cycle.actor())
    today = clock.local_day(cycle.now(), block.timezone)
    return fragments.dialog("scheduling/_block.html", title=_("Horas bloqueadas"), block=block, today=today)


@pages.post("/blocks/<int:time_off_id>/removal", requires=permissions.BLOCK_HOURS)
def remove(time_off_id: int) -> Response:
    actions.unblock_time(time_off_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url="/agenda", toast=_("Quitado. Esas horas vuelven a su horario."), close_dialog=True
    )
