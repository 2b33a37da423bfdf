"""Therapists see of others' visits that the time is taken (D40); a clinic may show them the names.

Roles that an organization made for itself keep reading all visits, unless they are a therapist's.

Revision ID: 20261125_scheduling_sight
Revises: 20261125_notifications_patient
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_scheduling_sight"
down_revision = "20261125_notifications_patient"


def upgrade() -> None:
    op.add_column(
        "clinic_settings", sa.Column("therapists_see_names", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    with op.batch_alter_table("clinic_settings") as table:
        table.alter_column("therapists_see_names", server_default=None)
    op.execute(
        """
        INSERT INTO role_permission (role_id, permission_code)
        SELECT role.id, 'appointment.read_all' FROM role
        JOIN role_permission held ON held.role_id = role.id AND held.permission_code = 'appointment.read'
        WHERE role.organization_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM role_permission other
            WHERE other.role_id = role.id
            AND other.permission_code IN ('appointment.read_assigned', 'appointment.read_all'))
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only; restore a backup instead")
