"""One visit: its card, cancelling, entering in error; and the visits of a person."""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.billing import permissions as billing
from app.billing.actions import credit
from app.clinics import queries as clinics
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock, contacts
from app.kernel.access import can, can_anywhere, require
from app.kernel.i18n import N_
from app.patients import permissions as patient_permissions
from app.patients import queries as patients
from app.scheduling import permissions, rules
from app.scheduling.actions import appointments, transitions
from app.scheduling.forms import booking as forms
from app.scheduling.pages.transitions import RECEIVERS, changed
from app.scheduling.queries import appointments as appointment_queries
from app.scheduling.queries import transitions as transition_queries
from app.scheduling.queries.appointments import VisitDetails
from app.scheduling.rules import menu

pages = PageBlueprint("appointment", __name__)


@pages.get("/appointments/<int:appointment_id>", requires=permissions.READ)
def show(appointment_id: int) -> Response:
    """Everything of a visit and the steps that this person may take."""
    visit = appointment_queries.get(appointment_id, actor=cycle.actor())
    cycle.note_reading("appointment", visit.id, patient_id=visit.patient_id, clinic_id=visit.clinic_id)
    actor, ticket = cycle.actor(), visit.ticket
    owes = ticket is not None and ticket.status == "open" and ticket.owed_cents > 0
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
        may_see_ticket=can(actor, billing.READ, visit.clinic_id),
        may_collect=owes and can(actor, billing.TAKE_PAYMENT, visit.clinic_id),
        may_see_patient=can_anywhere(cycle.actor(), patient_permissions.READ),
    )


def _steps(visit: VisitDetails) -> list[str]:
    """The steps this actor may take now; none on a colleague's visit for a therapist."""
    actor, clinic = cycle.actor(), clinics.clinic(visit.clinic_id)
    if not appointment_queries.may_change(visit.clinic_id, visit.therapist_id, actor):
        return []
    has_payment = visit.ticket is not None and visit.ticket.paid_cents > 0
    facts = transition_queries.facts_of(visit, clinic, payment=lambda: has_payment, now=cycle.now())
    caller = transition_queries.caller_of(actor, clinic, therapist_id=visit.therapist_id, patient_id=visit.patient_id)
    steps = menu.open_steps(visit.state, facts, caller)
    is_soon = visit.starts_at - cycle.now() <= menu.ARRIVES_WITHIN
    return menu.card_steps(visit.state, days_ahead=facts.days_ahead, is_soon=is_soon, steps=steps)


@pages.get("/appointments/<int:appointment_id>/cancellation", requires=permissions.BOOK)
def cancellation(appointment_id: int, form: forms.CancelForm | None = None) -> Response:
    visit, form = _visit(appointment_id), form or forms.CancelForm(formdata=None)
    form.set_choices(visit.status, _choices_of_cancelling(visit))
    return _ask_for_reason(visit, form, _("Cancelar la cita"), "cancellation")


def _make_cancel_form(appointment_id: int) -> forms.CancelForm:
    visit, form = _visit(appointment_id), forms.CancelForm()
    form.set_choices(visit.status, _choices_of_cancelling(visit))
    return form


def _choices_of_cancelling(visit: VisitDetails) -> list[str]:
    hours = clinics.clinic(visit.clinic_id).change_notice_hours
    is_late = not rules.may_patient_change(visit.starts_at, now=cycle.now(), notice_hours=hours)
    return credit.choices_of(visit.id, never_owes=True, is_late=is_late)[0]


@pages.post(
    "/appointments/<int:appointment_id>/cancellation",
    requires=permissions.BOOK,
    form=_make_cancel_form,
    retry=cancellation,
)
def cancel(appointment_id: int, form: forms.CancelForm) -> Response:
    appointments.cancel_appointment(
        appointment_id, reason=form.reason.data, money=form.money.data or "", actor=cycle.actor(), now=cycle.now()
    )
    return changed(appointment_id, N_("Cancelada: %(name)s"), may_undo=True)


@pages.get("/appointments/<int:appointment_id>/late-session", requires=permissions.ATTEND)
def late_session(appointment_id: int, form: forms.WhyForm | None = None) -> Response:
    form = form or forms.WhyForm(formdata=None)
    return _ask_for_reason(_visit(appointment_id), form, _("Registrar como atendida"), "late-session")


@pages.post(
    "/appointments/<int:appointment_id>/late-session",
    requires=permissions.ATTEND,
    form=forms.WhyForm,
    retry=late_session,
)
def start_late_session(appointment_id: int, form: forms.WhyForm) -> Response:
    """A session of an earlier day, written down afterwards."""
    transitions.start_session(appointment_id, reason=form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("En sesión: %(name)s"), may_undo=True)


@pages.get("/appointments/<int:appointment_id>/noshow", requires=RECEIVERS)
def noshow(appointment_id: int) -> Response:
    """The question before: what happens with the money."""
    visit, form = _visit(appointment_id), forms.NoShowForm(formdata=None)
    form.set_choices(_choices_of_noshow(visit.id))
    return _ask_for_reason(visit, form, _("Marcar «No vino»"), "noshow")


@pages.post("/appointments/<int:appointment_id>/noshow", requires=RECEIVERS)
def mark_noshow(appointment_id: int) -> Response:
    money = request.form.get("money", "")
    transitions.mark_noshow(appointment_id, money=money, actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("No vino: %(name)s"), may_undo=True)


def _choices_of_noshow(appointment_id: int) -> list[str]:
    return credit.choices_of(appointment_id, never_owes=False, is_late=True)[0]


@pages.get("/appointments/<int:appointment_id>/error", requires=permissions.CORRECT)
def error(appointment_id: int, form: forms.WhyForm | None = None) -> Response:
    form = form or forms.WhyForm(formdata=None)
    return _ask_for_reason(_visit(appointment_id), form, _("Anular la cita"), "error")


@pages.post(
    "/appointments/<int:appointment_id>/error",
    requires=permissions.CORRECT,
    form=forms.WhyForm,
    retry=error,
)
def enter_in_error(appointment_id: int, form: forms.WhyForm) -> Response:
    transitions.enter_in_error(appointment_id, reason=form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return changed(appointment_id, N_("Anulada: %(name)s"))


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
