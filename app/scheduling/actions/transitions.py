"""Transitions of a visit on its day: arrived, in session, finished, no-show; and their undo.

Asking for the state a visit is in already is a no-op: two receptionists press the same key.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from app.billing.actions import tickets
from app.billing.queries import tickets as ticket_queries
from app.clinics import queries as clinics
from app.encounters import actions as encounters
from app.encounters import queries as encounter_queries
from app.encounters.actions import NewEncounter
from app.encounters.models import Encounter
from app.encounters.rules import EncounterStatus
from app.kernel import clock
from app.kernel.access import Actor, Permission, can, require
from app.kernel.db import lock
from app.kernel.errors import Forbidden
from app.kernel.i18n import N_
from app.patients.profiles import patient_id_of
from app.scheduling import events, permissions, rules
from app.scheduling.actions import appointments, history, reach
from app.scheduling.actions.booking import flush_or_refuse
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments as appointment_queries
from app.scheduling.queries import booking as booking_queries
from app.scheduling.rules import Status
from app.scheduling.rules.booking import Attempt, check_free


def confirm_appointment(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Staff approve a request (pending becomes booked); or the patient confirms a booking.

    Raises NotFound, Forbidden, InvalidTransition.
    """
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    is_staff = can(actor, permissions.BOOK, visit.clinic_id)
    is_own = visit.patient_id == patient_id_of(actor)
    if not is_staff and not is_own:
        raise Forbidden
    if not is_own:
        reach.require_own_or_any_therapist(visit.clinic_id, visit.therapist_id, actor)
    if visit.status not in rules.EXPECTED:
        raise rules.invalid_transition(visit.status)
    if visit.status == Status.PENDING and is_staff:
        _step(visit, Status.BOOKED, events.AppointmentApproved, actor=actor, now=now)
    elif visit.confirmation != "accepted":
        visit.confirmation = "accepted"
        visit.version += 1
        history.add(visit.id, visit.status, visit.status, actor=actor, now=now, reason=rules.CONFIRMED)
        history.record(events.AppointmentConfirmed, visit, actor=actor, now=now)


def receive_patient(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Llegó: the patient is in the waiting room. Only on the day of the visit."""
    visit = _load(appointment_id, permissions.RECEIVE, actor)
    if visit.status in {Status.ARRIVED, Status.CHECKED_IN}:
        return
    zone = clinics.clinic(visit.clinic_id).timezone
    if clock.local_day(visit.starts_at, zone) != clock.local_day(now, zone):
        raise rules.NotToday
    _step(visit, Status.ARRIVED, events.AppointmentArrived, actor=actor, now=now)
    visit.arrived_at = now


def check_in_patient(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Lista: papers are done, the therapist may call."""
    visit = _load(appointment_id, permissions.RECEIVE, actor)
    if visit.status != Status.CHECKED_IN:
        _step(visit, Status.CHECKED_IN, events.AppointmentCheckedIn, actor=actor, now=now)


def start_session(appointment_id: int, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Pasar: the patient goes in; the encounter is in progress. From booked too (arrival not recorded), then
    the arrival is written as manual."""
    visit = _load(appointment_id, permissions.ATTEND, actor)
    if visit.status == Status.FULFILLED:
        return
    zone = clinics.clinic(visit.clinic_id).timezone
    if clock.local_day(visit.starts_at, zone) > clock.local_day(now, zone):
        raise rules.NotToday
    manual = N_("sin marcar la llegada") if visit.status == Status.BOOKED else ""
    _step(visit, Status.FULFILLED, events.AppointmentFulfilled, actor=actor, now=now, reason=reason or manual)
    visit.arrived_at = visit.arrived_at or now
    new = NewEncounter(
        organization_id=visit.organization_id,
        clinic_id=visit.clinic_id,
        patient_id=visit.patient_id,
        therapist_id=visit.therapist_id,
        appointment_id=visit.id,
    )
    encounters.start_encounter(new, actor=actor, now=now)


def finish_session(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Terminar: the session is over; what is left is the bill."""
    visit = _load(appointment_id, permissions.ATTEND, actor)
    encounter = encounter_queries.of_appointment(visit.id)
    if visit.status != Status.FULFILLED or encounter is None:
        raise rules.invalid_transition(visit.status)
    if encounter.status == EncounterStatus.FINISHED:
        return
    visit.status_since, visit.version = now, visit.version + 1
    history.add(visit.id, visit.status, visit.status, actor=actor, now=now, reason=rules.FINISHED)
    encounters.finish_encounter(encounter.id, actor=actor, now=now)


def mark_noshow(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """No vino: after the start and the clinic's grace, never by itself."""
    visit = _load(appointment_id, permissions.RECEIVE, actor)
    if visit.status == Status.NOSHOW:
        return
    grace = clinics.clinic(visit.clinic_id).noshow_grace_minutes
    if visit.status == Status.BOOKED and now < visit.starts_at + timedelta(minutes=grace):
        raise rules.TooEarlyForNoshow(minutes=grace)
    _step(visit, Status.NOSHOW, events.AppointmentNoShow, actor=actor, now=now)


def undo_last_step(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Deshacer: back to the state before, within its time; what freed its time takes it again if it still can.

    Raises NotFound, Forbidden, InvalidTransition, TooLateToUndo, HasPayment, SlotTaken, PatientBusy.
    """
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    if not any(can(actor, permission, visit.clinic_id) for permission in (permissions.RECEIVE, permissions.ATTEND)):
        raise Forbidden
    reach.require_own_or_any_therapist(visit.clinic_id, visit.therapist_id, actor)
    encounter = encounter_queries.of_appointment(visit.id)
    if encounter is not None and encounter.status == EncounterStatus.FINISHED:
        _reopen_session(visit, encounter, actor=actor, now=now)
        return
    old_status = visit.status
    back = rules.status_before(old_status, appointment_queries.previous_status(visit))
    is_undo = _check(visit, back, actor=actor, now=now)
    if old_status in {Status.CANCELLED, Status.NOSHOW}:
        _check_still_free(visit, now=now)
    _set_status(visit, back, actor=actor, now=now, is_undo=is_undo)
    if encounter is not None and encounter.status == EncounterStatus.IN_PROGRESS:
        encounters.discontinue_encounter(encounter.id, actor=actor, now=now)
    if back == Status.BOOKED:
        visit.arrived_at = None
    if old_status == Status.CANCELLED:
        _take_back_cancellation(visit, actor=actor, now=now)
    history.record(
        events.AppointmentUndone, visit, actor=actor, now=now, from_status=old_status, to_status=visit.status
    )


def _take_back_cancellation(visit: Appointment, *, actor: Actor, now: datetime) -> None:
    visit.cancel_reason, visit.cancelled_by, visit.sequence = "", None, visit.sequence + 1
    tickets.reopen_ticket_for(visit.id, actor=actor, now=now)
    reach.update_care_relation(visit, visit.therapist_id, actor=actor, now=now)


def _reopen_session(visit: Appointment, encounter: Encounter, *, actor: Actor, now: datetime) -> None:
    rules.check_reopening(
        encounter.finished_at or now, now=now, may_correct=can(actor, permissions.CORRECT, visit.clinic_id)
    )
    visit.status_since, visit.version = encounter.started_at, visit.version + 1
    history.add(visit.id, visit.status, visit.status, actor=actor, now=now, reason=rules.REOPENED, is_undo=True)
    encounters.reopen_encounter(encounter.id, actor=actor, now=now)


def enter_in_error(appointment_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Anular: the visit should never have been written; kept for the audit, out of every statistic.

    Raises NotFound, Forbidden, ReasonMissing, HasPayment.
    """
    visit = _load(appointment_id, permissions.CORRECT, actor)
    if visit.status == Status.ENTERED_IN_ERROR:
        return
    if not reason.strip():
        raise rules.ReasonMissing
    if ticket_queries.has_payments(visit.id):
        raise rules.HasPayment
    old_status = visit.status
    _set_status(visit, Status.ENTERED_IN_ERROR, actor=actor, now=now, reason=reason)
    tickets.void_ticket_of(visit.id, reason=reason, actor=actor, now=now)
    encounter = encounter_queries.of_appointment(visit.id)
    if encounter is not None:
        encounters.enter_encounter_in_error(encounter.id, actor=actor, now=now)
    reach.update_care_relation(visit, visit.therapist_id, actor=actor, now=now)
    history.record(events.AppointmentEnteredInError, visit, actor=actor, now=now, from_status=old_status)


def change_status(appointment_id: int, status: str, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Apply the transition that leads to ``status``, for the API's PATCH. The present status is a no-op.

    Raises InvalidTransition with ``details['allowed']``, UnknownStatus, and what the verb raises.
    """
    goal = rules.status_named(status)
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    present = Status(visit.status)
    if present == goal:
        return
    if goal not in rules.allowed_from(present):
        raise rules.invalid_transition(present)
    if (present, goal) in rules.UNDO and goal not in rules.STEPS.get(present, ()):
        undo_last_step(appointment_id, actor=actor, now=now)
    elif goal == Status.CANCELLED:
        appointments.cancel_appointment(appointment_id, reason=reason or "clinic", actor=actor, now=now)
    elif goal == Status.ENTERED_IN_ERROR:
        enter_in_error(appointment_id, reason=reason, actor=actor, now=now)
    elif goal == Status.FULFILLED:
        start_session(appointment_id, reason=reason, actor=actor, now=now)
    else:
        _VERBS[goal](appointment_id, actor=actor, now=now)


_VERBS: dict[Status, Callable[..., None]] = {
    Status.BOOKED: confirm_appointment,
    Status.ARRIVED: receive_patient,
    Status.CHECKED_IN: check_in_patient,
    Status.NOSHOW: mark_noshow,
}


def _load(appointment_id: int, permission: Permission, actor: Actor) -> Appointment:
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    require(actor, permission, visit.clinic_id)
    reach.require_own_or_any_therapist(visit.clinic_id, visit.therapist_id, actor)
    return visit


def _check(visit: Appointment, goal: Status, *, actor: Actor, now: datetime) -> bool:
    return rules.check_transition(
        visit.status,
        goal,
        since=visit.status_since,
        now=now,
        may_correct=can(actor, permissions.CORRECT, visit.clinic_id),
        has_payment=ticket_queries.has_payments(visit.id) if goal == Status.BOOKED else False,
    )


def _step(
    visit: Appointment,
    goal: Status,
    event: type[events.AppointmentChange],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Apply a forward transition (``undo_last_step``: the others), record its event. Raises InvalidTransition."""
    old_status = visit.status
    if _check(visit, goal, actor=actor, now=now):
        raise rules.invalid_transition(old_status)
    _set_status(visit, goal, actor=actor, now=now, reason=reason)
    history.record(event, visit, actor=actor, now=now, from_status=old_status)


def _set_status(visit: Appointment, goal: Status, *, actor: Actor, now: datetime, **of_history: Any) -> None:
    """Write the status and its row of the history. Raises SlotTaken when a constraint of the database refuses it."""
    old_status, visit.status, visit.status_since = visit.status, str(goal), now
    visit.version += 1
    flush_or_refuse()
    history.add(visit.id, old_status, visit.status, actor=actor, now=now, room_id=visit.room_id, **of_history)


def _check_still_free(visit: Appointment, *, now: datetime) -> None:
    """Raises SlotTaken, PatientBusy."""
    lock("bookings", visit.organization_id)
    calendar = booking_queries.calendar_of_visit(visit, clinics.clinic(visit.clinic_id), now=now)
    length = visit.ends_at - visit.starts_at
    attempt = Attempt(visit.therapist_id, visit.patient_id, visit.starts_at, length, is_self=False)
    check_free(calendar, attempt, now, room_id=visit.room_id)
