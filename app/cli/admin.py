"""The first account of an installation, and any later administrator made from the command line."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.clinics import rules as clinic_rules
from app.clinics.actions import clinics
from app.identity import actions as identity
from app.identity.actions import staff
from app.kernel.access import Actor, codes_of
from app.kernel.db import db
from app.tenancy.models import Clinic, Organization


@dataclass(frozen=True, slots=True)
class Created:
    user_id: int
    clinics: list[str]


def create_admin(
    *, email: str, full_name: str, password: str, organization: str, clinic: str, now: datetime
) -> Created:
    """An administrator of every clinic there is; in an empty database first the organization and a clinic.

    Raises EmailTaken, WeakPassword and what the clinic's settings may raise.
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
        password=password,
        actor=None,
        now=now,
    )
    everywhere = select(Clinic.id, Clinic.name).where(Clinic.organization_id == organization_id).order_by(Clinic.id)
    found = db.session.execute(everywhere).all()
    if found:
        staff.set_roles(user_id, [(row.id, "admin") for row in found], actor=None, now=now)
    else:
        # nobody is admin of anything yet: this account may open its first clinic
        actor = Actor(user_id, 0, organization_id, full_name, email, grants={0: codes_of("admin")})
        clinics.create_clinic(clinic_rules.ClinicSettings(name=clinic), actor=actor, now=now)
        db.session.flush()  # its name is read back
        found = db.session.execute(everywhere).all()
    return Created(user_id, [row.name for row in found])
