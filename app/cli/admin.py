"""The first account of an installation, and any later administrator made from the command line."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.clinics import rules as clinic_rules
from app.clinics.actions import clinics
from app.identity import actions as identity
from app.identity.actions import staff
from app.kernel.access import system_actor
from app.kernel.db import db
from app.tenancy.models import Clinic, Organization


@dataclass(frozen=True, slots=True)
class Created:
    user_id: int
    clinics: list[str]


def create_admin(
    *, email: str, full_name: str, password_hash: str, organization: str, clinic: str, now: datetime
) -> Created:
    """An administrator of every clinic there is; in an empty database first the organization and a clinic.

    Raises EmailTaken and what the clinic's settings may raise.
    """
    organization_id = db.session.scalar(select(Organization.id).order_by(Organization.id).limit(1))
    if organization_id is None:
        first = Organization(name=organization)
        db.session.add(first)
        db.session.flush()  # the account belongs to it
        organization_id = first.id
    user_id = identity.create_user(
        organization_id=organization_id,
        email=email,
        full_name=full_name,
        password_hash=password_hash,
        actor=system_actor(organization_id),
        now=now,
    )
    everywhere = select(Clinic.id, Clinic.name).where(Clinic.organization_id == organization_id).order_by(Clinic.id)
    found = db.session.execute(everywhere).all()
    if not found:
        settings = clinic_rules.ClinicSettings(name=clinic)
        clinics.create_clinic(settings, actor=system_actor(organization_id), now=now)
        found = db.session.execute(everywhere).all()
    operator = system_actor(organization_id, [row.id for row in found])
    staff.set_roles(user_id, [(row.id, "admin") for row in found], actor=operator, now=now)
    return Created(user_id, [row.name for row in found])
