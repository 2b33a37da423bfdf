"""Two settings of a clinic: when requests expire, and whether therapists receive their own patients.

Existing clinics keep their requests until somebody answers; new ones get the default of the model.

Revision ID: 20261125_clinics_visit_settings
Revises: 20261125_identity_refresh
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_clinics_visit_settings"
down_revision = "20261125_identity_refresh"


def upgrade() -> None:
    with op.batch_alter_table("clinic_settings") as table:
        table.add_column(sa.Column("pending_hours", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("therapists_receive", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("clinic_settings") as table:
        table.alter_column("pending_hours", server_default=None)
        table.alter_column("therapists_receive", server_default=None)


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
