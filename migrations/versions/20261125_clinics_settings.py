"""A clinic's identity stays in ``clinic``; how it works moves to ``clinic_settings``.

Revision ID: 20261125_clinics_settings
Revises: 20261125_identity_profiles
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261125_clinics_settings"
down_revision = "20261125_identity_profiles"


def _moved() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("legal_name", sa.String(length=160), nullable=False),
        sa.Column("tax_id", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("ubigeo", sa.String(length=6), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("tax_rate_bp", sa.Integer(), nullable=False),
        sa.Column("opens_minute", sa.Integer(), nullable=False),
        sa.Column("closes_minute", sa.Integer(), nullable=False),
        sa.Column("closed_weekdays", sa.JSON(), nullable=False),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("notice_minutes", sa.Integer(), nullable=False),
        sa.Column("change_notice_hours", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("auto_confirm", sa.Boolean(), nullable=False),
        sa.Column("noshow_grace_minutes", sa.Integer(), nullable=False),
        sa.Column("blind_close", sa.Boolean(), nullable=False),
        sa.Column("difference_limit_cents", sa.Integer(), nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "clinic_settings",
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        *_moved(),
        sa.CheckConstraint(
            "opens_minute >= 0 AND opens_minute < closes_minute AND closes_minute <= 1440",
            name=op.f("ck_clinic_settings_hours"),
        ),
        sa.CheckConstraint("slot_minutes IN (5, 10, 15, 20, 30, 60)", name=op.f("ck_clinic_settings_slot")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_clinic_settings_clinic_id")),
        sa.ForeignKeyConstraint(["ubigeo"], ["ubigeo.code"], name=op.f("fk_clinic_settings_ubigeo")),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_clinic_settings")),
    )
    names = ", ".join(column.name for column in _moved())
    op.execute(f"INSERT INTO clinic_settings (clinic_id, {names}) SELECT id, {names} FROM clinic")
    with op.batch_alter_table("clinic") as table:
        table.drop_constraint("fk_clinic_ubigeo", type_="foreignkey")
        table.drop_constraint(op.f("ck_clinic_hours"), type_="check")
        table.drop_constraint(op.f("ck_clinic_slot"), type_="check")
        for column in _moved():
            table.drop_column(column.name)
