"""Counts of a till and the decisions on them as rows that never change.

Revision ID: 20261125_billing_counts
Revises: 20261125_patients_duplicates
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_billing_counts"
down_revision = "20261125_patients_duplicates"

TABLES = ("cash_count", "cash_count_line", "count_decision")
CLOSED = "a closed till session is immutable"
STALE = "a decision is about the last count of an open till"
OWN = "nobody decides on their own count"
IS_CLOSED = "(SELECT status FROM till_session WHERE id = NEW.session_id) <> 'open'"
LINE_IS_CLOSED = """(SELECT s.status FROM cash_count c JOIN till_session s ON s.id = c.session_id
    WHERE c.id = NEW.count_id) <> 'open'"""
IS_OWN = "(SELECT counted_by FROM cash_count WHERE id = NEW.count_id) = NEW.decided_by"
IS_STALE = """NOT EXISTS (SELECT 1 FROM cash_count c JOIN till_session s ON s.id = c.session_id
    WHERE c.id = NEW.count_id AND s.status = 'open'
    AND NOT EXISTS (SELECT 1 FROM cash_count n WHERE n.session_id = c.session_id AND n.number > c.number)
    AND NOT EXISTS (SELECT 1 FROM movement m WHERE m.session_id = c.session_id AND m.id > c.last_movement_id))"""


def upgrade() -> None:
    op.create_table(
        "cash_count",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_by", sa.Integer(), nullable=False),
        sa.Column("last_movement_id", sa.Integer(), nullable=False),
        sa.Column("denominations", sa.JSON(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_cash_count_number")),
        sa.ForeignKeyConstraint(["counted_by"], ["user_account.id"], name="fk_cash_count_counted_by"),
        sa.ForeignKeyConstraint(["session_id"], ["till_session.id"], name="fk_cash_count_session_id"),
        sa.PrimaryKeyConstraint("id", name="pk_cash_count"),
        sa.UniqueConstraint("session_id", "number", name="uq_cash_count_session_id_number"),
    )
    op.create_table(
        "cash_count_line",
        sa.Column("count_id", sa.Integer(), nullable=False),
        sa.Column("method_id", sa.Integer(), nullable=False),
        sa.Column("expected_cents", sa.Integer(), nullable=False),
        sa.Column("counted_cents", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["count_id"], ["cash_count.id"], name="fk_cash_count_line_count_id"),
        sa.ForeignKeyConstraint(["method_id"], ["payment_method.id"], name="fk_cash_count_line_method_id"),
        sa.PrimaryKeyConstraint("count_id", "method_id", name="pk_cash_count_line"),
    )
    op.create_table(
        "count_decision",
        sa.Column("count_id", sa.Integer(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("expected_cents", sa.Integer(), nullable=False),
        sa.Column("counted_cents", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["count_id"], ["cash_count.id"], name="fk_count_decision_count_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["user_account.id"], name="fk_count_decision_decided_by"),
        sa.PrimaryKeyConstraint("count_id", name="pk_count_decision"),
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in TABLES:
        (_append_only_on_postgresql if is_postgresql else _append_only_on_sqlite)(table)
    guard = _guard_of_postgresql if is_postgresql else _guard_of_sqlite
    guard("cash_count", (CLOSED, IS_CLOSED))
    guard("till_count", (CLOSED, IS_CLOSED))
    guard("cash_count_line", (CLOSED, LINE_IS_CLOSED))
    guard("count_decision", (OWN, IS_OWN), (STALE, IS_STALE))


def _append_only_on_postgresql(table: str) -> None:
    op.execute(f"""CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'check_violation'; END $$""")
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
    )


def _append_only_on_sqlite(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _guard_of_postgresql(table: str, *refusals: tuple[str, str]) -> None:
    body = " ".join(
        f"IF {condition} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF;"
        for message, condition in refusals
    )
    op.execute(
        f"CREATE FUNCTION {table}_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$"
    )
    op.execute(f"CREATE TRIGGER {table}_guard BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()")


def _guard_of_sqlite(table: str, *refusals: tuple[str, str]) -> None:
    body = " ".join(f"SELECT RAISE(ABORT, '{message}') WHERE {condition};" for message, condition in refusals)
    op.execute(f"CREATE TRIGGER {table}_guard BEFORE INSERT ON {table} BEGIN {body} END")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
