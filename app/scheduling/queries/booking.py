"""Data for the decision on a booking or a move, and the choices of their forms: people, services, free times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, select
from sqlalchemy.orm import aliased

from app.clinics import queries as clinics
from app.clinics.models import Service, Therapist, therapist_service
from app.clinics.queries import ClinicView, ServiceView, TherapistView
from app.kernel import clock
from app.kernel.access import Actor, can
from app.kernel.db import db
from app.kernel.errors import Invalid, NotFound, RuleBroken
from app.kernel.i18n import N_
from app.patients import queries as patients
from app.patients.models import Patient
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment
from app.scheduling.queries import bookable, slots
from app.scheduling.queries.appointments import VisitDetails
from app.scheduling.queries.bookable import Asked
from app.scheduling.rules.booking import BookingContext, BookingRequest, MoveContext, MoveRequest, OwnBookings
from app.scheduling.rules.calendar import LOOK_AHEAD_DAYS, Calendar, Slot, is_free, nearest
from app.tenancy.models import Clinic

NEAR_TIMES = 6
MAX_DAYS = 4
MAX_THERAPISTS = 4


class NoTherapists(RuleBroken):
    message = N_("En esta sede todavía no atiende nadie. Agregue un terapeuta con sus servicios en Administración.")


# ------------------------------------------------------------------ contexts

_earlier = aliased(Appointment)
_OFFER = (
    select(
        Service.name.label("service_name"),
        Service.duration_minutes,
        Service.price_cents,
        Service.is_online,
        ~exists()
        .where(_earlier.patient_id == bindparam("patient_id"), _earlier.status.in_(rules.OCCUPYING))
        .label("is_first_visit"),
    )
    .join(Clinic, and_(Clinic.id == Service.clinic_id, Clinic.is_active.is_(True)))
    .join(therapist_service, therapist_service.c.service_id == Service.id)
    .join(Therapist, and_(Therapist.id == therapist_service.c.therapist_id, Therapist.deleted_at.is_(None)))
    .join(Patient, and_(Patient.organization_id == Clinic.organization_id, Patient.deleted_at.is_(None)))
    .where(
        Clinic.id == bindparam("clinic_id"),
        Clinic.organization_id == bindparam("organization_id"),
        Service.id == bindparam("service_id"),
        Service.is_active.is_(True),
        Therapist.id == bindparam("therapist_id"),
        Patient.id == bindparam("patient_id"),
    )
)
# By scope of the patients that the actor may see: a patient of others is answered as one that does not exist.
_OFFERS = {code: _OFFER.where(condition) for code, condition in patients.SCOPES.items()}


def booking_context(request: BookingRequest, *, actor: Actor, now: datetime) -> BookingContext:
    """Everything that a booking is decided on; reliable under the booking lock. Six queries.

    Raises Invalid at the one of clinic, therapist, service and patient that cannot be booked: unknown, of somewhere
    else, retired, not given by the therapist, a patient whom the actor may not see.
    """
    is_self = slots.books_for_self(request.clinic_id, actor)
    offer = _offer(request, actor, is_self=is_self)
    clinic = clinics.clinic(request.clinic_id)
    return BookingContext(
        clinic=clinic,
        organization_id=clinic.organization_id,
        currency=clinic.currency,
        tax_rate_bp=clinic.tax_rate_bp,
        service_name=offer.service_name,
        service_minutes=offer.duration_minutes,
        price_cents=offer.price_cents,
        is_first_visit=offer.is_first_visit,
        own=_own_bookings(request.patient_id, now) if is_self else None,
        may_override=can(actor, permissions.OVERRIDE, clinic.id),
        calendar=_calendar_around(clinic, request.therapist_id, request.patient_id, request.starts_at, now),
    )


def _offer(request: BookingRequest, actor: Actor, *, is_self: bool) -> Row[Any]:
    keys = ("clinic_id", "therapist_id", "patient_id", "service_id")
    values = {key: getattr(request, key) for key in keys}
    row = db.session.execute(_OFFERS[patients.scope_of(actor)], values | patients.scope_values(actor)).first()
    if row is None or (is_self and not row.is_online):
        bookable.refuse(Asked(request.clinic_id, request.therapist_id, request.service_id), actor=actor)
        raise Invalid({"patient_id": bookable.NO_PATIENT})
    return row


def _own_bookings(patient_id: int, now: datetime) -> OwnBookings:
    """What a patient has booked or asked for in all clinics."""
    of_patient = select(func.count()).where(Appointment.patient_id == patient_id)
    ahead = and_(Appointment.starts_at > now, Appointment.status.in_(rules.OPEN))
    to_come = of_patient.where(ahead | Appointment.status.in_(rules.REQUESTS))
    of_last_day = of_patient.where(Appointment.created_at > now - timedelta(days=1), Appointment.origin == "online")
    row = db.session.execute(
        select(to_come.scalar_subquery(), of_last_day.scalar_subquery(), Patient.created_at).where(
            Patient.id == patient_id
        )
    ).one()
    return OwnBookings(*row)


def _calendar_around(
    clinic: ClinicView,
    therapist_id: int,
    patient_id: int,
    starts_at: datetime,
    now: datetime,
    room_id: int | None = None,
) -> Calendar:
    """The day of a start and the days in which alternatives are looked for."""
    zone = clinic.timezone
    day = clock.local_day(starts_at, zone)
    last = max(day, clock.local_day(now, zone)) + timedelta(days=1 + LOOK_AHEAD_DAYS)
    return slots.calendar(clinic, [therapist_id], day, last, patient_id=patient_id, room_id=room_id)


def move_context(visit: Appointment, request: MoveRequest, *, actor: Actor, now: datetime) -> MoveContext:
    """Everything that a move is decided on; reliable under the booking lock. Six queries."""
    clinic = clinics.clinic(visit.clinic_id)
    therapist_id = visit.therapist_id if request.therapist_id is None else request.therapist_id
    changes_therapist = therapist_id != visit.therapist_id
    return MoveContext(
        clinic=clinic,
        appointment_id=visit.id,
        patient_id=visit.patient_id,
        therapist_id=visit.therapist_id,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        therapist_offers_service=not changes_therapist or clinics.offers(therapist_id, visit.service_id),
        is_self_booking=slots.books_for_self(clinic.id, actor),
        is_request=visit.status in rules.REQUESTS,
        may_override=can(actor, permissions.OVERRIDE, clinic.id),
        calendar=_calendar_around(clinic, therapist_id, visit.patient_id, request.starts_at, now),
    )


def calendar_of_visit(visit: Appointment, clinic: ClinicView, *, now: datetime) -> Calendar:
    """The calendar in which a visit that freed its time would take it again; without the visit itself."""
    around = _calendar_around(clinic, visit.therapist_id, visit.patient_id, visit.starts_at, now, room_id=visit.room_id)
    return around.without(visit.id)


# ------------------------------------------------------------------ choices of the forms


@dataclass(frozen=True, slots=True)
class Choices:
    """``therapist`` and ``service`` are the chosen ones."""

    people: list[TherapistView]
    therapist: TherapistView
    services: list[ServiceView]
    service: ServiceView
    is_chosen: bool  # the service was named


def choices(clinic: ClinicView, *, therapist_id: int | None, service_id: int | None, lenient: bool = False) -> Choices:
    """For a new visit; without a therapist the first, without a service of theirs their first.

    Raises NotFound for a therapist or a service of somewhere else unless ``lenient``, NoTherapists.
    """
    people = clinics.therapists_of(clinic.id)
    if not people:
        raise NoTherapists
    therapist = _one(people, therapist_id, lenient=lenient)
    everything = clinics.services_of(clinic.id)
    if service_id is not None:
        _one(everything, service_id, lenient=lenient)
    given = _services_given_by(therapist.id)
    services = [service for service in everything if service.id in given]
    chosen = next((s for s in services if s.id == service_id), None)
    return Choices(people, therapist, services, chosen or services[0], is_chosen=chosen is not None)


@dataclass(frozen=True, slots=True)
class NearTimes:
    """The free times nearest to a wanted one by day, and the services that could begin at the wanted one."""

    times: list[Slot]
    by_day: list[tuple[date, list[Slot]]]
    fitting: frozenset[int]


def near_times(
    clinic: ClinicView, offer: Choices, wanted: datetime | None, *, patient_id: int | None, now: datetime
) -> tuple[Choices, NearTimes]:
    """What the dialog offers around a wanted time, for the service of ``offer``; without one (``is_chosen`` false) for
    the patient's last with the therapist, else the longest that fits. At most five queries."""
    zone = clinic.timezone
    around = now if wanted is None else wanted
    day = max(clock.local_day(around, zone), clock.local_day(now, zone))
    last = day + timedelta(days=1 + LOOK_AHEAD_DAYS)
    calendar = slots.calendar(clinic, [offer.therapist.id], day, last, patient_id=patient_id)
    fitting = frozenset(
        service.id
        for service in offer.services
        if wanted is not None
        and is_free(calendar, offer.therapist.id, wanted, _minutes(service), now, patient_id=patient_id)
    )
    if not offer.is_chosen:
        offer = replace(offer, service=_suggested(offer, fitting, patient_id))
    times = nearest(
        calendar,
        offer.therapist.id,
        around,
        _minutes(offer.service),
        now,
        is_self=False,
        patient_id=patient_id,
        count=NEAR_TIMES,
    )
    by_day = [(day, list(group)) for day, group in groupby(times, lambda slot: clock.local_day(slot.starts_at, zone))]
    return offer, NearTimes(times, by_day, fitting)


def _minutes(service: ServiceView) -> timedelta:
    return timedelta(minutes=service.duration_minutes)


def _suggested(offer: Choices, fitting: frozenset[int], patient_id: int | None) -> ServiceView:
    """The patient's last service with the therapist, else the longest that fits, else the first."""
    usual = _last_service(patient_id, offer.therapist.id)
    possible = [service for service in offer.services if service.id in fitting] or offer.services
    known = next((service for service in possible if service.id == usual), None)
    return known or (max(possible, key=_minutes) if fitting else offer.service)


def _last_service(patient_id: int | None, therapist_id: int) -> int | None:
    if patient_id is None:
        return None
    mine = select(Appointment.service_id).where(
        Appointment.patient_id == patient_id,
        Appointment.therapist_id == therapist_id,
        Appointment.status.in_(rules.OCCUPYING),
    )
    return db.session.scalar(mine.order_by(Appointment.starts_at.desc()).limit(1))


def _one(choices: Sequence[Any], wanted: int | None, *, lenient: bool) -> Any:
    found = next((choice for choice in choices if wanted in {None, choice.id}), choices[0] if lenient else None)
    if found is None:
        raise NotFound
    return found


def _services_given_by(therapist_id: int) -> set[int]:
    link = therapist_service.c
    return set(db.session.scalars(select(link.service_id).where(link.therapist_id == therapist_id)))


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The free times of a therapist on a day."""

    therapist: TherapistView
    day: date
    times: list[Slot]


def times_to_move(
    clinic: ClinicView, visit: VisitDetails, people: Sequence[TherapistView], *, now: datetime
) -> list[FreeTimes]:
    """Where a visit could go: the next days of its therapist, then the others on its day.

    The times nearest to the present hour of the visit, in order. ``people`` give its service.
    """
    by_id = {person.id: person for person in people}
    zone, minutes = clinic.timezone, (visit.ends_at - visit.starts_at) // timedelta(minutes=1)
    first = max(clock.local_day(now, zone), clock.local_day(visit.starts_at, zone))
    until = first + timedelta(days=LOOK_AHEAD_DAYS)
    own = [visit.therapist_id] if visit.therapist_id in by_id else []
    others = [person.id for person in people if person.id != visit.therapist_id]
    groups: dict[tuple[int, date], list[Slot]] = {}
    for ids, last in ((ids, last) for ids, last in ((own, until), (others, first)) if ids):
        for slot in (
            slots.free(
                clinic,
                ids,
                first,
                last,
                duration_minutes=minutes,
                is_self=False,
                now=now,
                patient_id=visit.patient_id,
            )
            if ids
            else ()
        ):
            groups.setdefault((slot.therapist_id, clock.local_day(slot.starts_at, zone)), []).append(slot)
    hour = clock.local(visit.starts_at, zone)
    found = [
        FreeTimes(by_id[therapist_id], day, _nearest(times, clock.at(day, hour.hour * 60 + hour.minute, zone)))
        for (therapist_id, day), times in groups.items()
    ]
    same = [group for group in found if group.therapist.id in own][:MAX_DAYS]
    return same + [group for group in found if group.therapist.id not in own][:MAX_THERAPISTS]


def _nearest(times: list[Slot], wanted: datetime) -> list[Slot]:
    chosen = sorted(times, key=lambda slot: abs(slot.starts_at - wanted))[:NEAR_TIMES]
    return sorted(chosen, key=lambda slot: slot.starts_at)
