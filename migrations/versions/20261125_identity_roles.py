"""Roles and their permissions are rows; memberships name a role and have dates.

The permissions of the built-in roles are written from the code after the migration (``migrations/env.py``).

Revision ID: 20261125_identity_roles
Revises: 20261125_patients_care_relation
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_identity_roles"
down_revision = "20261125_patients_care_relation"

BUILTIN = (
    ("admin", "Administración", 10, "clinic"),
    ("supervisor", "Supervisión", 20, "clinic"),
    ("receptionist", "Recepción", 30, "clinic"),
    ("therapist", "Terapeuta", 40, "clinic"),
    ("patient", "Paciente", 100, "own"),
)


def upgrade() -> None:
    role = _create_roles()
    connection = op.get_bind()
    values = [{"code": c, "label": la, "rank": r, "scope": s, "is_builtin": True} for c, la, r, s in BUILTIN]
    connection.execute(sa.insert(role), values)
    ids = dict(connection.execute(sa.select(role.c.code, role.c.id)).tuples().all())
    held = connection.execute(sa.text("SELECT user_id, clinic_id, role FROM membership ORDER BY id")).all()
    op.drop_table("membership")
    membership = _create_memberships()
    if held:
        rows = [{"user_id": user, "clinic_id": clinic, "role_id": ids[code]} for user, clinic, code in held]
        connection.execute(sa.insert(membership), rows)


def _create_roles() -> sa.Table:
    role = op.create_table(
        "role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=6), nullable=False),
        sa.Column("is_builtin", sa.Boolean(), nullable=False),
        sa.CheckConstraint("scope IN ('clinic', 'own')", name=op.f("ck_role_scope")),
        sa.CheckConstraint("is_builtin = (organization_id IS NULL)", name=op.f("ck_role_builtin")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_role_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_role_organization_id_code")),
    )
    only_builtin = sa.text("organization_id IS NULL")
    op.create_index(
        "uq_role_builtin_code", "role", ["code"], unique=True, sqlite_where=only_builtin, postgresql_where=only_builtin
    )
    op.create_table(
        "role_permission",
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("permission_code", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_role_permission_role_id")),
        sa.PrimaryKeyConstraint("role_id", "permission_code", name=op.f("pk_role_permission")),
    )
    return role


def _create_memberships() -> sa.Table:
    membership = op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint("valid_from <= valid_until", name=op.f("ck_membership_period")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_membership_clinic_id")),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_membership_role_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_membership_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("user_id", "clinic_id", "role_id", name=op.f("uq_membership_user_id_clinic_id_role_id")),
    )
    op.create_index(op.f("ix_membership_clinic_id"), "membership", ["clinic_id"], unique=False)
    return membership
