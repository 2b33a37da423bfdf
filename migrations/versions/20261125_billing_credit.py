"""Kinds of movement for money that is kept for a patient, and a guard: no patient's credit falls below zero.

Revision ID: 20261125_billing_credit
Revises: 20261125_patients_merge
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_billing_credit"
down_revision = "20261125_patients_merge"

KINDS = (("credit", "refunded"), ("credit_use", "paid"), ("credit_return", "refunded"))
OVERDRAWN = "the credit of a patient is never below zero"
BELOW_ZERO = """EXISTS (SELECT 1 FROM posting p WHERE p.movement_id = NEW.id AND p.account = 'credit' AND
    (SELECT sum(q.cents) FROM posting q WHERE q.account = 'credit' AND q.dimension = p.dimension) > 0)"""


def upgrade() -> None:
    kind = sa.table(
        "movement_kind",
        sa.column("code", sa.String),
        sa.column("ticket_side", sa.String),
        *(sa.column(f"needs_{name}", sa.Boolean) for name in ("ticket", "session", "method", "user")),
    )
    needs = {"needs_ticket": True, "needs_session": False, "needs_method": False, "needs_user": False}
    op.bulk_insert(kind, [{"code": code, "ticket_side": side, **needs} for code, side in KINDS])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"""CREATE FUNCTION movement_credit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF {BELOW_ZERO} THEN RAISE EXCEPTION '{OVERDRAWN}' USING ERRCODE = 'check_violation'; END IF;
            RETURN NEW; END $$""")
        op.execute(
            "CREATE TRIGGER movement_credit BEFORE UPDATE OF sealed ON movement"
            " FOR EACH ROW EXECUTE FUNCTION movement_credit()"
        )
    else:
        op.execute(f"""CREATE TRIGGER movement_credit BEFORE UPDATE OF sealed ON movement
            BEGIN SELECT RAISE(ABORT, '{OVERDRAWN}') WHERE {BELOW_ZERO}; END""")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
