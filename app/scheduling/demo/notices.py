"""What patients and therapists were told: confirmations and reminders that went out."""

from collections.abc import Iterable
from datetime import timedelta

from app.kernel.demo import DemoContext
from app.notifications import demo as notifications
from app.patients.demo import USER_OF_PATIENT
from app.scheduling.actions import notices
from app.scheduling.demo.history import VisitHistory
from app.scheduling.demo.plan import PlannedVisit
from app.scheduling.queries import notices as notice_queries

SOON = timedelta(hours=36)


def write_notices(histories: Iterable[VisitHistory], context: DemoContext) -> None:
    for history in histories:
        if history.appointment["status"] in {"pending", "booked"} and _is_confirmed(history.visit, context):
            _confirm(history.visit)
    # without these, the first worker that starts would send reminders to all demo patients
    for appointment_id in notice_queries.reminders_due(now=context.now):
        sent_at = context.now - timedelta(minutes=2)
        notices.notify_patient("reminder", notice_queries.get(appointment_id), now=sent_at)
    notifications.finish_deliveries(context)


def _is_confirmed(visit: PlannedVisit, context: DemoContext) -> bool:
    """The visits of today and tomorrow, and all that Clara and Gloria have ahead."""
    is_soon = context.now < visit.starts_at < context.now + SOON
    return is_soon or (visit.patient_id in USER_OF_PATIENT and visit.starts_at > context.now)


def _confirm(planned: PlannedVisit) -> None:
    visit = notice_queries.get(planned.id)
    notices.notify_patient("confirmation", visit, now=planned.created_at)
    if visit.therapist_user:
        notices.notify_therapist("confirmation", visit, now=planned.created_at)
