"""The steps of a visit on its day: it arrives, goes in, ends, or does not happen; and the way back.

Asking for the state a visit is in already is a no-op: two receptionists press the same key.
"""

from datetime import datetime, timedelta

from sqlalchemy import select

from app.billing.actions import tickets
from app.billing.queries import tickets as ticket_reads
from app.clinics import queries as clinics
from app.kernel import clock, outbox
from app.kernel.access import Actor, Permission, can, require
from app.kernel.db import db, lock
from app.kernel.errors import Forbidden
from app.kernel.i18n import N_
from app.scheduling import events, permissions, rules
from app.scheduling.actions import appointments, checks, history
from app.scheduling.models import Appointment, AppointmentEvent, Encounter
from app.scheduling.queries import appointments as reads
from app.scheduling.rules import Status


def confirm_appointment(appointment_id: int, *, source: str = "desk", actor: Actor, now: datetime) -> None:
    """The patient said yes (or the desk heard it): pending becomes booked, booked is accepted."""
    row = reads.locked(appointment_id, actor=actor)
    if not can(actor, permissions.BOOK, row.clinic_id) and row.patient_id != actor.patient_id:
        raise Forbidden
    if row.patient_id != actor.patient_id:
        checks.check_whose(row.clinic_id, row.therapist_id, actor)
    if row.status not in rules.EXPECTED:
        raise rules.InvalidTransition(
            state=rules.LABELS[row.status], details={"allowed": rules.allowed_from(row.status)}
        )
    if row.status == Status.PENDING and can(actor, permissions.BOOK, row.clinic_id):
        _step(row, Status.BOOKED, actor=actor, now=now, source=source)
    elif row.confirmation != "accepted":
        row.confirmation = "accepted"
        row.version += 1
        _tell(row, row.status, "confirmed", actor=actor, now=now)


def receive_patient(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Llegó: the patient is in the waiting room. Only on the day of the visit."""
    row = _load(appointment_id, permissions.RECEIVE, actor)
    if row.status in {Status.ARRIVED, Status.CHECKED_IN}:
        return
    zone = clinics.clinic(row.clinic_id).timezone
    if clock.local_day(row.starts_at, zone) != clock.local_day(now, zone):
        raise rules.NotToday
    _step(row, Status.ARRIVED, actor=actor, now=now)
    row.arrived_at = now


def check_in_patient(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Lista: papers are done, the therapist may call."""
    row = _load(appointment_id, permissions.RECEIVE, actor)
    if row.status != Status.CHECKED_IN:
        _step(row, Status.CHECKED_IN, actor=actor, now=now)


def start_session(appointment_id: int, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Pasar: the patient goes in; the encounter is in progress. From booked too (nobody pressed Llegó), then
    the arrival is written as manual."""
    row = _load(appointment_id, permissions.ATTEND, actor)
    if row.status == Status.FULFILLED:
        return
    zone = clinics.clinic(row.clinic_id).timezone
    if clock.local_day(row.starts_at, zone) > clock.local_day(now, zone):
        raise rules.NotToday
    manual = row.status == Status.BOOKED
    _step(row, Status.FULFILLED, actor=actor, now=now, reason=reason or (N_("sin marcar la llegada") if manual else ""))
    row.arrived_at = row.arrived_at or now
    encounter = reads.encounter_of(row.id)
    if encounter is None:
        db.session.add(Encounter(appointment_id=row.id, status="in-progress", started_at=now))
    else:
        encounter.status, encounter.started_at, encounter.finished_at = "in-progress", now, None


def finish_session(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Terminar: the session is over; what is left is the bill."""
    row = _load(appointment_id, permissions.ATTEND, actor)
    encounter = reads.encounter_of(row.id)
    if row.status != Status.FULFILLED or encounter is None:
        raise rules.InvalidTransition(
            state=rules.LABELS[row.status], details={"allowed": rules.allowed_from(row.status)}
        )
    if encounter.status == "finished":
        return
    encounter.status, encounter.finished_at = "finished", now
    row.status_since, row.version = now, row.version + 1
    history.log(row.id, row.status, row.status, actor=actor, now=now, reason="finished")
    _tell(row, row.status, "finished", actor=actor, now=now)


def mark_noshow(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """No vino: after the start and the clinic's grace, never by itself."""
    row = _load(appointment_id, permissions.RECEIVE, actor)
    if row.status == Status.NOSHOW:
        return
    grace = clinics.clinic(row.clinic_id).noshow_grace_minutes
    if row.status == Status.BOOKED and now < row.starts_at + timedelta(minutes=grace):
        raise rules.TooEarlyForNoshow(minutes=grace)
    _step(row, Status.NOSHOW, actor=actor, now=now)


def undo_last_step(appointment_id: int, *, actor: Actor, now: datetime) -> None:
    """Deshacer: back to the state before, within its time; leaving a final state checks the slot again."""
    row = reads.locked(appointment_id, actor=actor)
    _require_any(actor, row.clinic_id, permissions.RECEIVE, permissions.ATTEND)
    checks.check_whose(row.clinic_id, row.therapist_id, actor)
    encounter = reads.encounter_of(row.id)
    if encounter is not None and encounter.status == "finished":
        _reopen_session(row, encounter, actor=actor, now=now)
        return
    back = _state_before(row)
    is_undo = _check(row, back, actor=actor, now=now)
    if row.status in {Status.CANCELLED, Status.NOSHOW}:
        _check_still_free(row, now=now)
    _set(row, back, actor=actor, now=now, is_undo=is_undo)
    if encounter is not None:
        encounter.status = "discontinued"
    if back == Status.BOOKED:
        row.arrived_at = None
    if row.cancel_reason and back == Status.BOOKED:
        row.cancel_reason, row.cancelled_by, row.sequence = "", None, row.sequence + 1
        tickets.reopen_ticket_for(row.id, actor=actor, now=now)


def enter_in_error(appointment_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Anular: the visit should never have been written; kept for the audit, out of every statistic."""
    row = _load(appointment_id, permissions.CORRECT, actor)
    if row.status == Status.ENTERED_IN_ERROR:
        return
    if not reason.strip():
        raise rules.ReasonMissing
    if ticket_reads.has_payments(row.id):
        raise rules.HasPayment
    _set(row, Status.ENTERED_IN_ERROR, actor=actor, now=now, reason=reason)
    tickets.void_ticket_of(row.id, reason=reason, actor=actor, now=now)


def change_status(appointment_id: int, status: str, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """The verb that leads to ``status``: what the API's PATCH says. The present status is a no-op.

    Raises InvalidTransition with ``details['allowed']``, UnknownStatus.
    """
    goal = rules.status_named(status)
    row = reads.locked(appointment_id, actor=actor)
    if row.status == goal:
        return
    if (Status(row.status), goal) in rules.UNDO and goal not in rules.STEPS.get(Status(row.status), ()):
        undo_last_step(appointment_id, actor=actor, now=now)
        return
    if goal not in rules.allowed_from(row.status):
        raise rules.InvalidTransition(
            state=rules.LABELS[row.status], details={"allowed": rules.allowed_from(row.status), "status": row.status}
        )
    if goal == Status.CANCELLED:
        appointments.cancel_appointment(appointment_id, reason=reason or "clinic", source="api", actor=actor, now=now)
    elif goal == Status.ENTERED_IN_ERROR:
        enter_in_error(appointment_id, reason=reason, actor=actor, now=now)
    elif goal == Status.FULFILLED:
        start_session(appointment_id, reason=reason, actor=actor, now=now)
    else:
        verbs = {
            Status.BOOKED: confirm_appointment,
            Status.ARRIVED: receive_patient,
            Status.CHECKED_IN: check_in_patient,
            Status.NOSHOW: mark_noshow,
        }
        verbs[goal](appointment_id, actor=actor, now=now)


def _load(appointment_id: int, permission: Permission, actor: Actor) -> Appointment:
    row = reads.locked(appointment_id, actor=actor)
    require(actor, permission, row.clinic_id)
    checks.check_whose(row.clinic_id, row.therapist_id, actor)
    return row


def _require_any(actor: Actor, clinic_id: int, *needed: Permission) -> None:
    if not any(can(actor, permission, clinic_id) for permission in needed):
        raise Forbidden


def _check(row: Appointment, goal: Status, *, actor: Actor, now: datetime) -> bool:
    return rules.check_transition(
        row.status,
        goal,
        since=row.status_since,
        now=now,
        may_correct=can(actor, permissions.CORRECT, row.clinic_id),
        has_payment=ticket_reads.has_payments(row.id) if goal == Status.BOOKED else False,
    )


def _step(
    row: Appointment, goal: Status, *, actor: Actor, now: datetime, reason: str = "", source: str = "desk"
) -> None:
    is_undo = _check(row, goal, actor=actor, now=now)
    _set(row, goal, actor=actor, now=now, reason=reason, source=source, is_undo=is_undo)


def _set(
    row: Appointment,
    goal: Status,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    source: str = "desk",
    is_undo: bool = False,
) -> None:
    old, row.status, row.status_since = row.status, str(goal), now
    row.version += 1
    checks.flush_or_taken()
    history.log(
        row.id,
        old,
        row.status,
        actor=actor,
        now=now,
        reason=reason,
        source=source,
        room_id=row.room_id,
        is_undo=is_undo,
    )
    _tell(row, old, row.status, actor=actor, now=now, is_undo=is_undo)


def _tell(row: Appointment, old: str, new: str, *, actor: Actor, now: datetime, is_undo: bool = False) -> None:
    zone = clinics.clinic(row.clinic_id).timezone
    outbox.record(
        events.StatusChanged(
            appointment_id=row.id,
            therapist_id=row.therapist_id,
            from_status=old,
            to_status=new,
            day=clock.local_day(row.starts_at, zone).isoformat(),
            is_undo=is_undo,
        ),
        actor=actor,
        now=now,
        clinic_id=row.clinic_id,
        subject_id=row.id,
        patient_id=row.patient_id,
    )


def _state_before(row: Appointment) -> Status:
    """Where the last step came from; a session goes back to Lista whatever came before it."""
    if row.status == Status.FULFILLED:
        return Status.CHECKED_IN
    event = AppointmentEvent
    before = db.session.scalar(
        select(event.from_status)
        .where(event.appointment_id == row.id, event.to_status == row.status, event.from_status != event.to_status)
        .order_by(event.at.desc(), event.id.desc())
        .limit(1)
    )
    back = Status(before) if before else Status.BOOKED
    return Status.BOOKED if back == Status.PENDING else back


def _reopen_session(row: Appointment, encounter: Encounter, *, actor: Actor, now: datetime) -> None:
    limit = rules.UNDO[Status.FULFILLED, Status.CHECKED_IN]
    finished = encounter.finished_at or now
    if now - finished > limit and not can(actor, permissions.CORRECT, row.clinic_id):
        raise rules.TooLateToUndo
    encounter.status, encounter.finished_at = "in-progress", None
    row.status_since, row.version = encounter.started_at, row.version + 1
    history.log(row.id, row.status, row.status, actor=actor, now=now, reason="reopened", is_undo=True)
    _tell(row, "finished", row.status, actor=actor, now=now, is_undo=True)


def _check_still_free(row: Appointment, *, now: datetime) -> None:
    lock("bookings", row.organization_id)
    checks.check_free(
        clinics.clinic(row.clinic_id),
        row.starts_at,
        row.ends_at,
        row.therapist_id,
        row.patient_id,
        row.room_id,
        now=now,
        except_id=row.id,
    )
