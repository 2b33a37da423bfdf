"""A user holds one open till, openings are compared with the last closing, differences are posted, tickets keep numbers.

Revision ID: 20261125_billing_drawer
Revises: 20261125_clinics_home_clinic
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_billing_drawer"
down_revision = "20261125_clinics_home_clinic"

KINDS = ("move_reversal", "opening_difference", "closing_difference")
TILL_SESSION_TOTALS = """CREATE VIEW till_session_totals AS
    SELECT m.session_id, m.method_id, m.kind, count(*) AS movement_count, sum(p.cents) AS cents,
        sum(m.change_cents) AS change_cents
    FROM movement m JOIN posting p ON p.movement_id = m.id AND p.account IN ('till', 'clearing')
    WHERE m.session_id IS NOT NULL AND m.kind NOT IN ('opening_difference', 'closing_difference')
    GROUP BY m.session_id, m.method_id, m.kind"""
TICKET_KEPT = ("id", "clinic_id", "number", "currency", "issued_at", "issued_by")
KEEPS = "an issued ticket keeps its number"


def upgrade() -> None:
    _require_one_till_each()
    kind = sa.table(
        "movement_kind",
        sa.column("code", sa.String),
        sa.column("ticket_side", sa.String),
        *(sa.column(f"needs_{name}", sa.Boolean) for name in ("ticket", "session", "method", "user")),
    )
    needs = {"needs_ticket": False, "needs_session": True, "needs_method": True, "needs_user": True}
    op.bulk_insert(kind, [{"code": code, "ticket_side": None, **needs} for code in KINDS])
    op.execute("DROP VIEW till_session_totals")
    op.execute(TILL_SESSION_TOTALS)
    op.add_column("till_session", sa.Column("opening_left_cents", sa.Integer(), nullable=True))
    op.add_column("till_session", sa.Column("opening_difference_number", sa.Integer(), nullable=True))
    op.add_column("till_session", sa.Column("opening_denominations", sa.JSON(), nullable=True))
    is_open = sa.text("status = 'open'")
    op.create_index(
        "uq_till_session_holder",
        "till_session",
        ["opened_by"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    if op.get_bind().dialect.name == "postgresql":
        _guards_of_postgresql()
    else:
        _guards_of_sqlite()


def _require_one_till_each() -> None:
    held = "SELECT opened_by FROM till_session WHERE status = 'open' GROUP BY opened_by HAVING count(*) > 1"
    users = [row[0] for row in op.get_bind().execute(sa.text(held))]
    if users:
        raise RuntimeError(f"users {users} hold two open tills each: close one of them with the version before this")


def _guards_of_postgresql() -> None:
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in TICKET_KEPT)
    op.execute(f"""CREATE FUNCTION ticket_keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF {changed} THEN RAISE EXCEPTION '{KEEPS}' USING ERRCODE = 'check_violation'; END IF;
        RETURN NEW; END $$""")
    op.execute("CREATE TRIGGER ticket_keeps BEFORE UPDATE ON ticket FOR EACH ROW EXECUTE FUNCTION ticket_keeps()")


def _guards_of_sqlite() -> None:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in TICKET_KEPT)
    op.execute(f"""CREATE TRIGGER ticket_keeps BEFORE UPDATE ON ticket WHEN {changed}
        BEGIN SELECT RAISE(ABORT, '{KEEPS}'); END""")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
