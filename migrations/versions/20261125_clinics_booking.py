"""What bookings are decided on: the service of one that names none (D43), how many a patient may have to come.

Until now the lowest price was shown as the consultation fee; that service becomes the default.

Revision ID: 20261125_clinics_booking
Revises: 20261125_clinics_visit_settings
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_clinics_booking"
down_revision = "20261125_clinics_visit_settings"


def upgrade() -> None:
    column = sa.Column("is_default", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("therapist_service", column)
    op.execute(
        "UPDATE therapist_service SET is_default = true WHERE service_id = ("
        " SELECT service.id FROM service JOIN therapist_service AS given ON given.service_id = service.id"
        " WHERE given.therapist_id = therapist_service.therapist_id AND service.is_active"
        " ORDER BY service.is_online DESC, service.price_cents, service.id LIMIT 1)"
    )
    op.create_index(
        "uq_therapist_service_default",
        "therapist_service",
        ["therapist_id"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )
    op.add_column("clinic_settings", sa.Column("open_visits_limit", sa.Integer(), nullable=False, server_default="5"))
