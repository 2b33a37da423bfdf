"""Refunds in part, courtesies, operation numbers that are looked up.

A refund names its payment in a column of its own, because a payment may have several; the old refunds too.

Revision ID: 20261125_billing_refunds
Revises: 20261125_patients_clinics
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_billing_refunds"
down_revision = "20261125_patients_clinics"

TOO_MUCH = "a refund gives back no more than its payment"
GIVES_TOO_MUCH = """NEW.refunds_id IS NOT NULL AND (
    NOT EXISTS (SELECT 1 FROM movement o WHERE o.id = NEW.refunds_id AND o.kind = 'payment'
        AND o.ticket_id = NEW.ticket_id)
    OR (SELECT coalesce(sum(p.cents), 0) FROM posting p JOIN movement m ON m.id = p.movement_id
        WHERE p.account = 'receivable' AND (m.id = NEW.refunds_id OR m.refunds_id = NEW.refunds_id)) > 0)"""
KEPT = (
    *("id", "clinic_id", "session_id", "kind", "method_id", "ticket_id", "tendered_cents", "change_cents"),
    *("reference", "concept", "beneficiary", "voucher_number", "reverses_id", "refunds_id", "received_at"),
    *("received_by", "authorised_by", "note"),
)
MOVE_OLD = "UPDATE movement SET refunds_id = reverses_id, reverses_id = NULL WHERE kind = 'refund'"


def upgrade() -> None:
    kind = sa.table(
        "movement_kind",
        sa.column("code", sa.String),
        sa.column("ticket_side", sa.String),
        *(sa.column(f"needs_{name}", sa.Boolean) for name in ("ticket", "session", "method", "user")),
    )
    courtesy = {"code": "courtesy", "ticket_side": "charged", "needs_ticket": True, "needs_session": False}
    op.bulk_insert(kind, [courtesy | {"needs_method": False, "needs_user": True}])
    op.execute(
        "ALTER TABLE movement ADD COLUMN refunds_id INTEGER CONSTRAINT fk_movement_refunds_id REFERENCES movement (id)"
    )
    named = sa.text("refunds_id IS NOT NULL")
    op.create_index("ix_movement_refunds", "movement", ["refunds_id"], sqlite_where=named, postgresql_where=named)
    numbered = sa.text("reference <> ''")
    op.create_index(
        "ix_movement_reference", "movement", ["reference"], sqlite_where=numbered, postgresql_where=numbered
    )
    if op.get_bind().dialect.name == "postgresql":
        _guards_of_postgresql()
    else:
        _guards_of_sqlite()


def _guards_of_postgresql() -> None:
    op.execute("ALTER TABLE movement DISABLE TRIGGER movement_seal")
    op.execute(MOVE_OLD)
    op.execute("ALTER TABLE movement ENABLE TRIGGER movement_seal")
    op.execute(f"""CREATE FUNCTION movement_refund() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF {GIVES_TOO_MUCH} THEN RAISE EXCEPTION '{TOO_MUCH}' USING ERRCODE = 'check_violation'; END IF;
        RETURN NEW; END $$""")
    op.execute(
        "CREATE TRIGGER movement_refund BEFORE UPDATE ON movement FOR EACH ROW EXECUTE FUNCTION movement_refund()"
    )


def _guards_of_sqlite() -> None:
    op.execute("DROP TRIGGER movement_no_update")
    op.execute(MOVE_OLD)
    op.execute(f"""CREATE TRIGGER movement_no_update BEFORE UPDATE OF {", ".join(KEPT)} ON movement
        BEGIN SELECT RAISE(ABORT, 'movement is append-only'); END""")
    op.execute(f"""CREATE TRIGGER movement_refund BEFORE UPDATE OF sealed ON movement WHEN {GIVES_TOO_MUCH}
        BEGIN SELECT RAISE(ABORT, '{TOO_MUCH}'); END""")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
