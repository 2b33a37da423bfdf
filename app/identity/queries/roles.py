"""Reads: roles, their permissions, and who holds a permission in a clinic."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, false, or_, select

from app.identity import rules
from app.identity.models import Membership, Role, RolePermission, User
from app.kernel import access, clock
from app.kernel.access import Permission
from app.kernel.db import db
from app.tenancy.models import Clinic


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role that can be given in a clinic; ``label`` of a built-in one is its Spanish source text."""

    id: int
    code: str
    label: str
    rank: int


def _usable_in(organization_id: int) -> tuple[ColumnElement[bool], ...]:
    return or_(Role.organization_id.is_(None), Role.organization_id == organization_id), Role.scope == "clinic"


def roles_of_organization(organization_id: int) -> list[RoleView]:
    """The roles that can be given in the clinics of an organization, the most powerful last."""
    rows = db.session.execute(
        select(Role.id, Role.code, Role.label, Role.rank)
        .where(*_usable_in(organization_id))
        .order_by(Role.rank.desc(), Role.id)
    )
    return [RoleView(*row) for row in rows]


def codes_by_role(role_ids: Iterable[int]) -> dict[int, list[str]]:
    """The permission codes of roles, sorted."""
    found: dict[int, list[str]] = {role_id: [] for role_id in role_ids}
    rows = db.session.execute(
        select(RolePermission.role_id, RolePermission.permission_code)
        .where(RolePermission.role_id.in_(found))
        .order_by(RolePermission.permission_code)
    )
    for role_id, code in rows:
        found[role_id].append(code)
    return found


def holders(permission: Permission, *, clinic_id: int, now: datetime) -> list[Row[Any]]:
    """The active users (id, locale) who hold a permission in a clinic now."""
    rows = db.session.execute(
        select(User.id, User.locale, Membership.valid_from, Membership.valid_until, Clinic.timezone)
        .join(Membership, Membership.user_id == User.id)
        .join(Clinic, Clinic.id == Membership.clinic_id)
        .join(RolePermission, RolePermission.role_id == Membership.role_id)
        .where(
            Membership.clinic_id == clinic_id,
            RolePermission.permission_code == permission.code,
            User.is_active.is_(True),
        )
        .order_by(User.id)
    )
    valid = {
        row.id: row
        for row in rows
        if rules.is_valid_on(clock.local_day(now, row.timezone), row.valid_from, row.valid_until)
    }
    return list(valid.values())


def of_user(user_id: int, *, clinic_ids: Iterable[int]) -> list[dict[str, Any]]:
    """The memberships of a user in these clinics: ``{clinic_id, role, permissions}``."""
    rows = db.session.execute(
        select(Membership.clinic_id, Membership.role_id, Role.code)
        .join(Role, Role.id == Membership.role_id)
        .where(Membership.user_id == user_id, Membership.clinic_id.in_(list(clinic_ids)))
        .order_by(Membership.clinic_id, Role.rank)
    ).all()
    codes = codes_by_role(row.role_id for row in rows)
    return [{"clinic_id": row.clinic_id, "role": row.code, "permissions": codes[row.role_id]} for row in rows]


def has_own_role() -> ColumnElement[bool]:
    """A condition on users: their profile gives them a role on what is their own (patients)."""
    return or_(false(), *(profile.subject.is_not(None) for profile in access.profiles() if profile.own_role))


def profiles_of(user_id: int) -> dict[str, int]:
    """The records that describe a user: ``{kind: id}``."""
    profiles = access.profiles()
    row = db.session.execute(select(*(profile.subject for profile in profiles)).where(User.id == user_id)).first()
    found = zip((profile.kind for profile in profiles), row or (), strict=False)
    return {kind: subject_id for kind, subject_id in found if subject_id is not None}


def builtin_drift() -> list[str]:
    """How the rows of the built-in roles differ from the code; empty when they are equal."""
    rows = db.session.execute(
        select(Role.id, Role.code, Role.label, Role.rank, Role.scope).where(Role.is_builtin.is_(True))
    ).all()
    codes = codes_by_role([row.id for row in rows])
    stored = {row.code: (row.label, row.rank, row.scope, frozenset(codes[row.id])) for row in rows}
    declared = {
        str(role.code): (role.label, role.rank, role.scope, access.codes_of(role.code)) for role in rules.BUILTIN_ROLES
    }
    return [code for code in sorted(stored | declared) if stored.get(code) != declared.get(code)]
