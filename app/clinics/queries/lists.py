"""Queries for pages and JSON: the clinics, services and therapists that an actor may see.

The statements without a limit serve both a page (all rows) and ``api.resources.listing`` (a page of them).
"""

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, not_, or_, select

from app.clinics import permissions
from app.clinics.models import (
    Closure,
    Room,
    Service,
    Settings,
    Specialty,
    Therapist,
    therapist_service,
    therapist_specialty,
)
from app.identity.models import Membership, User
from app.kernel.access import Actor, Permission, can_anywhere
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.tenancy.models import Clinic, Organization
from app.tenancy.queries import visible_clinic

# ------------------------------------------------------------------ clinics

_SETTINGS = tuple(column for column in Settings.__table__.c if column.name != "clinic_id")
_CLINICS = select(Clinic.__table__, *_SETTINGS).join(Settings, Settings.clinic_id == Clinic.id)


def clinics(actor: Actor) -> Select[Any]:
    """The clinics that the actor may see, with every setting."""
    return _CLINICS.where(visible_clinic(actor))


def clinic(clinic_id: int, actor: Actor) -> Row[Any]:
    """One of ``clinics``. Raises NotFound."""
    return _one(clinics(actor).where(Clinic.id == clinic_id))


def managed_clinics(actor: Actor) -> list[dict[str, Any]]:
    """The clinics that the actor manages, with how many rooms and services they have."""
    rooms = select(func.count()).where(Room.clinic_id == Clinic.id, Room.is_active.is_(True)).scalar_subquery()
    services = select(func.count()).where(Service.clinic_id == Clinic.id, Service.is_active.is_(True)).scalar_subquery()
    rows = db.session.execute(
        _CLINICS.add_columns(rooms.label("rooms"), services.label("services"))
        .where(Clinic.id.in_(actor.clinics_with(permissions.MANAGE)))
        .order_by(Clinic.name)
    )
    return [dict(row._mapping) for row in rows]


def manages_organization(actor: Actor) -> bool:
    """Whether the actor manages every active clinic of the organization."""
    mine = (Clinic.organization_id == actor.organization_id, Clinic.is_active.is_(True))
    clinics = set(db.session.scalars(select(Clinic.id).where(*mine)))
    return clinics <= actor.clinics_with(permissions.MANAGE)


def shares_patients(actor: Actor) -> bool:
    """Whether the clinics of the actor's organization share the register of people."""
    return bool(db.session.scalar(select(Organization.shares_patients).where(Organization.id == actor.organization_id)))


def managed_clinic(clinic_id: int, actor: Actor) -> Row[Any]:
    """A clinic with the right to change it. Raises NotFound."""
    return _one(_CLINICS.where(Clinic.id == clinic_id, Clinic.id.in_(actor.clinics_with(permissions.MANAGE))))


def rooms(clinic_id: int) -> list[dict[str, Any]]:
    """All rooms of a clinic, open ones first."""
    rows = db.session.execute(
        select(Room.id, Room.name, Room.is_active)
        .where(Room.clinic_id == clinic_id)
        .order_by(Room.is_active.desc(), Room.name)
    )
    return [dict(row._mapping) for row in rows]


def clinic_of_room(room_id: int) -> int:
    """The clinic of a room. Raises NotFound; without permission check, which is up to the caller."""
    found = db.session.scalar(select(Room.clinic_id).where(Room.id == room_id))
    if found is None:
        raise NotFound
    return found


def closed_days(clinic_id: int, from_day: Any) -> list[dict[str, Any]]:
    """The closed days of a clinic from a day on."""
    rows = db.session.execute(
        select(Closure.id, Closure.day, Closure.reason)
        .where(Closure.clinic_id == clinic_id, Closure.day >= from_day)
        .order_by(Closure.day)
    )
    return [dict(row._mapping) for row in rows]


def _one(statement: Select[Any]) -> Row[Any]:
    row = db.session.execute(statement).first()
    if row is None:
        raise NotFound
    return row


# ------------------------------------------------------------------ services


def services(actor: Actor) -> Select[Any]:
    """The services of the clinics that the actor may see, with the clinic's currency.

    Patients see what they may book; who manages services sees retired ones too.
    """
    found = (
        select(Service.__table__, Clinic.currency, Clinic.name.label("clinic_name"), Specialty.name.label("specialty"))
        .join(Clinic, Clinic.id == Service.clinic_id)
        .outerjoin(Specialty, Specialty.id == Service.specialty_id)
        .where(visible_clinic(actor))
    )
    if can_anywhere(actor, permissions.MANAGE_SERVICES):
        return found
    found = found.where(Service.is_active.is_(True))
    return found if actor.grants else found.where(Service.is_online.is_(True))


def service(service_id: int, actor: Actor) -> Row[Any]:
    """One of ``services``. Raises NotFound."""
    return _one(services(actor).where(Service.id == service_id))


def managed_service(service_id: int, actor: Actor) -> Row[Any]:
    """A service with the right to change it. Raises NotFound."""
    scope = actor.clinics_with(permissions.MANAGE_SERVICES)
    return _one(services(actor).where(Service.id == service_id, Service.clinic_id.in_(scope)))


def services_of_clinic(clinic_id: int, actor: Actor) -> list[dict[str, Any]]:
    """The services of a clinic, offered ones first, with how many therapists give each."""
    given = (
        select(func.count())
        .select_from(therapist_service)
        .join(Therapist, Therapist.id == therapist_service.c.therapist_id)
        .where(therapist_service.c.service_id == Service.id, Therapist.deleted_at.is_(None))
        .scalar_subquery()
    )
    rows = db.session.execute(
        services(actor)
        .add_columns(given.label("therapists"))
        .where(Service.clinic_id == clinic_id)
        .order_by(Service.is_active.desc(), Service.name)
    )
    return [dict(row._mapping) for row in rows]


def offered_in(clinic_ids: frozenset[int]) -> list[dict[str, Any]]:
    """The active services of these clinics by clinic and name: ``{id, name, clinic_id, clinic_name}``."""
    rows = db.session.execute(
        select(Service.id, Service.name, Service.clinic_id, Clinic.name.label("clinic_name"))
        .join(Clinic, Clinic.id == Service.clinic_id)
        .where(Service.clinic_id.in_(clinic_ids), Service.is_active.is_(True))
        .order_by(Clinic.name, Service.name)
    )
    return [dict(row._mapping) for row in rows]


# ------------------------------------------------------------------ therapists


def visible_therapist(actor: Actor, permission: Permission = permissions.READ) -> ColumnElement[bool]:
    """Therapists with a service in a clinic of the actor. Those without any service are seen by who manages therapists
    in a clinic they belong to: their home clinic, and where their account has a role."""
    reads = permission is permissions.READ
    in_scope = visible_clinic(actor) if reads else Clinic.id.in_(actor.clinics_with(permission))
    linked = (
        select(therapist_service.c.therapist_id)
        .join(Service, Service.id == therapist_service.c.service_id)
        .where(therapist_service.c.therapist_id == Therapist.id)
    )
    there = exists(linked.join(Clinic, Clinic.id == Service.clinic_id).where(in_scope))
    mine = Therapist.organization_id == actor.organization_id
    managed = actor.clinics_with(permissions.MANAGE_THERAPISTS)
    if not managed:
        return and_(mine, there, Therapist.deleted_at.is_(None))
    has_role = select(Membership.user_id).where(Membership.clinic_id.in_(managed))
    belongs = or_(Therapist.home_clinic_id.in_(managed), Therapist.user_id.in_(has_role))
    return and_(mine, or_(there, and_(not_(exists(linked)), belongs)))


def therapists(actor: Actor, permission: Permission = permissions.READ) -> Select[Any]:
    """The therapists that the actor may see, every column."""
    return select(Therapist.__table__).where(visible_therapist(actor, permission))


def therapist(therapist_id: int, actor: Actor, permission: Permission = permissions.READ) -> Row[Any]:
    """One of ``therapists``. Raises NotFound."""
    return _one(therapists(actor, permission).where(Therapist.id == therapist_id))


def managed_therapists(actor: Actor, *, with_retired: bool = False) -> list[dict[str, Any]]:
    """The therapists an actor manages by name, with ``specialties``, ``services`` and ``has_account``."""
    found = therapists(actor, permissions.MANAGE_THERAPISTS)
    if not with_retired:
        found = found.where(Therapist.deleted_at.is_(None))
    has_account = Therapist.user_id.is_not(None).label("has_account")
    rows = db.session.execute(found.add_columns(has_account).order_by(Therapist.display_name)).all()
    return with_links([dict(row._mapping) for row in rows], actor)


def with_links(rows: list[dict[str, Any]], actor: Actor) -> list[dict[str, Any]]:
    """Add ``specialties``, the visible ``services`` and which of them is the ``default_service_id`` to rows of
    therapists: two queries for all of them."""
    ids = [row["id"] for row in rows]
    specialties = db.session.execute(
        select(therapist_specialty.c.therapist_id, Specialty.id, Specialty.name)
        .join(Specialty, Specialty.id == therapist_specialty.c.specialty_id)
        .where(therapist_specialty.c.therapist_id.in_(ids))
        .order_by(Specialty.name)
    ).all()
    given = services(actor).with_only_columns(
        therapist_service.c.therapist_id,
        therapist_service.c.is_default,
        Service.id,
        Service.name,
        Service.clinic_id,
        Clinic.name.label("clinic_name"),
    )
    given = given.join(therapist_service, therapist_service.c.service_id == Service.id)
    links = db.session.execute(
        given.where(therapist_service.c.therapist_id.in_(ids), Service.is_active.is_(True)).order_by(
            Clinic.name, Service.name
        )
    ).all()
    for row in rows:
        row["specialties"] = [{"id": s.id, "name": s.name} for s in specialties if s.therapist_id == row["id"]]
        row["services"] = [
            {"id": s.id, "name": s.name, "clinic_id": s.clinic_id, "clinic_name": s.clinic_name}
            for s in links
            if s.therapist_id == row["id"]
        ]
        row["default_service_id"] = next((s.id for s in links if s.is_default and s.therapist_id == row["id"]), None)
    return rows


def doctors(clinic_id: int, actor: Actor) -> Select[Any]:
    """The therapists of a clinic with ``consultation_fee``: the price of their default service (D43) in cents, None
    without one there."""
    price = case((therapist_service.c.is_default, Service.price_cents))
    fee = (
        select(therapist_service.c.therapist_id, func.max(price).label("fee"))
        .join(Service, Service.id == therapist_service.c.service_id)
        .where(Service.clinic_id == clinic_id, Service.is_active.is_(True))
        .group_by(therapist_service.c.therapist_id)
        .subquery()
    )
    return (
        therapists(actor)
        .join(fee, fee.c.therapist_id == Therapist.id)
        .where(Therapist.deleted_at.is_(None))
        .add_columns(fee.c.fee.label("consultation_fee"))
    )


def giving(clinic_id: int | None, service_id: int | None) -> Select[Any]:
    """The ids of therapists who give an active service in a clinic, or a certain one."""
    found = (
        select(therapist_service.c.therapist_id)
        .join(Service, Service.id == therapist_service.c.service_id)
        .where(Service.is_active.is_(True))
    )
    if clinic_id is not None:
        found = found.where(Service.clinic_id == clinic_id)
    return found.where(Service.id == service_id) if service_id is not None else found


def given_by(therapist_id: int) -> Select[Any]:
    """The ids of the services that a therapist gives."""
    return select(therapist_service.c.service_id).where(therapist_service.c.therapist_id == therapist_id)


def clinics_of_therapist(therapist_id: int) -> set[int]:
    """The clinics in which a therapist gives an active service."""
    return set(
        db.session.scalars(
            select(Service.clinic_id)
            .join(therapist_service, therapist_service.c.service_id == Service.id)
            .where(therapist_service.c.therapist_id == therapist_id, Service.is_active.is_(True))
        )
    )


def account_of_therapist(therapist_id: int) -> Row[Any] | None:
    """``(id, email, is_active)`` of the therapist's own account."""
    return db.session.execute(
        select(User.id, User.email, User.is_active)
        .join(Therapist, Therapist.user_id == User.id)
        .where(Therapist.id == therapist_id)
    ).first()


def specialties(actor: Actor) -> list[dict[str, Any]]:
    """The specialties of the organization by name."""
    rows = db.session.execute(
        select(Specialty.id, Specialty.name)
        .where(Specialty.organization_id == actor.organization_id)
        .order_by(Specialty.name)
    )
    return [dict(row._mapping) for row in rows]


# ------------------------------------------------------------------ the home of the administration


def counts(actor: Actor) -> dict[str, int]:
    """How many clinics, services and therapists the actor manages, and what is missing."""
    scope = actor.clinics_with(permissions.MANAGE_THERAPISTS)
    given = exists(
        select(1)
        .select_from(therapist_service)
        .join(Therapist, Therapist.id == therapist_service.c.therapist_id)
        .where(therapist_service.c.service_id == Service.id, Therapist.deleted_at.is_(None))
    )
    offered = (Service.clinic_id.in_(scope), Service.is_active.is_(True))
    here = (visible_therapist(actor, permissions.MANAGE_THERAPISTS), Therapist.deleted_at.is_(None))
    idle = not_(exists(select(1).where(therapist_service.c.therapist_id == Therapist.id)))
    row = db.session.execute(
        select(
            select(func.count()).where(Clinic.id.in_(actor.clinics_with(permissions.MANAGE))).scalar_subquery(),
            select(func.count()).select_from(Service).where(*offered).scalar_subquery(),
            select(func.count()).select_from(Service).where(*offered, not_(given)).scalar_subquery(),
            select(func.count()).select_from(Therapist).where(*here).scalar_subquery(),
            select(func.count()).select_from(Therapist).where(*here, idle).scalar_subquery(),
        )
    ).one()
    return dict(
        zip(("clinics", "services", "services_without_therapist", "therapists", "therapists_idle"), row, strict=True)
    )
