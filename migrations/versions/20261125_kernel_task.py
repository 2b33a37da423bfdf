"""One table of tasks for event work, messages and reports; unfinished work of the first release becomes tasks.

Revision ID: 20261125_kernel_task
Revises: 20261125_kernel_event_client
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261125_kernel_task"
down_revision = "20261125_kernel_event_client"

INSTANT = sa.DateTime(timezone=True)
SUBSCRIBER_IDS = {
    "app.billing.subscribers.on_clinic_created": "billing.equip_clinic",
    "app.reports.subscribers.on_run_finished": "reports.notify_finished",
    "app.scheduling.subscribers.on_booked": "scheduling.notify_booked",
    "app.scheduling.subscribers.on_moved": "scheduling.notify_moved",
    "app.scheduling.subscribers.on_cancelled": "scheduling.notify_cancelled",
    "app.scheduling.subscribers.on_status_changed": "scheduling.notify_status",
}
OPEN = "done_at IS NULL AND failed_at IS NULL"
OPEN_DELIVERY = "status IN ('pending', 'sending')"

task = sa.table(
    "task",
    sa.column("kind", sa.String),
    sa.column("key", sa.String),
    sa.column("organization_id", sa.Integer),
    sa.column("payload", sa.JSON),
    sa.column("due_at", INSTANT),
    sa.column("attempts", sa.Integer),
    sa.column("last_error", sa.String),
    sa.column("failed_at", INSTANT),
    sa.column("created_at", INSTANT),
)


def upgrade() -> None:
    _create_table()
    now = datetime.now(UTC)
    rows = [*_event_work(now), *_deliveries(now), *_report_runs(now)]
    if rows:
        op.bulk_insert(task, rows)
    op.drop_table("event_task")
    op.drop_index("ix_delivery_due", table_name="delivery")
    for name in ("due_at", "claimed_at", "attempts"):
        op.drop_column("delivery", name)
    partial = {"sqlite_where": sa.text(OPEN_DELIVERY), "postgresql_where": sa.text(OPEN_DELIVERY)}
    op.create_index("ix_delivery_open", "delivery", ["created_at"], **partial)
    for name in ("heartbeat_at", "attempts"):
        op.drop_column("report_run", name)


def _create_table() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(80), nullable=False),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("claimed_by", sa.String(80), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", INSTANT, nullable=True),
        sa.Column("last_error", sa.String(200), nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("failed_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.UniqueConstraint("kind", "key", name="uq_task_kind_key"),
    )
    for name, column, where in (
        ("ix_task_due", "due_at", OPEN),
        ("ix_task_failed", "organization_id", "failed_at IS NOT NULL"),
    ):
        op.create_index(name, "task", [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _event_work(now: datetime) -> list[dict[str, Any]]:
    rows = _select(
        "SELECT t.event_id, t.subscriber, e.organization_id FROM event_task t"
        " JOIN event_log e ON e.id = t.event_id WHERE t.done_at IS NULL"
    )
    return [
        _task(
            SUBSCRIBER_IDS.get(row.subscriber, row.subscriber),
            row.event_id,
            row,
            {"event_id": row.event_id},
            due_at=now,
            now=now,
        )
        for row in rows
    ]


def _deliveries(now: datetime) -> list[dict[str, Any]]:
    """Open messages, and those that failed: people may send them again."""
    organization = _organization("delivery")
    rows = _select(
        f"SELECT id, status, due_at, {organization} AS organization_id FROM delivery"
        " WHERE status IN ('pending', 'sending', 'failed')",
        due_at=INSTANT,
    )
    return [
        _task(
            "notifications.send_delivery",
            row.id,
            row,
            {"delivery_id": row.id},
            due_at=row.due_at if row.due_at.tzinfo else row.due_at.replace(tzinfo=UTC),
            failed_at=now if row.status == "failed" else None,
            now=now,
        )
        for row in rows
    ]


def _report_runs(now: datetime) -> list[dict[str, Any]]:
    rows = _select(
        f"SELECT id, {_organization('report_run')} AS organization_id FROM report_run"
        " WHERE status IN ('queued', 'running')"
    )
    return [_task("reports.build", row.id, row, {"run_id": row.id}, due_at=now, now=now) for row in rows]


def _organization(table: str) -> str:
    of_clinic = f"(SELECT organization_id FROM clinic WHERE clinic.id = {table}.clinic_id)"
    return f"coalesce({of_clinic}, (SELECT min(id) FROM organization), 0)"


def _select(statement: str, **types: Any) -> list[Any]:
    found = sa.text(statement)
    return list(op.get_bind().execute(found.columns(**types) if types else found))


def _task(
    kind: str,
    number: int,
    row: Any,
    payload: dict[str, int],
    *,
    due_at: datetime,
    now: datetime,
    failed_at: datetime | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": str(number),
        "organization_id": row.organization_id,
        "payload": payload,
        "due_at": due_at,
        "attempts": 0,
        "last_error": "",
        "failed_at": failed_at,
        "created_at": now,
    }


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
