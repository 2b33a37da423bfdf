"""A therapist without services belongs to the clinic that had them last, no longer to all clinics.

Filled from services, then hours, then the roles of the account; else the organization's first clinic.

Revision ID: 20261125_clinics_home_clinic
Revises: 20261125_clinics_whatsapp
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_clinics_home_clinic"
down_revision = "20261125_clinics_whatsapp"


def upgrade() -> None:
    with op.batch_alter_table("therapist") as table:
        table.add_column(sa.Column("home_clinic_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_therapist_home_clinic_id"), "clinic", ["home_clinic_id"], ["id"])
    op.execute(
        """
        UPDATE therapist SET home_clinic_id = coalesce(
            (SELECT min(service.clinic_id) FROM therapist_service JOIN service ON service.id = therapist_service.service_id
             WHERE therapist_service.therapist_id = therapist.id AND service.is_active),
            (SELECT min(service.clinic_id) FROM therapist_service JOIN service ON service.id = therapist_service.service_id
             WHERE therapist_service.therapist_id = therapist.id),
            (SELECT min(clinic_id) FROM working_hours WHERE therapist_id = therapist.id),
            (SELECT min(clinic_id) FROM membership WHERE user_id = therapist.user_id),
            (SELECT min(id) FROM clinic WHERE organization_id = therapist.organization_id))
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only; restore a backup instead")
