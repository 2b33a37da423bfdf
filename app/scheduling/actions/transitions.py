"""Transitions of a visit: accepted, arrived, in session, finished, no-show, and their undo.

``rules.transitions`` decides; what follows from a step is written here. Asking for the state that a visit is in
already is a no-op: two receptionists press the same key.
"""

from datetime import datetime
from typing import Any

from app.billing.actions import credit, tickets
from app.billing.rules import decisions
from app.encounters import actions as encounters
from app.encounters import queries as encounter_queries
from app.encounters.actions import NewEncounter
from app.encounters.models import Encounter
from app.encounters.rules import EncounterStatus
from app.kernel.access import Actor
from app.kernel.i18n import N_
from app.scheduling import events, rules
from app.scheduling.actions import appointments, booking, history, reach
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments as appointment_queries
from app.scheduling.queries import transitions as queries
from app.scheduling.rules import Status, transitions


def confirm_appointment(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Staff accept a request (booked now); or the patient of a booking will come.

    Raises NotFound, Forbidden, InvalidTransition, SlotTaken.
    """
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    if visit.status in (*rules.REQUESTS, Status.PENDING):
        _take(visit, Status.BOOKED, actor=actor, now=now)
        return
    if visit.status != Status.BOOKED:  # from here "booked" would be an undo
        raise queries.refusal(visit, actor=actor, now=now)
    reach.require_booking_of(visit, actor)
    if visit.confirmation != "accepted":
        visit.confirmation = "accepted"
        visit.version += 1
        history.add(visit.id, visit.status, visit.status, actor=actor, now=now, reason=rules.CONFIRMED)
        history.record(events.AppointmentConfirmed, visit, actor=actor, now=now)


def receive_patient(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Llegó: the patient is in the waiting room. Only on the day of the visit; a no-op for who is here already."""
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    if visit.status != Status.CHECKED_IN:
        _take(visit, Status.ARRIVED, actor=actor, now=now)


def check_in_patient(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Lista: papers are done, the therapist may call. A step forward never goes back."""
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    if visit.status == Status.FULFILLED:
        raise queries.refusal(visit, actor=actor, now=now)
    _take(visit, Status.CHECKED_IN, actor=actor, now=now)


def start_session(appointment_id: int, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Pasar: the patient goes in; the encounter is in progress.

    From booked too: then the arrival is written as manual, and after the day of the visit a reason is needed.
    Raises NotFound, Forbidden, InvalidTransition, NotToday, ReasonMissing.
    """
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    _take(visit, Status.FULFILLED, reason=reason, actor=actor, now=now)


def finish_session(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Terminar: the session is over; what is left is the bill."""
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    reach.require_attending(visit, actor=actor, now=now)
    encounter = encounter_queries.of_appointment(visit.id)
    if visit.status != Status.FULFILLED or encounter is None:
        raise queries.refusal(visit, actor=actor, now=now)
    if encounter.status == EncounterStatus.FINISHED:
        return
    visit.status_since, visit.version = now, visit.version + 1
    history.add(visit.id, visit.status, visit.status, actor=actor, now=now, reason=rules.FINISHED)
    encounters.finish_encounter(encounter.id, actor=actor, now=now)


def mark_noshow(appointment_id: int, *, money: str = "", actor: Actor, now: datetime) -> None:
    """No vino: after the start and the clinic's grace, never by itself.

    ``money`` is a ``MoneyDecision``; needed when there is a payment, else nothing is charged without one.
    Raises NotFound, Forbidden, InvalidTransition, TooEarlyForNoshow, MoneyDecisionNeeded, Invalid.
    """
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    _take(visit, Status.NOSHOW, money=money, actor=actor, now=now)


def enter_in_error(appointment_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Anular: the visit should never have been written; kept for the audit, out of every statistic.

    Raises NotFound, Forbidden, ReasonMissing, HasPayment.
    """
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    _take(visit, Status.ENTERED_IN_ERROR, reason=reason, actor=actor, now=now)


def change_status(
    appointment_id: int, status: str, *, reason: str = "", money: str = "", actor: Actor, now: datetime
) -> None:
    """Bring a visit into ``status``, forward or back, for the API's PATCH. The present status is a no-op.

    Raises UnknownStatus, Forbidden, InvalidTransition with ``details['allowed']``, and what the step raises.
    """
    goal = rules.status_named(status)
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    if goal == Status.CANCELLED:
        appointments.cancel_appointment(appointment_id, reason=reason, money=money, actor=actor, now=now)
    else:
        _take(visit, goal, reason=reason, money=money, actor=actor, now=now)


# ------------------------------------------------------------------ forward


def _take(visit: Appointment, goal: Status, *, reason: str = "", money: str = "", actor: Actor, now: datetime) -> None:
    """The step of the table from the visit's state to ``goal``. Raises what the table refuses."""
    if visit.status == goal:
        return
    step = reach.require_step(visit, goal, actor=actor, now=now)
    if step.is_undo:
        _go_back(visit, goal, actor=actor, now=now)
    elif goal in (Status.PENDING, Status.BOOKED):
        _accept(visit, goal, actor=actor, now=now)
    elif goal == Status.ARRIVED:
        _receive(visit, actor=actor, now=now)
    elif goal == Status.CHECKED_IN:
        _set_status(visit, goal, events.AppointmentCheckedIn, actor=actor, now=now)
    elif goal == Status.FULFILLED:
        _start_session(visit, reason.strip(), actor=actor, now=now)
    elif goal == Status.NOSHOW:
        _mark_noshow(visit, money, actor=actor, now=now)
    elif goal == Status.ENTERED_IN_ERROR:
        _enter_in_error(visit, reason.strip(), actor=actor, now=now)
    else:
        raise queries.refusal(visit, actor=actor, now=now)


def _accept(visit: Appointment, goal: Status, *, actor: Actor, now: datetime) -> None:
    """A request becomes a booking; one that waited without a time takes it, and gets its ticket."""
    waited = visit.status in rules.REQUESTS
    if waited:
        booking.choose_room_for(visit, now=now)
    if goal == Status.BOOKED:
        _set_status(visit, goal, events.AppointmentApproved, actor=actor, now=now)
    else:
        _set_status(visit, goal, actor=actor, now=now)
        booking.record_request(visit, actor=actor, now=now)
    if waited:
        booking.open_ticket_if_missing(visit, actor=actor, now=now)
        reach.update_care_relation(visit, visit.therapist_id, actor=actor, now=now)


def _receive(visit: Appointment, *, actor: Actor, now: datetime) -> None:
    came_late = visit.status == Status.NOSHOW
    _set_status(visit, Status.ARRIVED, events.AppointmentArrived, actor=actor, now=now)
    visit.arrived_at = now
    if came_late:
        tickets.reopen_ticket_for(visit.id, actor=actor, now=now)


def _start_session(visit: Appointment, reason: str, *, actor: Actor, now: datetime) -> None:
    facts, _caller = queries.situation(visit, actor=actor, now=now)
    if visit.status == Status.BOOKED and facts.days_ahead < 0 and not reason:
        raise rules.ReasonMissing
    manual = N_("sin marcar la llegada") if visit.status == Status.BOOKED else ""
    _set_status(visit, Status.FULFILLED, events.AppointmentFulfilled, actor=actor, now=now, reason=reason or manual)
    visit.arrived_at = visit.arrived_at or now
    new = NewEncounter(
        organization_id=visit.organization_id,
        clinic_id=visit.clinic_id,
        patient_id=visit.patient_id,
        therapist_id=visit.therapist_id,
        appointment_id=visit.id,
    )
    encounters.start_encounter(new, actor=actor, now=now)


def _mark_noshow(visit: Appointment, money: str, *, actor: Actor, now: datetime) -> None:
    offered, has_payment = credit.choices_of(visit.id, never_owes=False, is_late=True)
    decision = decisions.decide(money, offered, is_needed=has_payment)
    _set_status(visit, Status.NOSHOW, events.AppointmentNoShow, actor=actor, now=now)
    credit.settle_ticket_of(visit.id, decision, reason=N_("Inasistencia sin cobro"), actor=actor, now=now)


def _enter_in_error(visit: Appointment, reason: str, *, actor: Actor, now: datetime) -> None:
    if not reason:
        raise rules.ReasonMissing
    _set_status(visit, Status.ENTERED_IN_ERROR, events.AppointmentEnteredInError, actor=actor, now=now, reason=reason)
    tickets.void_ticket_of(visit.id, reason=reason, actor=actor, now=now)
    encounter = encounter_queries.of_appointment(visit.id)
    if encounter is not None:
        encounters.enter_encounter_in_error(encounter.id, actor=actor, now=now)
    reach.update_care_relation(visit, visit.therapist_id, actor=actor, now=now)


# ------------------------------------------------------------------ back


def undo_last_step(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Deshacer: back to the state before, one step at a time and never forward; what freed its time takes it again.

    Raises NotFound, Forbidden, InvalidTransition, TooLateToUndo, HasPayment, SlotTaken, PatientBusy.
    """
    visit = appointment_queries.get_for_update(appointment_id, actor=actor)
    encounter = encounter_queries.of_appointment(visit.id)
    if encounter is not None and encounter.status == EncounterStatus.FINISHED:
        _reopen_session(visit, encounter, actor=actor, now=now)
        return
    back = transitions.way_back(Status(visit.status), queries.path_of(visit.id))
    if back is None:
        raise queries.refusal(visit, actor=actor, now=now, error=transitions.NothingToUndo())
    _take(visit, back, actor=actor, now=now)


def _go_back(visit: Appointment, goal: Status, *, actor: Actor, now: datetime) -> None:
    old_status = visit.status
    _set_status(visit, goal, actor=actor, now=now, is_undo=True)
    if old_status == Status.FULFILLED:
        _take_back_session(visit, actor=actor, now=now)
    if goal == Status.BOOKED:
        visit.arrived_at = None
    if old_status == Status.CANCELLED:
        visit.cancel_reason, visit.cancelled_by, visit.sequence = "", None, visit.sequence + 1
        booking.open_ticket_if_missing(visit, actor=actor, now=now)
        reach.update_care_relation(visit, visit.therapist_id, actor=actor, now=now)
    if old_status in {Status.CANCELLED, Status.NOSHOW}:
        tickets.reopen_ticket_for(visit.id, actor=actor, now=now)
    history.record(events.AppointmentUndone, visit, actor=actor, now=now, from_status=old_status, to_status=str(goal))


def _take_back_session(visit: Appointment, *, actor: Actor, now: datetime) -> None:
    """The encounter of a session that did not begin is discontinued, a finished one as well."""
    encounter = encounter_queries.of_appointment(visit.id)
    if encounter is None:
        return
    if encounter.status == EncounterStatus.FINISHED:
        encounters.reopen_encounter(encounter.id, actor=actor, now=now)
    if encounter.status == EncounterStatus.IN_PROGRESS:
        encounters.discontinue_encounter(encounter.id, actor=actor, now=now)


def _reopen_session(visit: Appointment, encounter: Encounter, *, actor: Actor, now: datetime) -> None:
    """The end was pressed too early: the session goes on."""
    facts, caller = queries.situation(visit, actor=actor, now=now)
    problem = transitions.may_reopen(caller, finished_at=encounter.finished_at or now, now=now)
    if problem is not None:
        raise transitions.explained(problem, facts, caller)
    visit.status_since, visit.version = encounter.started_at, visit.version + 1
    history.add(visit.id, visit.status, visit.status, actor=actor, now=now, reason=rules.REOPENED, is_undo=True)
    encounters.reopen_encounter(encounter.id, actor=actor, now=now)


def _set_status(
    visit: Appointment,
    goal: Status,
    event: type[events.AppointmentChange] | None = None,
    *,
    actor: Actor,
    now: datetime,
    **of_history: Any,
) -> None:
    """Write the status, its row of the history and its event. Raises SlotTaken when the database refuses it."""
    old_status, visit.status, visit.status_since = visit.status, str(goal), now
    visit.version += 1
    booking.flush_or_refuse()
    history.add(visit.id, old_status, visit.status, actor=actor, now=now, room_id=visit.room_id, **of_history)
    if event is not None:
        history.record(event, visit, actor=actor, now=now, from_status=old_status)
