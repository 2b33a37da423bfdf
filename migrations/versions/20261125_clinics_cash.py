"""Whether a clinic rounds sums in cash to the smallest coin.

Revision ID: 20261125_clinics_cash
Revises: 20261125_billing_refunds
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_clinics_cash"
down_revision = "20261125_billing_refunds"


def upgrade() -> None:
    column = sa.Column("cash_rounding", sa.String(8), nullable=False, server_default="currency")
    op.add_column("clinic_settings", column)


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
