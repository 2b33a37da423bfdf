"""Care relations: which therapist treats which patient, from the visits that were neither cancelled nor in error.

Revision ID: 20261125_patients_care_relation
Revises: 20261125_encounters_own_table
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_patients_care_relation"
down_revision = "20261125_encounters_own_table"


def upgrade() -> None:
    op.create_table(
        "care_relation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("therapist_id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ended_at IS NULL OR ended_at >= since", name=op.f("ck_care_relation_period")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_care_relation_patient_id")),
        sa.ForeignKeyConstraint(["therapist_id"], ["therapist.id"], name=op.f("fk_care_relation_therapist_id")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_care_relation_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_relation")),
        sa.UniqueConstraint("patient_id", "therapist_id", "source", name="uq_care_relation"),
    )
    op.create_index("ix_care_relation_therapist", "care_relation", ["therapist_id", "patient_id"])
    op.execute(
        """
        INSERT INTO care_relation (patient_id, therapist_id, clinic_id, source, since)
        SELECT patient_id, therapist_id, clinic_id, 'appointment', created_at
        FROM (SELECT patient_id, therapist_id, clinic_id, created_at,
                     row_number() OVER (PARTITION BY patient_id, therapist_id ORDER BY created_at, id) AS place
              FROM appointment
              WHERE status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled', 'noshow')) visit
        WHERE place = 1
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only; restore a backup instead")
