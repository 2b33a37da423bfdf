"""SQLite: an event keeps its number, its request and its page too. PostgreSQL compares whole rows already.

Revision ID: 20261125_kernel_event_guard
Revises: 20261125_billing_counts
"""

from alembic import op

revision = "20261125_kernel_event_guard"
down_revision = "20261125_billing_counts"

COLUMNS = (
    "id, type, at, organization_id, clinic_id, actor_kind, actor_id, session_id, channel, subject_type, subject_id,"
    " patient_id, request_id, client_id, data, changes"
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("DROP TRIGGER event_log_no_update")
    op.execute(
        f"CREATE TRIGGER event_log_no_update BEFORE UPDATE OF {COLUMNS} ON event_log"
        " BEGIN SELECT RAISE(ABORT, 'event_log is append-only'); END"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
