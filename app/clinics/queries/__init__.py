"""Queries: the settings of a clinic, its services, rooms and therapists.

What other domains call inside their own permitted actions takes ids and no actor; the lists for pages
and JSON (``queries.lists``) take the actor and show only the clinics of that person.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, select

from app.clinics import rules
from app.clinics.models import Closure, Room, Service, Settings, Therapist, therapist_service
from app.clinics.queries import lists as lists
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.tenancy.models import Clinic


@dataclass(frozen=True, slots=True)
class ClinicView:
    """The settings of a clinic. Minutes count from local midnight, weekdays from Monday = 0."""

    id: int
    organization_id: int
    name: str
    legal_name: str
    tax_id: str
    address: str
    phone: str
    whatsapp: str
    email: str
    timezone: str
    currency: str
    tax_rate_bp: int
    opens_minute: int
    closes_minute: int
    closed_weekdays: frozenset[int]
    slot_minutes: int
    notice_minutes: int
    change_notice_hours: int
    horizon_days: int
    auto_confirm: bool
    open_visits_limit: int
    noshow_grace_minutes: int
    pending_hours: int
    therapists_receive: bool
    blind_close: bool
    difference_limit_cents: int
    cash_rounding: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with its present price; ``colour`` is 1 to 8."""

    id: int
    clinic_id: int
    name: str
    duration_minutes: int
    price_cents: int
    is_online: bool
    is_active: bool
    colour: int


@dataclass(frozen=True, slots=True)
class TherapistView:
    """A therapist; ``name`` as agendas and slips show it, ``is_active`` false for retired ones."""

    id: int
    organization_id: int
    name: str
    email: str
    phone: str
    licence_number: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class RoomView:
    id: int
    clinic_id: int
    name: str


_CLINIC = select(
    *(getattr(Clinic if hasattr(Clinic, name) else Settings, name) for name in ClinicView.__dataclass_fields__)
).join(Settings, Settings.clinic_id == Clinic.id)
_SERVICE = select(*(getattr(Service, name) for name in ServiceView.__dataclass_fields__))
_THERAPIST = select(
    Therapist.id,
    Therapist.organization_id,
    Therapist.display_name.label("name"),
    Therapist.email,
    Therapist.phone,
    Therapist.licence_number,
    Therapist.deleted_at.is_(None).label("is_active"),
)


# ------------------------------------------------------------------ views for other domains


def clinic(clinic_id: int) -> ClinicView:
    """The settings of a clinic. Raises NotFound."""
    row = db.session.execute(_CLINIC.where(Clinic.id == clinic_id)).first()
    if row is None:
        raise NotFound
    return _clinic_view(row)


def _clinic_view(row: Row[Any]) -> ClinicView:
    return ClinicView(**{**row._mapping, "closed_weekdays": frozenset(row.closed_weekdays)})


def showing_names(clinic_ids: Collection[int]) -> frozenset[int]:
    """Those of these clinics in which therapists see the patients' names of others' visits (D40)."""
    found = select(Settings.clinic_id).where(Settings.clinic_id.in_(clinic_ids), Settings.therapists_see_names)
    return frozenset(db.session.scalars(found))


def service(service_id: int) -> ServiceView:
    """A service, also a retired one. Raises NotFound."""
    row = db.session.execute(_SERVICE.where(Service.id == service_id)).first()
    if row is None:
        raise NotFound
    return ServiceView(**row._mapping)


def services_of(clinic_id: int, online_only: bool = False) -> list[ServiceView]:
    """The active services of a clinic by name; ``online_only`` leaves those that patients may book."""
    statement = _SERVICE.where(Service.clinic_id == clinic_id, Service.is_active.is_(True))
    if online_only:
        statement = statement.where(Service.is_online.is_(True))
    return [ServiceView(**row._mapping) for row in db.session.execute(statement.order_by(Service.name))]


def therapist(therapist_id: int) -> TherapistView:
    """A therapist, also a retired one. Raises NotFound."""
    row = db.session.execute(_THERAPIST.where(Therapist.id == therapist_id)).first()
    if row is None:
        raise NotFound
    return TherapistView(**row._mapping)


def therapists_of(clinic_id: int, service_id: int | None = None, online_only: bool = False) -> list[TherapistView]:
    """Who treats in a clinic by name: the active ones with an active service there, or with that service.

    ``online_only`` asks for a service that patients may book themselves. Those with weekly hours but
    no service cannot be booked and do not appear.
    """
    offered = (
        select(therapist_service.c.therapist_id)
        .join(Service, Service.id == therapist_service.c.service_id)
        .where(Service.clinic_id == clinic_id, Service.is_active.is_(True))
    )
    if service_id is not None:
        offered = offered.where(Service.id == service_id)
    if online_only:
        offered = offered.where(Service.is_online.is_(True))
    statement = _THERAPIST.where(Therapist.id.in_(offered), Therapist.deleted_at.is_(None))
    rows = db.session.execute(statement.order_by(Therapist.display_name, Therapist.id))
    return [TherapistView(**row._mapping) for row in rows]


def offers(therapist_id: int, service_id: int) -> bool:
    """Whether an active therapist gives an active service."""
    link = (
        select(1)
        .select_from(therapist_service)
        .join(Service, Service.id == therapist_service.c.service_id)
        .join(Therapist, Therapist.id == therapist_service.c.therapist_id)
        .where(
            therapist_service.c.therapist_id == therapist_id,
            therapist_service.c.service_id == service_id,
            Service.is_active.is_(True),
            Therapist.deleted_at.is_(None),
        )
    )
    return db.session.scalar(link) is not None


def rooms_of(clinic_id: int) -> list[RoomView]:
    """The open rooms of a clinic by name."""
    rows = db.session.execute(
        select(Room.id, Room.clinic_id, Room.name)
        .where(Room.clinic_id == clinic_id, Room.is_active.is_(True))
        .order_by(Room.name)
    )
    return [RoomView(**row._mapping) for row in rows]


def closures(clinic_id: int, from_day: date, to_day: date) -> dict[date, str]:
    """The days of ``[from_day, to_day)`` on which the clinic is shut, with the reason."""
    rows = db.session.execute(
        select(Closure.day, Closure.reason)
        .where(Closure.clinic_id == clinic_id, Closure.day >= from_day, Closure.day < to_day)
        .order_by(Closure.day)
    )
    return {row.day: row.reason for row in rows}


def area_code(clinic_ids: Collection[int]) -> str:
    """The area code by which local telephone numbers are completed there; empty when the clinics have several."""
    rows = db.session.execute(select(Settings.phone, Settings.ubigeo).where(Settings.clinic_id.in_(clinic_ids)))
    codes = {rules.area_code(row.phone, row.ubigeo) for row in rows} - {""}
    return codes.pop() if len(codes) == 1 else ""
