"""Which clinics a patient belongs to, for organizations whose clinics do not share the register of people (D39).

Filled from the visits, then from the clinics of who registered the others.

Revision ID: 20261125_patients_clinics
Revises: 20261125_billing_credit
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_patients_clinics"
down_revision = "20261125_billing_credit"


def upgrade() -> None:
    with op.batch_alter_table("organization") as table:
        table.add_column(sa.Column("shares_patients", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("organization") as table:
        table.alter_column("shares_patients", server_default=None)
    op.create_table(
        "patient_clinic",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_clinic_patient_id")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_patient_clinic_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_clinic")),
        sa.UniqueConstraint("patient_id", "clinic_id", name="uq_patient_clinic"),
    )
    op.create_index("ix_patient_clinic_clinic", "patient_clinic", ["clinic_id", "patient_id"])
    op.execute(
        """
        INSERT INTO patient_clinic (patient_id, clinic_id, source, since)
        SELECT patient_id, clinic_id, 'appointment', min(created_at) FROM appointment
        WHERE status <> 'entered-in-error' GROUP BY patient_id, clinic_id
        """
    )
    op.execute(
        """
        INSERT INTO patient_clinic (patient_id, clinic_id, source, since)
        SELECT DISTINCT patient.id, membership.clinic_id, 'registration', patient.created_at
        FROM patient JOIN membership ON membership.user_id = patient.created_by
        WHERE NOT EXISTS (SELECT 1 FROM patient_clinic WHERE patient_clinic.patient_id = patient.id)
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only; restore a backup instead")
