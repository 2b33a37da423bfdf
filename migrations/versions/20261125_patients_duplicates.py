"""Records that may be of one person; the consent of who registers themselves.

Revision ID: 20261125_patients_duplicates
Revises: 20261125_clinics_booking
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_patients_duplicates"
down_revision = "20261125_clinics_booking"


def upgrade() -> None:
    op.add_column("patient", sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "possible_duplicate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("patient_id <> other_id", name=op.f("ck_possible_duplicate_pair")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_possible_duplicate_organization_id")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_possible_duplicate_patient_id")),
        sa.ForeignKeyConstraint(["other_id"], ["patient.id"], name=op.f("fk_possible_duplicate_other_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_possible_duplicate")),
        sa.UniqueConstraint("patient_id", "other_id", name="uq_possible_duplicate"),
    )
    op.create_index(op.f("ix_possible_duplicate_organization_id"), "possible_duplicate", ["organization_id"])


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
