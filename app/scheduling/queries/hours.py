"""Queries for planning: weekly hours, absences, therapists without hours, conflicting visits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row, exists, func, or_, select

from app.clinics import permissions as clinics_permissions
from app.clinics import queries as clinics
from app.clinics.models import Service, Therapist, therapist_service
from app.clinics.profiles import therapist_id_of
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.patients.models import Patient
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment, TimeOff, WorkingHours
from app.scheduling.rules.week import WeekShift, ZonedShift
from app.tenancy.models import Clinic

_SHIFT = tuple(getattr(WorkingHours, name) for name in WeekShift.__dataclass_fields__)


def week(therapist_id: int, clinic_id: int) -> list[WeekShift]:
    """The weekly shifts of a therapist in a clinic, by weekday and hour."""
    return _shifts(therapist_id, WorkingHours.clinic_id == clinic_id)


def elsewhere(therapist_id: int, clinic_id: int) -> list[ZonedShift]:
    """The weekly shifts of a therapist in all other clinics, each in its zone."""
    rows = db.session.execute(
        select(*_SHIFT, Clinic.timezone)
        .join(Clinic, Clinic.id == WorkingHours.clinic_id)
        .where(WorkingHours.therapist_id == therapist_id, WorkingHours.clinic_id != clinic_id)
        .order_by(WorkingHours.weekday, WorkingHours.starts_minute)
    )
    return [ZonedShift(WeekShift(*row[:-1]), row.timezone) for row in rows]


def _shifts(therapist_id: int, where: Any) -> list[WeekShift]:
    rows = db.session.execute(
        select(*_SHIFT)
        .where(WorkingHours.therapist_id == therapist_id, where)
        .order_by(WorkingHours.weekday, WorkingHours.starts_minute)
    )
    return [WeekShift(**row._mapping) for row in rows]


def time_off(therapist_id: int, *, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """Absences and extra shifts that are not over, with the clinic's name; others' reasons stay theirs."""
    scope = actor.clinics_with(permissions.MANAGE_HOURS)
    rows = db.session.execute(
        select(
            TimeOff.id,
            TimeOff.kind,
            TimeOff.starts_at,
            TimeOff.ends_at,
            TimeOff.reason,
            TimeOff.clinic_id,
            Clinic.name.label("clinic_name"),
            Clinic.timezone,
        )
        .join(Clinic, Clinic.id == TimeOff.clinic_id)
        .where(TimeOff.therapist_id == therapist_id, TimeOff.ends_at > now, TimeOff.clinic_id.in_(scope))
        .order_by(TimeOff.starts_at)
    )
    return [dict(row._mapping) for row in rows]


def conflicting_visits(
    therapist_id: int, starts_at: datetime, ends_at: datetime, *, actor: Actor
) -> Sequence[Row[Any]]:
    """The visits to come of a therapist that touch ``[starts_at, ends_at)`` in the actor's clinics, by time."""
    scope = actor.clinics_with(permissions.READ_ALL)
    return db.session.execute(
        select(
            Appointment.id, Appointment.starts_at, Patient.full_name, Clinic.name.label("clinic_name"), Clinic.timezone
        )
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(Clinic, Clinic.id == Appointment.clinic_id)
        .where(
            Appointment.therapist_id == therapist_id,
            Appointment.clinic_id.in_(scope),
            Appointment.status.in_(rules.OPEN),
            Appointment.starts_at < ends_at,
            Appointment.ends_at > starts_at,
        )
        .order_by(Appointment.starts_at)
    ).all()


def has_visits(therapist_id: int, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether a visit takes any of the therapist's time in ``[starts_at, ends_at)``, in any clinic."""
    visit = select(Appointment.id).where(
        Appointment.therapist_id == therapist_id,
        Appointment.status.in_(rules.OCCUPYING),
        Appointment.starts_at < ends_at,
        Appointment.ends_at > starts_at,
    )
    return db.session.scalar(visit.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class BlockedTime:
    """Hours that were taken out of a therapist's week in a clinic's agenda."""

    id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    therapist_name: str
    timezone: str


def blocked_time(time_off_id: int, *, actor: Actor) -> BlockedTime:
    """An absence in the clinics where the actor blocks hours: the own ones, the desk all. Raises NotFound."""
    everybody = actor.clinics_with(permissions.BLOCK_HOURS) & actor.clinics_with(permissions.ANY_THERAPIST)
    row = db.session.execute(
        select(TimeOff.id, TimeOff.starts_at, TimeOff.ends_at, TimeOff.reason, Therapist.display_name, Clinic.timezone)
        .join(Therapist, Therapist.id == TimeOff.therapist_id)
        .join(Clinic, Clinic.id == TimeOff.clinic_id)
        .where(
            TimeOff.id == time_off_id,
            TimeOff.kind == "off",
            or_(TimeOff.clinic_id.in_(everybody), TimeOff.therapist_id == therapist_id_of(actor)),
        )
    ).first()
    if row is None:
        raise NotFound
    return BlockedTime(*row)


def overview(actor: Actor) -> list[dict[str, Any]]:
    """The therapists that an actor plans for: ``{id, name, clinics: [{id, name, shifts, has_services}]}``."""
    scope = actor.clinics_with(permissions.MANAGE_HOURS)
    people = db.session.execute(
        clinics.lists.therapists(actor, clinics_permissions.MANAGE_THERAPISTS)
        .where(Therapist.deleted_at.is_(None))
        .order_by(Therapist.display_name)
    ).all()
    places = db.session.execute(select(Clinic.id, Clinic.name).where(Clinic.id.in_(scope)).order_by(Clinic.name)).all()
    weekly = db.session.execute(
        select(WorkingHours.therapist_id, WorkingHours.clinic_id, *_SHIFT)
        .where(WorkingHours.clinic_id.in_(scope))
        .order_by(WorkingHours.weekday, WorkingHours.starts_minute)
    ).all()
    given = set(
        db.session.execute(
            select(therapist_service.c.therapist_id, Service.clinic_id)
            .join(Service, Service.id == therapist_service.c.service_id)
            .where(Service.clinic_id.in_(scope), Service.is_active.is_(True))
        ).tuples()
    )
    shown = []
    for person in people:
        rows = [
            {
                "id": place.id,
                "name": place.name,
                "shifts": spans([row for row in weekly if (row.therapist_id, row.clinic_id) == (person.id, place.id)]),
                "has_services": (person.id, place.id) in given,
            }
            for place in places
        ]
        here = [row for row in rows if row["shifts"] or row["has_services"]]
        shown.append({"id": person.id, "name": person.display_name, "clinics": here})
    return shown


def spans(shifts: Sequence[Any]) -> list[tuple[int, int, int, int]]:
    """Runs of equal days as ``(first weekday, last weekday, starts_minute, ends_minute)``."""
    key = lambda pair: (pair[1].weekday - pair[0], pair[1].starts_minute, pair[1].ends_minute)  # noqa: E731
    runs = [[shift for _n, shift in run] for _key, run in groupby(enumerate(shifts), key)]
    return [(run[0].weekday, run[-1].weekday, run[0].starts_minute, run[0].ends_minute) for run in runs]


def without_hours(actor: Actor) -> tuple[int, int]:
    """How many active therapists the actor plans for, and how many of them have no weekly hours at all."""
    here = clinics.lists.therapists(actor, clinics_permissions.MANAGE_THERAPISTS).where(Therapist.deleted_at.is_(None))
    some = exists(select(1).where(WorkingHours.therapist_id == Therapist.id))
    counted = here.with_only_columns(func.count(), func.count().filter(~some))
    row = db.session.execute(counted).one()
    return row[0], row[1]
