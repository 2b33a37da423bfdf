"""Authorization to change a visit, and the care relation that follows from visits."""

from datetime import datetime
from typing import Protocol

from app.clinics import queries as clinics
from app.kernel import clock
from app.kernel.access import Actor, can
from app.kernel.db import lock
from app.kernel.errors import Conflict, Forbidden
from app.kernel.i18n import N_
from app.patients import queries as patients
from app.patients.actions import care
from app.patients.profiles import patient_id_of
from app.scheduling import permissions
from app.scheduling.models import Appointment
from app.scheduling.queries import appointments
from app.scheduling.queries import transitions as queries
from app.scheduling.rules import Status, transitions
from app.scheduling.rules.transitions import Step, Task, Who

CARE_SOURCE = "appointment"


class NewVisit(Protocol):
    """What is read of a request for a visit."""

    @property
    def clinic_id(self) -> int: ...
    @property
    def therapist_id(self) -> int: ...
    @property
    def patient_id(self) -> int: ...


class OverlappingVisits(Conflict):
    code = "OVERLAPPING_VISITS"
    message = N_("Las dos fichas tienen citas a la misma hora (%(day)s). Cancele o mueva una antes de unirlas.")


class NotYourAppointment(Forbidden):
    message = N_("Es la cita de otro terapeuta; la cambia él o la recepción.")


def require_own_or_any_therapist(clinic_id: int, therapist_id: int, actor: Actor) -> None:
    """Therapists change their own visits, the desk those of all therapists. Raises NotYourAppointment."""
    if not appointments.may_change(clinic_id, therapist_id, actor):
        raise NotYourAppointment


def require_booking(clinic_id: int, therapist_id: int, patient_id: int, actor: Actor) -> None:
    """Staff book and change for all patients of their clinic, patients for themselves. Raises Forbidden."""
    if can(actor, permissions.BOOK, clinic_id):
        require_own_or_any_therapist(clinic_id, therapist_id, actor)
    elif permissions.BOOK_OWN.code not in actor.own or patient_id != patient_id_of(actor):
        raise Forbidden


def require_first(status: Status, request: NewVisit, *, actor: Actor) -> None:
    """The table lets this actor make a visit in ``status``. Raises Forbidden."""
    clinic = clinics.clinic(request.clinic_id)
    caller = queries.caller_of(actor, clinic, therapist_id=request.therapist_id, patient_id=request.patient_id)
    if status not in transitions.first_statuses(caller):
        raise Forbidden


def require_acceptance(visit: Appointment, *, actor: Actor) -> None:
    """The desk of the clinic gives a request its time. Raises Forbidden."""
    step = transitions.step_between(Status(visit.status), Status.BOOKED)
    clinic = clinics.clinic(visit.clinic_id)
    caller = queries.caller_of(actor, clinic, therapist_id=visit.therapist_id, patient_id=visit.patient_id)
    if step is None or not caller.is_one_of(step.who, step.task):
        raise Forbidden


def require_booking_of(visit: Appointment, actor: Actor) -> None:
    """``require_booking`` for a visit that exists."""
    require_booking(visit.clinic_id, visit.therapist_id, visit.patient_id, actor)


def is_own_visit(visit: Appointment, actor: Actor) -> bool:
    """Whether the actor is the patient of the visit and nobody of its clinic's staff."""
    return patient_id_of(actor) == visit.patient_id and not can(actor, permissions.BOOK, visit.clinic_id)


def require_step(visit: Appointment, goal: Status, *, actor: Actor, now: datetime) -> Step:
    """The step of the table from the visit's state to ``goal``, open to this actor now.

    What takes a time again holds the lock of bookings. Raises NotYourAppointment, Forbidden, InvalidTransition and
    what the conditions of the step raise.
    """
    if patient_id_of(actor) != visit.patient_id:
        require_own_or_any_therapist(visit.clinic_id, visit.therapist_id, actor)
    step = transitions.step_between(Status(visit.status), goal)
    if step is not None and transitions.slot_is_free in step.guards:
        lock("bookings", visit.organization_id)
    facts, caller = queries.situation(visit, actor=actor, now=now)
    return transitions.check(facts, goal, caller)


def require_attending(visit: Appointment, *, actor: Actor, now: datetime) -> None:
    """The desk and the visit's own therapist end a session. Raises NotYourAppointment, Forbidden."""
    require_own_or_any_therapist(visit.clinic_id, visit.therapist_id, actor)
    _facts, caller = queries.situation(visit, actor=actor, now=now)
    if not caller.is_one_of((Who.DESK, Who.THERAPIST), Task.ATTEND):
        raise Forbidden


def update_care_relation(visit: Appointment, therapist_id: int, *, actor: Actor, now: datetime) -> None:
    """The care relation is active while a visit justifies it, other than a cancelled or erroneous one.

    So booking and cancelling gives no access to a patient's data.
    """
    care.lock_relations(visit.patient_id)
    relation = care.Care(visit.patient_id, therapist_id, visit.clinic_id, CARE_SOURCE)
    if appointments.treats(therapist_id, visit.patient_id):
        care.start_relation(relation, actor=actor, now=now)
    else:
        care.end_relation(relation, actor=actor, now=now)


def update_care_relations(patient_id: int, *, actor: Actor, now: datetime) -> None:
    """``update_care_relation`` for every therapist of a patient: after visits changed their patient."""
    care.lock_relations(patient_id)
    treating = appointments.treating_therapists(patient_id)
    for therapist_id, clinic_id in treating.items():
        relation = care.Care(patient_id, therapist_id, clinic_id, CARE_SOURCE)
        care.start_relation(relation, actor=actor, now=now)
    for care_row in patients.active_relations(patient_id, CARE_SOURCE):
        if care_row.therapist_id not in treating:
            relation = care.Care(patient_id, care_row.therapist_id, care_row.clinic_id, CARE_SOURCE)
            care.end_relation(relation, actor=actor, now=now)


def require_no_overlap(patient_id: int, other_id: int) -> None:
    """Two patients whose visits shall be one person's. Raises OverlappingVisits."""
    overlap = appointments.first_overlap(patient_id, other_id)
    if overlap is not None:
        raise OverlappingVisits(day=f"{clock.local(overlap.starts_at, overlap.timezone):%d/%m/%Y %H:%M}")
