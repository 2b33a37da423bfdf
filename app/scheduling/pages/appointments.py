"""One visit: its card, cancelling, entering in error; and the visits of a person."""

from datetime import timedelta
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.clinics import queries as clinics
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock, contacts
from app.kernel.access import can, can_anywhere, require
from app.kernel.errors import DomainError
from app.kernel.i18n import N_
from app.patients import permissions as patient_permissions
from app.patients import queries as patients
from app.scheduling import permissions, rules
from app.scheduling.actions import appointments, transitions
from app.scheduling.forms import booking as forms
from app.scheduling.pages.transitions import changed
from app.scheduling.queries import appointments as appointment_queries
from app.scheduling.queries.appointments import VisitDetails

pages = PageBlueprint("appointment", __name__)

NEEDED = {
    "confirmation": permissions.BOOK,
    "arrival": permissions.RECEIVE,
    "check-in": permissions.RECEIVE,
    "session": permissions.ATTEND,
    "session/end": permissions.ATTEND,
    "noshow": permissions.RECEIVE,
    "schedule": permissions.BOOK,
    "cancellation": permissions.BOOK,
    "undo": permissions.ATTEND,
    "error": permissions.CORRECT,
}


@pages.get("/appointments/<int:appointment_id>", requires=permissions.READ)
def show(appointment_id: int) -> Response:
    """Everything of a visit and the steps that this person may take."""
    visit = appointment_queries.get(appointment_id, actor=cycle.actor())
    cycle.note_reading("appointment", visit.id, patient_id=visit.patient_id, clinic_id=visit.clinic_id)
    return fragments.dialog(
        "scheduling/_appointment.html",
        title=visit.patient_name,
        visit=visit,
        phone=contacts.format_phone(visit.phone),
        history=appointment_queries.history(appointment_id),
        labels=rules.LABELS,
        channels=rules.CHANNEL_LABELS,
        steps=_steps(visit),
        reasons=rules.CANCEL_REASONS,
        today=clock.local_day(cycle.now(), visit.timezone),
        may_see_patient=can_anywhere(cycle.actor(), patient_permissions.READ),
    )


def _steps(visit: VisitDetails) -> list[str]:
    """The steps this actor may take now; none on a colleague's visit for a therapist."""
    if not appointment_queries.may_change(visit.clinic_id, visit.therapist_id, cycle.actor()):
        return []
    actor, now, zone = cycle.actor(), cycle.now(), visit.timezone
    grace = timedelta(minutes=clinics.clinic(visit.clinic_id).noshow_grace_minutes)
    days = clock.local_day(visit.starts_at, zone) - clock.local_day(now, zone)
    possible = rules.card_steps(
        visit.state,
        days_from_today=days.days,
        may_be_noshow=now >= visit.starts_at + grace,
        can_undo=rules.may_undo(
            visit.state,
            since=visit.status_since,
            now=now,
            may_correct=can(actor, permissions.CORRECT, visit.clinic_id),
        ),
    )
    return [step for step in possible if can(actor, NEEDED[step], visit.clinic_id)]


@pages.get("/appointments/<int:appointment_id>/cancellation", requires=permissions.BOOK)
def cancellation(appointment_id: int) -> Response:
    visit = _visit(appointment_id)
    return _ask_why_cancelled(visit, forms.CancelForm(formdata=None))


def _make_cancel_form(appointment_id: int) -> forms.CancelForm:
    form = forms.CancelForm()
    form.set_choices(_visit(appointment_id).status)
    return form


def _retry_cancel(*, form: forms.CancelForm, error: DomainError | None, appointment_id: int) -> Response:
    form.add_summary(error)
    return _ask_why_cancelled(_visit(appointment_id), form)


@pages.post(
    "/appointments/<int:appointment_id>/cancellation",
    requires=permissions.BOOK,
    form=_make_cancel_form,
    retry=_retry_cancel,
)
def cancel(appointment_id: int, form: forms.CancelForm) -> Response:
    appointments.cancel_appointment(appointment_id, reason=form.reason.data, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("Cancelada: %(name)s"), may_undo=True)


def _ask_why_cancelled(visit: VisitDetails, form: forms.CancelForm) -> Response:
    form.set_choices(visit.status)
    return _ask_for_reason(visit, form, _("Cancelar la cita"), "cancellation")


@pages.get("/appointments/<int:appointment_id>/error", requires=permissions.CORRECT)
def error(appointment_id: int) -> Response:
    return _ask_why_in_error(_visit(appointment_id), forms.ErrorForm(formdata=None))


def _retry_error(*, form: forms.ErrorForm, error: DomainError | None, appointment_id: int) -> Response:
    form.add_summary(error)
    return _ask_why_in_error(_visit(appointment_id), form)


@pages.post(
    "/appointments/<int:appointment_id>/error",
    requires=permissions.CORRECT,
    form=forms.ErrorForm,
    retry=_retry_error,
)
def enter_in_error(appointment_id: int, form: forms.ErrorForm) -> Response:
    transitions.enter_in_error(appointment_id, reason=form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("Anulada: %(name)s"))


def _ask_why_in_error(visit: VisitDetails, form: forms.ErrorForm) -> Response:
    return _ask_for_reason(visit, form, _("Anular la cita"), "error")


def _visit(appointment_id: int) -> VisitDetails:
    """The visit with the right to change it. Raises NotFound, Forbidden."""
    visit = appointment_queries.get(appointment_id, actor=cycle.actor())
    require(cycle.actor(), permissions.BOOK, visit.clinic_id)
    return visit


def _ask_for_reason(visit: VisitDetails, form: Any, title: str, noun: str) -> Response:
    """The question before a step that needs a reason."""
    return fragments.dialog(
        "scheduling/_appointment_reason.html",
        title=title,
        visit=visit,
        form=form.with_submission_id(),
        path=f"/appointments/{visit.id}/{noun}",
        today=clock.local_day(cycle.now(), visit.timezone),
        next=fragments.local_path(request.args.get("next", "")),
    )


@pages.get("/patients/<int:patient_id>/appointments", requires=permissions.READ)
def of_patient(patient_id: int) -> Response:
    """The part of a patient's page that this domain adds: visits to come and past ones."""
    patient = patients.get(patient_id, actor=cycle.actor())
    coming, past = appointment_queries.of_patient(patient_id, actor=cycle.actor(), now=cycle.now())
    return fragments.page(
        "scheduling/patient_appointments.html",
        parts={"patient-appointments": "scheduling/_patient_appointments.html"},
        patient=patient,
        lists=[(_("Próximas citas"), coming), (_("Citas anteriores y canceladas"), past)],
        labels=rules.LABELS,
        label_of=rules.label_of,
        now=cycle.now(),
    )
