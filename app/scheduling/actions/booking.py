"""Book and move appointments: require, lock, read once, decide once in ``rules``, write once.

One lock per organization makes the decision reliable; the guards of the database against overlaps are the last word.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from app.billing.actions import tickets
from app.billing.queries import tickets as ticket_queries
from app.clinics import queries as clinics
from app.kernel import clock, ids, outbox
from app.kernel.access import Actor
from app.kernel.db import db, lock
from app.kernel.errors import Conflict
from app.kernel.i18n import N_
from app.patients.actions import care
from app.scheduling import events, rules
from app.scheduling.actions import history, reach
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments
from app.scheduling.queries import booking as booking_queries
from app.scheduling.queries import transitions as transition_queries
from app.scheduling.rules import Status
from app.scheduling.rules.booking import (
    Attempt,
    BookingContext,
    BookingRequest,
    MovePlan,
    MoveRequest,
    Plan,
    SlotTaken,
    choose_room,
    plan_booking,
    plan_move,
    plan_request,
)


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


def book_appointment(request: BookingRequest, *, actor: Actor, now: datetime) -> Booked:
    """Reserve a time and open its ticket, in one transaction.

    Staff book for everybody of their clinic; a patient only for themselves, services offered online, within the
    clinic's notice. Raises NotFound, Forbidden, SlotTaken (with alternatives), PatientBusy, OutsideSchedule,
    InThePast, InvalidStart, InvalidDuration, TooSoon, TooFar.
    """
    reach.require_booking(request.clinic_id, request.therapist_id, request.patient_id, actor)
    if request.is_here:
        reach.require_first(Status.ARRIVED, request, actor=actor)
    lock("bookings", actor.organization_id)
    context = booking_queries.booking_context(request, actor=actor, now=now)
    plan = plan_booking(context, request, now)
    appointment_id = _insert(request, plan, context, actor=actor, now=now)
    ticket = _open_ticket(appointment_id, request, plan, context, actor=actor, now=now)
    relation = care.Care(request.patient_id, request.therapist_id, request.clinic_id, reach.CARE_SOURCE)
    care.start_relation(relation, actor=actor, now=now)
    care.add_to_clinic(request.patient_id, request.clinic_id, reach.CARE_SOURCE, now=now)
    _record_booked(appointment_id, request, plan, context, actor=actor, now=now)
    return Booked(appointment_id, request.clinic_id, plan.starts_at, str(plan.status), ticket)


def request_appointment(request: BookingRequest, status: Status, *, actor: Actor, now: datetime) -> int:
    """Ask for a visit at a wished start, ``proposed`` or ``waitlist``: no time is taken and no ticket opened until the
    desk accepts it (``move_appointment``); returns its id.

    Raises NotFound, Forbidden and what ``plan_request`` raises.
    """
    reach.require_booking(request.clinic_id, request.therapist_id, request.patient_id, actor)
    reach.require_first(status, request, actor=actor)
    lock("bookings", actor.organization_id)
    context = booking_queries.booking_context(request, actor=actor, now=now)
    plan = plan_request(context, request, status, now)
    appointment_id = _insert(request, plan, context, actor=actor, now=now)
    care.add_to_clinic(request.patient_id, request.clinic_id, reach.CARE_SOURCE, now=now)
    _record_booked(appointment_id, request, plan, context, actor=actor, now=now)
    return appointment_id


def _insert(request: BookingRequest, plan: Plan, context: BookingContext, *, actor: Actor, now: datetime) -> int:
    """Write the visit and the first row of its history. Raises SlotTaken."""
    values = {
        "uid": ids.uid(),
        "organization_id": context.organization_id,
        "clinic_id": request.clinic_id,
        "therapist_id": request.therapist_id,
        "patient_id": request.patient_id,
        "service_id": request.service_id,
        "room_id": plan.room_id,
        "starts_at": plan.starts_at,
        "ends_at": plan.ends_at,
        "status": str(plan.status),
        "status_since": now,
        "arrived_at": now if plan.status == Status.ARRIVED else None,
        "origin": _origin(request, context, actor),
        "reason": request.reason,
        "notes": plan.notes,
        "override_reason": request.override_reason,
        "is_first_visit": context.is_first_visit,
        "created_at": now,
        "created_by": actor.user_id,
    }
    try:
        query = insert(Appointment).returning(Appointment.id)
        appointment_id = int(db.session.execute(query, values).scalar_one())
    except IntegrityError as error:
        raise SlotTaken(details={"alternatives": []}) from error
    history.add(
        appointment_id,
        None,
        str(plan.status),
        actor=actor,
        now=now,
        new_starts_at=plan.starts_at,
        new_ends_at=plan.ends_at,
    )
    return appointment_id


def _origin(request: BookingRequest, context: BookingContext, actor: Actor) -> str:
    """How the booking came about: online (by the patient), walk-in, desk or api."""
    if context.is_self_booking:
        return "online"
    return "walk-in" if request.is_here else actor.channel


def _open_ticket(
    appointment_id: int, request: BookingRequest, plan: Plan, context: BookingContext, *, actor: Actor, now: datetime
) -> tickets.IssuedTicket:
    return tickets.open_ticket(
        clinic_id=request.clinic_id,
        appointment_id=appointment_id,
        patient_id=request.patient_id,
        therapist_id=request.therapist_id,
        service_id=request.service_id,
        concept=context.service_name,
        amount_cents=context.price_cents,
        currency=context.currency,
        tax_rate_bp=context.tax_rate_bp,
        service_day=plan.day,
        actor=actor,
        now=now,
    )


def _record_booked(
    appointment_id: int, request: BookingRequest, plan: Plan, context: BookingContext, *, actor: Actor, now: datetime
) -> None:
    event = events.AppointmentBooked(
        appointment_id=appointment_id,
        therapist_id=request.therapist_id,
        day=plan.day.isoformat(),
        status=str(plan.status),
        sequence=0,
        starts_at=plan.starts_at,
        origin=_origin(request, context, actor),
    )
    outbox.record(
        event,
        actor=actor,
        now=now,
        clinic_id=request.clinic_id,
        subject_id=appointment_id,
        patient_id=request.patient_id,
    )


def move_appointment(appointment_id: int, request: MoveRequest, *, actor: Actor, now: datetime) -> None:
    """Another time or therapist on the same row: ticket, payments and messages stay attached.

    Only what is still expected can move; a request (proposed, on the waiting list) is booked at that time. Raises
    NotFound, Forbidden, StaleVersion, SlotTaken, PatientBusy, OutsideSchedule, InThePast, NoticeTooShort (patients),
    InvalidTransition.
    """
    visit = appointments.get_for_update(appointment_id, actor=actor)
    reach.require_booking_of(visit, actor)
    if request.therapist_id is not None:  # nobody hands a visit to whom they may not book
        reach.require_booking(visit.clinic_id, request.therapist_id, visit.patient_id, actor)
    if request.version is not None and visit.version != request.version:
        raise StaleVersion
    is_request = visit.status in rules.REQUESTS
    if is_request:
        reach.require_acceptance(visit, actor=actor)
    elif visit.status not in rules.EXPECTED:
        raise transition_queries.refusal(visit, actor=actor, now=now)
    lock("bookings", visit.organization_id)
    context = booking_queries.move_context(visit, request, actor=actor, now=now)
    plan = plan_move(context, request, now)
    if plan is not None and is_request:
        _accept_at(visit, plan, actor=actor, now=now)
    elif plan is not None:
        _move(visit, plan, actor=actor, now=now)


def _accept_at(visit: Appointment, plan: MovePlan, *, actor: Actor, now: datetime) -> None:
    """A request takes the time that the desk chose, and gets its ticket."""
    old_status, visit.status, visit.status_since = visit.status, str(Status.BOOKED), now
    visit.starts_at, visit.ends_at = plan.starts_at, plan.ends_at
    visit.therapist_id, visit.room_id = plan.therapist_id, plan.room_id
    visit.version += 1
    flush_or_refuse()
    history.add(
        visit.id,
        old_status,
        visit.status,
        actor=actor,
        now=now,
        new_starts_at=plan.starts_at,
        new_ends_at=plan.ends_at,
        room_id=plan.room_id,
    )
    open_ticket_if_missing(visit, actor=actor, now=now)
    reach.update_care_relation(visit, plan.therapist_id, actor=actor, now=now)
    history.record(events.AppointmentApproved, visit, actor=actor, now=now, from_status=old_status)


def _move(visit: Appointment, plan: MovePlan, *, actor: Actor, now: datetime) -> None:
    old_starts_at, old_ends_at, old_therapist_id = visit.starts_at, visit.ends_at, visit.therapist_id
    visit.starts_at, visit.ends_at = plan.starts_at, plan.ends_at
    visit.therapist_id, visit.room_id = plan.therapist_id, plan.room_id
    visit.sequence += 1
    visit.version += 1
    visit.reschedule_count += 1
    visit.confirmation = "needs-action"
    flush_or_refuse()
    history.add(
        visit.id,
        visit.status,
        visit.status,
        actor=actor,
        now=now,
        old_starts_at=old_starts_at,
        old_ends_at=old_ends_at,
        new_starts_at=plan.starts_at,
        new_ends_at=plan.ends_at,
        room_id=plan.room_id,
    )
    tickets.move_ticket_of(visit.id, service_day=plan.day, therapist_id=plan.therapist_id, actor=actor, now=now)
    if old_therapist_id != plan.therapist_id:
        reach.update_care_relation(visit, plan.therapist_id, actor=actor, now=now)
        reach.update_care_relation(visit, old_therapist_id, actor=actor, now=now)
    history.record(
        events.AppointmentMoved,
        visit,
        actor=actor,
        now=now,
        old_therapist_id=old_therapist_id,
        sequence=visit.sequence,
        starts_at=plan.starts_at,
        old_starts_at=old_starts_at,
        old_day=plan.old_day.isoformat(),
    )


# ------------------------------------------------------------------ requests that are accepted


def choose_room_for(visit: Appointment, *, now: datetime) -> None:
    """The room in which a request takes its time. Raises SlotTaken, PatientBusy, OutsideSchedule, InThePast."""
    clinic = clinics.clinic(visit.clinic_id)
    calendar = booking_queries.calendar_of_visit(visit, clinic, now=now)
    length = visit.ends_at - visit.starts_at
    attempt = Attempt(visit.therapist_id, visit.patient_id, visit.starts_at, length, is_self=False)
    visit.room_id = choose_room(calendar, attempt, now, override=False)


def open_ticket_if_missing(visit: Appointment, *, actor: Actor, now: datetime) -> None:
    """The ticket of a request that became a booking, at the present price."""
    if ticket_queries.of_appointments([visit.id]):
        return
    clinic, service = clinics.clinic(visit.clinic_id), clinics.service(visit.service_id)
    tickets.open_ticket(
        clinic_id=visit.clinic_id,
        appointment_id=visit.id,
        patient_id=visit.patient_id,
        therapist_id=visit.therapist_id,
        service_id=visit.service_id,
        concept=service.name,
        amount_cents=service.price_cents,
        currency=clinic.currency,
        tax_rate_bp=clinic.tax_rate_bp,
        service_day=clock.local_day(visit.starts_at, clinic.timezone),
        actor=actor,
        now=now,
    )


def record_request(visit: Appointment, *, actor: Actor, now: datetime) -> None:
    """The event of a visit that is made, or takes its time now."""
    history.record(
        events.AppointmentBooked,
        visit,
        actor=actor,
        now=now,
        status=visit.status,
        sequence=visit.sequence,
        starts_at=visit.starts_at,
        origin=visit.origin,
    )


def flush_or_refuse() -> None:
    """Flush now, so that the database's overlap constraints are checked here. Raises SlotTaken."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise SlotTaken(details={"alternatives": []}) from error
