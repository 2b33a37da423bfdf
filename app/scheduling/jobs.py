"""Periodic jobs of visits: the reminder of the day before, requests that nobody confirmed."""

import logging
from datetime import datetime

from app.kernel import tasks
from app.kernel.access import system_actor
from app.kernel.db import unit_of_work
from app.kernel.scheduler import PeriodicJob
from app.notifications import queries as notifications
from app.scheduling.actions import appointments, notices
from app.scheduling.queries import appointments as appointment_queries
from app.scheduling.queries import notices as notice_queries
from app.scheduling.queries import transitions
from app.scheduling.rules import Status

log = logging.getLogger(__name__)


def remind_due(*, now: datetime) -> None:
    """Remind the patients whose visit is near. Each reminder is claimed by its key, so two schedulers, a killed
    worker or a changed visit send one reminder for each time that a visit has, and no more."""
    with unit_of_work(write=False):
        due = notice_queries.reminders_due(now=now)
        done = notifications.existing_keys([*due.values(), *(f"{key}:email" for key in due.values())])
    for appointment_id, key in due.items():
        if not done & {key, f"{key}:email"}:
            _remind(appointment_id, now=now)


def _remind(appointment_id: int, *, now: datetime) -> None:
    try:
        with unit_of_work(write=True):
            # between the list and this transaction the visit may have been moved or cancelled
            if notice_queries.reminders_due(now=now, only=appointment_id):
                notices.notify_patient("reminder", notice_queries.get(appointment_id), now=now)
    except Exception:
        log.exception("the reminder of appointment %s failed; it comes again", appointment_id)


def expire_requests(*, now: datetime) -> None:
    """Cancel the requests that nobody confirmed in the clinic's time; the patient is told as of any cancellation."""
    with unit_of_work(write=False):
        expired = transitions.expired_requests(now=now)
    for request in expired:
        _expire(request, now=now)


def _expire(request: transitions.Expired, *, now: datetime) -> None:
    actor = system_actor(request.organization_id, [request.clinic_id], channel="job")
    try:
        with unit_of_work(write=True):
            visit = appointment_queries.get_for_update(request.id, actor=actor)
            if visit.status == Status.PENDING:  # nobody confirmed it meanwhile
                appointments.cancel_appointment(request.id, reason="expired", actor=actor, now=now)
    except Exception:
        log.exception("the request %s did not expire; it comes again", request.id)


JOBS: tuple[tasks.Job, ...] = ()
PERIODIC_JOBS = (PeriodicJob(60, remind_due), PeriodicJob(60, expire_requests))
