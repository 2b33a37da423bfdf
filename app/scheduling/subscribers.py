"""Subscribers to the events of visits: notify the patient and the therapist.

Each reads the visit as it stands now; what is no longer true is left to the later event.
"""

from datetime import datetime

from app.kernel.outbox import EventRow
from app.scheduling import events, rules
from app.scheduling.actions import notices
from app.scheduling.queries import notices as notice_queries
from app.scheduling.queries.notices import Notice
from app.scheduling.rules import Status


def on_booked(*, event: EventRow, now: datetime) -> None:
    booked = event.parse(events.AppointmentBooked)
    visit = notice_queries.get(booked.appointment_id)
    if visit.sequence != booked.sequence:
        return
    if visit.status in rules.EXPECTED:
        due_at = now + notices.ONLINE_GRACE if visit.origin == "online" else None
        notices.notify_patient("confirmation", visit, now=now, due_at=due_at)
        notices.notify_therapist("confirmation", visit, now=now)
    elif visit.status == Status.ARRIVED:  # a walk-in stands at the desk; only the therapist is elsewhere
        notices.notify_therapist("arrived", visit, now=now)


def on_moved(*, event: EventRow, now: datetime) -> None:
    moved = event.parse(events.AppointmentMoved)
    visit = notice_queries.get(moved.appointment_id)
    if visit.status not in rules.EXPECTED or visit.sequence != moved.sequence:
        return
    notices.notify_changed(visit, before=moved.old_starts_at, now=now)
    if moved.old_therapist_id == visit.therapist_id:
        notices.notify_therapist("changed", visit, before=moved.old_starts_at, now=now)
        return
    notices.notify_therapist("confirmation", visit, now=now)
    former = notice_queries.account_of_therapist(moved.old_therapist_id)
    if former is not None:
        notices.notify_therapist("given-away", visit, account=former, now=now)


def on_cancelled(*, event: EventRow, now: datetime) -> None:
    cancelled = event.parse(events.AppointmentCancelled)
    visit = notice_queries.get(cancelled.appointment_id)
    if visit.status == Status.CANCELLED and visit.sequence == cancelled.sequence:
        notices.notify_cancelled(visit, now=now)


def on_approved(*, event: EventRow, now: datetime) -> None:
    approved = event.parse(events.AppointmentApproved)
    visit = notice_queries.get(approved.appointment_id)
    if visit.status == Status.BOOKED:
        _notify_it_stands(visit, after=approved.from_status, now=now)


def on_undone(*, event: EventRow, now: datetime) -> None:
    undone = event.parse(events.AppointmentUndone)
    visit = notice_queries.get(undone.appointment_id)
    if undone.from_status == Status.CANCELLED and visit.status == undone.to_status == Status.BOOKED:
        _notify_it_stands(visit, after=undone.from_status, now=now)


def _notify_it_stands(visit: Notice, *, after: str, now: datetime) -> None:
    notices.notify_reinstated(visit, after=after, now=now)
    notices.notify_therapist("confirmation", visit, now=now)


def on_arrived(*, event: EventRow, now: datetime) -> None:
    visit = notice_queries.get(event.parse(events.AppointmentArrived).appointment_id)
    if visit.status == Status.ARRIVED:
        notices.notify_therapist("arrived", visit, now=now)


def on_no_show(*, event: EventRow, now: datetime) -> None:
    visit = notice_queries.get(event.parse(events.AppointmentNoShow).appointment_id)
    if visit.status == Status.NOSHOW:
        notices.create_inbox_item(visit.patient_user, "noshow", visit, name="noshow", now=now)


def on_entered_in_error(*, event: EventRow, now: datetime) -> None:
    entered = event.parse(events.AppointmentEnteredInError)
    visit = notice_queries.get(entered.appointment_id)
    was_expected = entered.from_status in rules.EXPECTED and visit.starts_at > now
    if visit.status == Status.ENTERED_IN_ERROR and was_expected:
        notices.notify_cancelled(visit, now=now)


SUBSCRIPTIONS = (
    (events.AppointmentBooked, "scheduling.notify_booked", on_booked),
    (events.AppointmentMoved, "scheduling.notify_moved", on_moved),
    (events.AppointmentCancelled, "scheduling.notify_cancelled", on_cancelled),
    (events.AppointmentApproved, "scheduling.notify_approved", on_approved),
    (events.AppointmentUndone, "scheduling.notify_undone", on_undone),
    (events.AppointmentArrived, "scheduling.notify_arrived", on_arrived),
    (events.AppointmentNoShow, "scheduling.notify_no_show", on_no_show),
    (events.AppointmentEnteredInError, "scheduling.notify_entered_in_error", on_entered_in_error),
)
