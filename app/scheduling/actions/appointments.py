"""Cancel a visit, change its remarks."""

from datetime import datetime

from app.billing.actions import credit
from app.billing.rules import decisions
from app.clinics import queries as clinics
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.i18n import N_
from app.scheduling import events, permissions, rules
from app.scheduling.actions import history, reach
from app.scheduling.queries import appointments
from app.scheduling.rules import Status


def cancel_appointment(appointment_id: int, *, reason: str = "", money: str = "", actor: Actor, now: datetime) -> None:
    """Free the time; the row stays. ``reason`` is a key of ``rules.CANCEL_REASONS``, ``money`` a ``MoneyDecision``.

    Without a reason it is the patient's wish or the clinic's. Cancelling what is cancelled is a no-op. A cancelled
    visit never owes: an unpaid ticket is voided, a paid one waits for its refund unless ``money`` says otherwise.
    Raises NotFound, Forbidden, InvalidTransition, UnknownCancelReason, NoticeTooShort (patients), Invalid.
    """
    visit = appointments.get_for_update(appointment_id, actor=actor)
    if visit.status == Status.CANCELLED:
        return
    reach.require_step(visit, Status.CANCELLED, actor=actor, now=now)
    reason = reason or ("patient" if reach.is_own_visit(visit, actor) else "clinic")
    rules.check_cancel_reason(reason, visit.status, is_system=actor.is_system)
    notice_hours = clinics.clinic(visit.clinic_id).change_notice_hours
    is_late = not rules.may_patient_change(visit.starts_at, now=now, notice_hours=notice_hours)
    offered, _has_payment = credit.choices_of(visit.id, never_owes=True, is_late=is_late)
    decision = decisions.decide(money, offered, is_needed=False)
    old_status = visit.status
    visit.status, visit.status_since = str(Status.CANCELLED), now
    visit.cancel_reason, visit.cancelled_by = reason, actor.user_id
    visit.sequence += 1
    visit.version += 1
    db.session.flush()  # before the ticket and the care relation read it
    history.add(visit.id, old_status, visit.status, actor=actor, now=now, reason=reason)
    credit.settle_ticket_of(visit.id, decision, reason=N_("Cita cancelada"), actor=actor, now=now)
    reach.update_care_relation(visit, visit.therapist_id, actor=actor, now=now)
    fields = {"sequence": visit.sequence, "starts_at": visit.starts_at, "reason": reason, "is_late": is_late}
    history.record(events.AppointmentCancelled, visit, actor=actor, now=now, **fields)


def edit_notes(appointment_id: int, *, reason: str | None, notes: str | None, actor: Actor, now: datetime) -> None:
    """Change the desk's remarks of a visit. Raises NotFound, Forbidden."""
    visit = appointments.get_for_update(appointment_id, actor=actor)
    require(actor, permissions.BOOK, visit.clinic_id)
    reach.require_own_or_any_therapist(visit.clinic_id, visit.therapist_id, actor)
    visit.reason = visit.reason if reason is None else reason
    visit.notes = visit.notes if notes is None else notes
    visit.version += 1
