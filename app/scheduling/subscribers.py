"""When a visit was booked, moved, cancelled or went a step on: tell whom it concerns.

Each reads the visit as it stands now; what is no longer true is left to the later fact.
"""

from datetime import datetime

from app.kernel.outbox import EventRow
from app.scheduling import events, rules
from app.scheduling.actions import notices as tell
from app.scheduling.queries import notices
from app.scheduling.rules import Status


def on_booked(*, event: EventRow, now: datetime) -> None:
    booked = event.parse(events.AppointmentBooked)
    visit = notices.get(booked.appointment_id)
    if visit.sequence != booked.sequence:
        return
    if visit.status in rules.EXPECTED:
        due_at = now + tell.ONLINE_GRACE if visit.origin == "online" else None
        tell.tell_patient("confirmation", visit, now=now, due_at=due_at)
        tell.tell_therapist("confirmation", visit, now=now)
    elif visit.status == Status.ARRIVED:  # a walk-in stands at the desk; only the therapist is elsewhere
        tell.tell_therapist("arrived", visit, now=now)


def on_moved(*, event: EventRow, now: datetime) -> None:
    moved = event.parse(events.AppointmentMoved)
    visit = notices.get(moved.appointment_id)
    if visit.status not in rules.EXPECTED or visit.sequence != moved.sequence:
        return
    tell.tell_of_the_change(visit, now=now)
    former_id = moved.old_therapist_id
    if former_id == visit.therapist_id:
        tell.tell_therapist("changed", visit, now=now)
        return
    tell.tell_therapist("confirmation", visit, now=now)
    former = notices.account_of_therapist(former_id)
    if former is not None:
        tell.tell_therapist("given-away", visit, account=former, now=now)


def on_cancelled(*, event: EventRow, now: datetime) -> None:
    cancelled = event.parse(events.AppointmentCancelled)
    visit = notices.get(cancelled.appointment_id)
    if visit.status == Status.CANCELLED and visit.sequence == cancelled.sequence:
        tell.tell_of_the_end(visit, now=now)


def on_status_changed(*, event: EventRow, now: datetime) -> None:
    changed = event.parse(events.StatusChanged)
    visit = notices.get(changed.appointment_id)
    before, after = changed.from_status, changed.to_status
    if visit.status != after or before == after:
        return
    if after == Status.BOOKED and before in {Status.PENDING, Status.PROPOSED, Status.WAITLIST, Status.CANCELLED}:
        tell.tell_it_stands(visit, after=before, now=now)
        tell.tell_therapist("confirmation", visit, now=now)
    elif after == Status.ENTERED_IN_ERROR and before in rules.EXPECTED and visit.starts_at > now:
        tell.tell_of_the_end(visit, now=now)
    elif after == Status.ARRIVED and not changed.is_undo:
        tell.tell_therapist("arrived", visit, now=now)
    elif after == Status.NOSHOW:
        tell.write_line(visit.patient_user, "noshow", visit, name="noshow", now=now)


SUBSCRIPTIONS = (
    (events.AppointmentBooked, "scheduling.notify_booked", on_booked),
    (events.AppointmentMoved, "scheduling.notify_moved", on_moved),
    (events.AppointmentCancelled, "scheduling.notify_cancelled", on_cancelled),
    (events.StatusChanged, "scheduling.notify_status", on_status_changed),
)
