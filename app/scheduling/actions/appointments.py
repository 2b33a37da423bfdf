"""Book, move, cancel and correct appointments. One lock per organization makes a check reliable;
the database refuses an overlap whatever the code does."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from app.billing.actions import tickets
from app.clinics import queries as clinics
from app.clinics.queries import ClinicFacts
from app.kernel import clock, ids, outbox
from app.kernel.access import Actor, can, require
from app.kernel.db import db, lock
from app.kernel.errors import Conflict, Forbidden
from app.kernel.i18n import N_
from app.scheduling import events, permissions, rules
from app.scheduling.actions import checks, history
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments as reads
from app.scheduling.rules import Status


class StaleVersion(Conflict):
    code = "STALE_VERSION"
    message = N_("Otra persona cambió esta cita hace un momento. Revise cómo quedó y vuelva a intentar.")


@dataclass(frozen=True, slots=True)
class Booked:
    id: int
    clinic_id: int
    starts_at: datetime
    status: str
    ticket: tickets.IssuedTicket


def book_appointment(
    *,
    clinic_id: int,
    therapist_id: int,
    patient_id: int,
    service_id: int,
    starts_at: datetime,
    duration_minutes: int | None = None,
    reason: str = "",
    notes: str = "",
    override_reason: str = "",
    origin: str = "desk",
    is_here: bool = False,
    actor: Actor,
    now: datetime,
) -> Booked:
    """Reserve a time and open its ticket, in one transaction; ``is_here`` for who stands at the desk already.

    Staff book for anybody of their clinic; a patient only for themselves, online services, within the
    clinic's notice. Raises NotFound, SlotTaken (with alternatives), PatientBusy, OutsideSchedule,
    InThePast, TooSoon, TooFar.
    """
    by_patient = _who_books(clinic_id, patient_id, therapist_id, actor)
    who = {"clinic_id": clinic_id, "therapist_id": therapist_id, "patient_id": patient_id, "service_id": service_id}
    facts = reads.booking_facts(**who, actor=actor)
    if by_patient and not facts.is_online:
        raise Forbidden
    clinic = clinics.clinic(clinic_id)
    minutes = duration_minutes if duration_minutes and not by_patient else facts.duration_minutes
    ends_at = starts_at + checks.length_of(minutes)
    lock("bookings", facts.organization_id)
    checks.check_time(clinic, starts_at, now=now, by_patient=by_patient)
    room_id = checks.check_schedule(
        clinic, therapist_id, starts_at, ends_at, override_reason=override_reason, actor=actor
    )
    checks.check_free(clinic, starts_at, ends_at, therapist_id, patient_id, room_id, now=now)
    visit = {
        **who,
        "organization_id": facts.organization_id,
        "room_id": room_id,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "status": str(_first_status(is_here=is_here, needs_confirmation=by_patient and not clinic.auto_confirm)),
        "origin": "online" if by_patient else origin,
        "reason": reason,
        "notes": "" if by_patient else notes,
        "override_reason": override_reason,
        "is_first_visit": facts.is_first_visit,
    }
    appointment_id = _insert(visit, actor=actor, now=now)
    day = clock.local_day(starts_at, clinic.timezone)
    ticket = tickets.open_ticket(
        **who,
        appointment_id=appointment_id,
        concept=facts.service_name,
        amount_cents=facts.price_cents,
        currency=facts.currency,
        tax_rate_bp=facts.tax_rate_bp,
        service_day=day,
        actor=actor,
        now=now,
    )
    _tell_booked(appointment_id, visit, day, actor=actor, now=now)
    return Booked(appointment_id, clinic_id, starts_at, visit["status"], ticket)


def _tell_booked(appointment_id: int, visit: dict[str, Any], day: date, *, actor: Actor, now: datetime) -> None:
    fact = events.AppointmentBooked(
        appointment_id=appointment_id,
        therapist_id=visit["therapist_id"],
        status=visit["status"],
        sequence=0,
        starts_at=visit["starts_at"],
        day=day.isoformat(),
        origin=visit["origin"],
    )
    outbox.record(
        fact,
        actor=actor,
        now=now,
        clinic_id=visit["clinic_id"],
        subject_id=appointment_id,
        patient_id=visit["patient_id"],
    )


def _first_status(*, is_here: bool, needs_confirmation: bool) -> Status:
    if is_here:
        return Status.ARRIVED
    return Status.PENDING if needs_confirmation else Status.BOOKED  # D12


def _who_books(clinic_id: int, patient_id: int, therapist_id: int, actor: Actor) -> bool:
    """Whether the patients themselves book; Forbidden when the actor may book for nobody like that."""
    if can(actor, permissions.BOOK, clinic_id):
        checks.check_whose(clinic_id, therapist_id, actor)
        return False
    if permissions.BOOK_OWN.code in actor.own and patient_id == actor.patient_id:
        return True
    raise Forbidden


def _insert(visit: dict[str, Any], *, actor: Actor, now: datetime) -> int:
    """Write the visit and its first event. The guards of the database are the last word."""
    written = {"uid": ids.uid(), "status_since": now, "created_at": now, "created_by": actor.user_id}
    if visit["status"] == Status.ARRIVED:
        written["arrived_at"] = now
    try:
        query = insert(Appointment).returning(Appointment.id)
        appointment_id = int(db.session.execute(query, visit | written).scalar_one())
    except IntegrityError as error:
        raise checks.JustTaken from error
    history.log(
        appointment_id,
        None,
        visit["status"],
        actor=actor,
        now=now,
        source=visit["origin"],
        new_starts_at=visit["starts_at"],
        new_ends_at=visit["ends_at"],
    )
    return appointment_id


def move_appointment(
    appointment_id: int,
    *,
    starts_at: datetime,
    therapist_id: int | None = None,
    duration_minutes: int | None = None,
    version: int | None = None,
    override_reason: str = "",
    source: str = "desk",
    actor: Actor,
    now: datetime,
) -> None:
    """Another time or therapist on the same row: ticket, payments and talk stay attached.

    Only what is still expected can move. Raises NotFound, StaleVersion, SlotTaken, PatientBusy,
    OutsideSchedule, InThePast, NoticeTooShort (patients), InvalidTransition.
    """
    row = reads.locked(appointment_id, actor=actor)
    by_patient = _who_changes(row, actor)
    if version is not None and row.version != version:
        raise StaleVersion
    if row.status not in rules.EXPECTED:
        raise _not_from(row.status)
    clinic = clinics.clinic(row.clinic_id)
    if by_patient and not rules.may_patient_change(row.starts_at, now=now, notice_hours=clinic.change_notice_hours):
        raise rules.NoticeTooShort(hours=clinic.change_notice_hours)
    therapist = therapist_id or row.therapist_id
    minutes = duration_minutes if duration_minutes and not by_patient else _minutes(row)
    ends_at = starts_at + checks.length_of(minutes)
    if (starts_at, ends_at, therapist) == (row.starts_at, row.ends_at, row.therapist_id):
        return
    if therapist != row.therapist_id and not clinics.offers(therapist, row.service_id):
        raise rules.OutsideSchedule
    lock("bookings", row.organization_id)
    checks.check_time(clinic, starts_at, now=now, by_patient=by_patient)
    room_id = checks.check_schedule(clinic, therapist, starts_at, ends_at, override_reason=override_reason, actor=actor)
    checks.check_free(clinic, starts_at, ends_at, therapist, row.patient_id, room_id, now=now, except_id=row.id)
    _move(row, starts_at, ends_at, therapist, room_id, clinic=clinic, source=source, actor=actor, now=now)


def _move(
    row: Appointment,
    starts_at: datetime,
    ends_at: datetime,
    therapist_id: int,
    room_id: int | None,
    *,
    clinic: ClinicFacts,
    source: str,
    actor: Actor,
    now: datetime,
) -> None:
    old_start, old_end, old_therapist = row.starts_at, row.ends_at, row.therapist_id
    row.starts_at, row.ends_at, row.therapist_id, row.room_id = starts_at, ends_at, therapist_id, room_id
    row.sequence += 1
    row.version += 1
    row.reschedule_count += 1
    row.confirmation = "needs-action"
    checks.flush_or_taken()
    history.log(
        row.id,
        row.status,
        row.status,
        actor=actor,
        now=now,
        source=source,
        old_starts_at=old_start,
        old_ends_at=old_end,
        new_starts_at=starts_at,
        new_ends_at=ends_at,
        room_id=room_id,
    )
    day = clock.local_day(starts_at, clinic.timezone)
    tickets.move_ticket_of(row.id, service_day=day, therapist_id=therapist_id, actor=actor, now=now)
    outbox.record(
        events.AppointmentMoved(
            appointment_id=row.id,
            therapist_id=therapist_id,
            old_therapist_id=old_therapist,
            sequence=row.sequence,
            starts_at=starts_at,
            old_starts_at=old_start,
            day=day.isoformat(),
            old_day=clock.local_day(old_start, clinic.timezone).isoformat(),
        ),
        actor=actor,
        now=now,
        clinic_id=row.clinic_id,
        subject_id=row.id,
        patient_id=row.patient_id,
    )


def cancel_appointment(appointment_id: int, *, reason: str, source: str = "desk", actor: Actor, now: datetime) -> None:
    """Free the time; the row stays. ``reason`` is a key of ``rules.CANCEL_REASONS``.

    Cancelling what is cancelled is a no-op. An unpaid ticket is voided; a paid one waits for its refund.
    """
    row = reads.locked(appointment_id, actor=actor)
    by_patient = _who_changes(row, actor)
    if row.status == Status.CANCELLED:
        return
    if Status.CANCELLED not in rules.STEPS.get(Status(row.status), ()):
        raise _not_from(row.status)
    if reason not in rules.CANCEL_REASONS:
        raise rules.ReasonMissing
    clinic = clinics.clinic(row.clinic_id)
    in_time = rules.may_patient_change(row.starts_at, now=now, notice_hours=clinic.change_notice_hours)
    if by_patient and not in_time:
        raise rules.NoticeTooShort(hours=clinic.change_notice_hours)
    old = row.status
    row.status, row.status_since = str(Status.CANCELLED), now
    row.cancel_reason, row.cancelled_by = reason, actor.user_id
    row.sequence += 1
    row.version += 1
    db.session.flush()  # before the ticket and the event read it
    history.log(row.id, old, row.status, actor=actor, now=now, source=source, reason=reason)
    tickets.void_ticket_of(row.id, reason=N_("Cita cancelada"), actor=actor, now=now)
    outbox.record(
        events.AppointmentCancelled(
            appointment_id=row.id,
            therapist_id=row.therapist_id,
            sequence=row.sequence,
            starts_at=row.starts_at,
            day=_day(row, clinic).isoformat(),
            reason=reason,
            is_late=not in_time,
        ),
        actor=actor,
        now=now,
        clinic_id=row.clinic_id,
        subject_id=row.id,
        patient_id=row.patient_id,
    )


def edit_notes(appointment_id: int, *, reason: str | None, notes: str | None, actor: Actor, now: datetime) -> None:
    """Change the desk's remarks of a visit."""
    row = reads.locked(appointment_id, actor=actor)
    require(actor, permissions.BOOK, row.clinic_id)
    checks.check_whose(row.clinic_id, row.therapist_id, actor)
    row.reason = row.reason if reason is None else reason
    row.notes = row.notes if notes is None else notes
    row.version += 1


def _who_changes(row: Appointment, actor: Actor) -> bool:
    """Whether the patient changes their own visit; Forbidden for those who may only look."""
    return _who_books(row.clinic_id, row.patient_id, row.therapist_id, actor)


def _not_from(status: str) -> rules.InvalidTransition:
    label = N_(rules.LABELS[status])
    return rules.InvalidTransition(state=label, details={"allowed": rules.allowed_from(status), "status": status})


def _minutes(row: Appointment) -> int:
    return int((row.ends_at - row.starts_at).total_seconds() // 60)


def _day(row: Appointment, clinic: ClinicFacts) -> date:
    return clock.local_day(row.starts_at, clinic.timezone)
