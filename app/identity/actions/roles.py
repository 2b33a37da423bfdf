"""Writes: the rows of the built-in roles."""

from sqlalchemy import delete, select, update

from app.identity import queries, rules
from app.identity.models import Role, RolePermission
from app.kernel import access
from app.kernel.db import db, insert


def sync_builtin_roles() -> bool:
    """Make the built-in roles and their permissions equal to the code; custom roles stay as they are.

    Runs after every migration (``migrations/env.py``). Idempotent; returns whether anything was different.
    A built-in role that left the code keeps its row, which memberships refer to, and loses its permissions.
    """
    drifted = set(queries.roles.builtin_drift())
    if not drifted:
        return False
    declared = {str(role.code): role for role in rules.BUILTIN_ROLES}
    for code in sorted(drifted):
        role_id = _write(declared[code]) if code in declared else _stored_id(code)
        db.session.execute(delete(RolePermission).where(RolePermission.role_id == role_id))
        rows = [{"role_id": role_id, "permission_code": held} for held in sorted(access.codes_of(code))]
        if rows:
            db.session.execute(insert(RolePermission).values(rows))
    return True


def _stored_id(code: str) -> int | None:
    return db.session.scalar(select(Role.id).where(Role.is_builtin.is_(True), Role.code == code))


def _write(role: rules.BuiltinRole) -> int:
    values = {"label": role.label, "rank": role.rank, "scope": role.scope}
    role_id = _stored_id(role.code)
    if role_id is not None:
        db.session.execute(update(Role).where(Role.id == role_id).values(**values))
        return role_id
    row = Role(code=str(role.code), is_builtin=True, **values)
    db.session.add(row)
    db.session.flush()  # for the primary key
    return row.id
