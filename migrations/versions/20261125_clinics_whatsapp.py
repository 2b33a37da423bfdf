"""The WhatsApp number of a clinic, for its patients.

Revision ID: 20261125_clinics_whatsapp
Revises: 20261125_scheduling_sight
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_clinics_whatsapp"
down_revision = "20261125_scheduling_sight"


def upgrade() -> None:
    with op.batch_alter_table("clinic_settings") as table:
        table.add_column(sa.Column("whatsapp", sa.String(length=20), nullable=False, server_default=""))
    with op.batch_alter_table("clinic_settings") as table:
        table.alter_column("whatsapp", server_default=None)
