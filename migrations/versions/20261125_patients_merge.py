"""Two records of one person become one: the pointer, and what moved.

Revision ID: 20261125_patients_merge
Revises: 20261125_kernel_event_guard
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_patients_merge"
down_revision = "20261125_kernel_event_guard"


def upgrade() -> None:
    # both engines add a reference without building the table anew
    op.execute(
        "ALTER TABLE patient ADD COLUMN merged_into_id INTEGER CONSTRAINT fk_patient_merged_into_id REFERENCES patient (id)"
    )
    op.create_table(
        "patient_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("survivor_id", sa.Integer(), nullable=False),
        sa.Column("loser_id", sa.Integer(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Integer(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("survivor_id <> loser_id", name=op.f("ck_patient_merge_pair")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_patient_merge_organization_id")
        ),
        sa.ForeignKeyConstraint(["survivor_id"], ["patient.id"], name=op.f("fk_patient_merge_survivor_id")),
        sa.ForeignKeyConstraint(["loser_id"], ["patient.id"], name=op.f("fk_patient_merge_loser_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_merge")),
    )
    op.create_index(op.f("ix_patient_merge_survivor_id"), "patient_merge", ["survivor_id"])
    op.create_index(
        "uq_patient_merge_standing",
        "patient_merge",
        ["loser_id"],
        unique=True,
        sqlite_where=sa.text("undone_at IS NULL"),
        postgresql_where=sa.text("undone_at IS NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
