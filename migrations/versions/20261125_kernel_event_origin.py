"""Where an event came from: organization, kind of actor, session, channel; the type of its subject.

Revision ID: 20261125_kernel_event_origin
Revises: 20261120_ubigeo
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_kernel_event_origin"
down_revision = "20261120_ubigeo"

COLUMNS = (
    "type, at, organization_id, clinic_id, actor_kind, actor_id, session_id, channel, subject_type, subject_id,"
    " patient_id, data, changes"
)


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if on_sqlite:
        op.execute("DROP TRIGGER event_log_no_update")
        op.execute("DROP TRIGGER event_log_no_delete")
    else:
        op.execute("ALTER TABLE event_log DISABLE TRIGGER event_log_append_only")
    for name, kind in (
        ("organization_id", sa.Integer()),
        ("actor_kind", sa.String(10)),
        ("session_id", sa.Integer()),
        ("channel", sa.String(10)),
        ("subject_type", sa.String(30)),
    ):
        op.add_column("event_log", sa.Column(name, kind))
    op.execute(_backfill("substr(type, instr(type, '.') + 1)" if on_sqlite else "split_part(type, '.', 2)"))
    if on_sqlite:
        op.execute("UPDATE event_log SET subject_type = substr(subject_type, 1, instr(subject_type, '.') - 1)")
    with op.batch_alter_table("event_log") as table:
        table.alter_column("organization_id", existing_type=sa.Integer(), nullable=False)
        table.alter_column("actor_kind", existing_type=sa.String(10), nullable=False)
        table.alter_column("channel", existing_type=sa.String(10), nullable=False)
        table.alter_column("subject_type", existing_type=sa.String(30), nullable=False)
    if on_sqlite:
        op.execute(
            f"CREATE TRIGGER event_log_no_update BEFORE UPDATE OF {COLUMNS} ON event_log"
            " BEGIN SELECT RAISE(ABORT, 'event_log is append-only'); END"
        )
        op.execute(
            "CREATE TRIGGER event_log_no_delete BEFORE DELETE ON event_log"
            " BEGIN SELECT RAISE(ABORT, 'event_log is append-only'); END"
        )
    else:
        op.execute("ALTER TABLE event_log ENABLE TRIGGER event_log_append_only")


def _backfill(subject_type: str) -> str:
    """Old rows tell their tenant by clinic, actor or patient; until now there was one organization each."""
    return f"""UPDATE event_log SET
        organization_id = coalesce(
            (SELECT organization_id FROM clinic WHERE clinic.id = event_log.clinic_id),
            (SELECT organization_id FROM user_account WHERE user_account.id = event_log.actor_id),
            (SELECT organization_id FROM patient WHERE patient.id = event_log.patient_id),
            (SELECT min(id) FROM organization), 0),
        actor_kind = CASE WHEN actor_id IS NULL THEN 'system' ELSE 'user' END,
        channel = CASE WHEN actor_id IS NULL THEN 'system' ELSE 'unknown' END,
        subject_type = {subject_type}"""


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
