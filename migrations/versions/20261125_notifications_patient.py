"""A delivery names its patient as events do: by number, without a reference to a table of a later package.

Revision ID: 20261125_notifications_patient
Revises: 20261125_clinics_settings
"""

from alembic import op

revision = "20261125_notifications_patient"
down_revision = "20261125_clinics_settings"


def upgrade() -> None:
    with op.batch_alter_table("delivery") as table:
        table.drop_constraint("fk_delivery_patient_id", type_="foreignkey")
