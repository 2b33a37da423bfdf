"""Encounters of their own: patient, clinic, therapist, class and channel; an appointment is optional.

The table is made anew, because a column in the middle, dropped foreign keys and new checks are one rebuild on SQLite
anyway. ``appointment_id`` has no foreign key any more: appointments belong to a package above.

Revision ID: 20261125_encounters_own_table
Revises: 20261125_kernel_task
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_encounters_own_table"
down_revision = "20261125_kernel_task"

COLUMNS = (
    "id, organization_id, clinic_id, patient_id, therapist_id, appointment_id, class, status, started_at, finished_at,"
    " created_by, channel"
)


def upgrade() -> None:
    op.execute(
        """
        CREATE TEMPORARY TABLE encounter_copy AS
        SELECT e.id, a.organization_id, a.clinic_id, a.patient_id, a.therapist_id, e.appointment_id, 'AMB' AS class,
               CASE WHEN a.status = 'entered-in-error' THEN a.status ELSE e.status END AS status, e.started_at,
               CASE WHEN e.status = 'in-progress' THEN NULL
                    WHEN e.finished_at < e.started_at THEN e.started_at
                    WHEN e.status = 'finished' THEN coalesce(e.finished_at, e.started_at)
                    ELSE e.finished_at END AS finished_at,
               (SELECT h.by_user_id FROM appointment_event h
                WHERE h.appointment_id = a.id AND h.to_status = 'fulfilled' AND h.from_status <> 'fulfilled'
                ORDER BY h.at DESC, h.id DESC LIMIT 1) AS created_by,
               coalesce((SELECT h.source FROM appointment_event h
                WHERE h.appointment_id = a.id AND h.to_status = 'fulfilled' AND h.from_status <> 'fulfilled'
                ORDER BY h.at DESC, h.id DESC LIMIT 1), 'desk') AS channel
        FROM encounter e JOIN appointment a ON a.id = e.appointment_id
        """
    )
    op.drop_table("encounter")
    _create()
    op.execute(f"INSERT INTO encounter ({COLUMNS}) SELECT {COLUMNS} FROM encounter_copy")
    op.execute("DROP TABLE encounter_copy")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('encounter', 'id'), max(id)) FROM encounter HAVING max(id) IS NOT NULL"
        )


def _create() -> None:
    op.create_table(
        "encounter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("therapist_id", sa.Integer(), nullable=False),
        sa.Column("appointment_id", sa.Integer(), nullable=True),
        sa.Column("class", sa.String(length=4), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.CheckConstraint(
            "status IN ('in-progress', 'finished', 'discontinued', 'entered-in-error')",
            name=op.f("ck_encounter_status"),
        ),
        sa.CheckConstraint("class IN ('AMB', 'EMER', 'VR')", name=op.f("ck_encounter_class")),
        sa.CheckConstraint("status <> 'finished' OR finished_at IS NOT NULL", name=op.f("ck_encounter_finished")),
        sa.CheckConstraint("finished_at IS NULL OR finished_at >= started_at", name=op.f("ck_encounter_period")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_encounter_organization_id")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_encounter_clinic_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_encounter_patient_id")),
        sa.ForeignKeyConstraint(["therapist_id"], ["therapist.id"], name=op.f("fk_encounter_therapist_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encounter")),
        sa.UniqueConstraint("appointment_id", name=op.f("uq_encounter_appointment_id")),
    )
    op.create_index("ix_encounter_patient_start", "encounter", ["patient_id", "started_at"])
    op.create_index("ix_encounter_clinic_start", "encounter", ["clinic_id", "started_at"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only; restore a backup instead")
