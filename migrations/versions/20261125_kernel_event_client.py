"""The page that sent the request of an event: it ignores the refresh of its own change.

Revision ID: 20261125_kernel_event_client
Revises: 20261125_billing_ledger
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_kernel_event_client"
down_revision = "20261125_billing_ledger"


def upgrade() -> None:
    op.add_column("event_log", sa.Column("client_id", sa.String(36)))


def downgrade() -> None:
    op.drop_column("event_log", "client_id")
