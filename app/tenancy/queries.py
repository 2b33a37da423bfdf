"""Queries: which clinics an actor may see."""

from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.kernel.access import Actor
from app.kernel.db import db
from app.tenancy.models import Clinic, Organization


def visible_clinic(actor: Actor) -> ColumnElement[bool]:
    """Staff see where they work; patients, who hold something of their own, every active clinic."""
    works_there = Clinic.id.in_(actor.grants)
    if not actor.own:
        return works_there
    return or_(works_there, and_(Clinic.organization_id == actor.organization_id, Clinic.is_active.is_(True)))


def clinic_names(actor: Actor) -> list[dict[str, Any]]:
    """The visible clinics as ``{id, name}``, in the order they were opened."""
    rows = db.session.execute(select(Clinic.id, Clinic.name).where(visible_clinic(actor)).order_by(Clinic.id))
    return [dict(row._mapping) for row in rows]


def home_organization() -> int:
    """The organization this installation was made for: where people register themselves."""
    return db.session.scalars(select(func.min(Organization.id))).one()


def organization_of_clinic(clinic_id: int) -> int:
    """The organization of a clinic."""
    return int(db.session.execute(select(Clinic.organization_id).where(Clinic.id == clinic_id)).scalar_one())


def names_of(organization_id: int) -> list[str]:
    """The names of an organization and of its clinics: nobody's password is one of them."""
    names = select(Clinic.name).where(Clinic.organization_id == organization_id)
    return [
        *db.session.scalars(select(Organization.name).where(Organization.id == organization_id)),
        *db.session.scalars(names),
    ]
