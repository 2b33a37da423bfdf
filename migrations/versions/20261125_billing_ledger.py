"""Tickets with lines, movements with postings that sum to zero, balances as views.

Each ticket becomes a line and its charge, each movement keeps its id and gets its two postings.

Revision ID: 20261125_billing_ledger
Revises: 20261125_kernel_access_log
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_billing_ledger"
down_revision = "20261125_kernel_access_log"

ACCOUNTS = {
    "asset": ("till", "fund", "clearing", "transit", "bank", "receivable", "suspense"),
    "liability": ("credit", "unearned", "tips_payable", "online_unmatched"),
    "result": (
        *("revenue", "fee", "breakage", "discount", "courtesy", "rounding", "commission", "expense"),
        *("over_short", "chargeback_loss", "bad_debt"),
    ),
}
# code, side of a ticket, then what a movement of the kind must name: ticket, session, method, user
KINDS = (
    ("charge", "charged", True, False, False, False),
    ("reversal", "charged", True, False, False, False),
    ("payment", "paid", True, True, True, True),
    ("refund", "refunded", True, True, True, True),
    ("cash_in", None, False, True, True, True),
    ("cash_out", None, False, True, True, True),
    ("expense", None, False, True, True, True),
    ("deposit", None, False, True, True, True),
)
SUBTOTAL = "l.quantity * l.unit_cents - l.discount_cents"
RECEIVABLE = "FROM posting p WHERE p.account = 'receivable' AND p.dimension = t.id"
OF_SIDE = """FROM posting p JOIN movement m ON m.id = p.movement_id JOIN movement_kind k ON k.code = m.kind
    WHERE p.account = 'receivable' AND p.dimension = t.id AND k.ticket_side"""
# Scalar subqueries and no GROUP BY: joined to a few tickets, either engine looks up those tickets alone.
TICKET_BALANCE = f"""CREATE VIEW ticket_balance AS SELECT t.id AS ticket_id,
    (SELECT coalesce(sum({SUBTOTAL}), 0) FROM ticket_line l WHERE l.ticket_id = t.id) AS amount_cents,
    (SELECT coalesce(sum(p.cents), 0) {OF_SIDE} = 'charged') AS charged_cents,
    (SELECT coalesce(-sum(p.cents), 0) {OF_SIDE} IN ('paid', 'refunded')) AS paid_cents,
    (SELECT coalesce(sum(p.cents), 0) {OF_SIDE} = 'refunded') AS refunded_cents,
    (SELECT coalesce(sum(p.cents), 0) {RECEIVABLE}) AS owed_cents
    FROM ticket t"""
TILL_SESSION_TOTALS = """CREATE VIEW till_session_totals AS
    SELECT m.session_id, m.method_id, m.kind, count(*) AS movement_count, sum(p.cents) AS cents,
        sum(m.change_cents) AS change_cents
    FROM movement m JOIN posting p ON p.movement_id = m.id AND p.account IN ('till', 'clearing')
    WHERE m.session_id IS NOT NULL
    GROUP BY m.session_id, m.method_id, m.kind"""

CLOSED = "a closed till session is immutable"
INCOMPLETE = "a movement names what its kind needs"
UNSEALED = "a movement is sealed after its postings"
UNBALANCED = "the postings of a movement sum to zero"
OVERPAID = "a ticket is paid between nothing and its amount"
ELSEWHERE = "money in a drawer belongs to a session of its till"
LACKS = """EXISTS (SELECT 1 FROM movement_kind k WHERE k.code = NEW.kind AND (
    k.needs_ticket AND NEW.ticket_id IS NULL OR k.needs_session AND NEW.session_id IS NULL
    OR k.needs_method AND NEW.method_id IS NULL OR k.needs_user AND NEW.received_by IS NULL))"""
WRONG_DRAWER = """EXISTS (SELECT 1 FROM posting p WHERE p.movement_id = NEW.id AND p.account = 'till'
    AND p.dimension <> coalesce((SELECT till_id FROM till_session WHERE id = NEW.session_id), -1))"""
WRONGLY_PAID = """EXISTS (SELECT 1 FROM ticket_balance b JOIN movement_kind k ON k.code = NEW.kind
    WHERE b.ticket_id = NEW.ticket_id AND (b.paid_cents < 0 OR k.ticket_side = 'paid' AND b.owed_cents < 0))"""
KEPT = (
    *("id", "clinic_id", "session_id", "kind", "method_id", "ticket_id", "tendered_cents", "change_cents"),
    *("reference", "concept", "beneficiary", "voucher_number", "reverses_id", "received_at", "received_by"),
    *("authorised_by", "note"),
)
LINE_KEPT = (
    *("id", "ticket_id", "kind", "reference_type", "reference_id", "description", "quantity", "unit_cents"),
    *("tax_bp", "discount_cents", "service_id"),
)


def upgrade() -> None:
    op.execute("CREATE TEMPORARY TABLE old_movement AS SELECT * FROM movement")
    op.execute("CREATE TEMPORARY TABLE old_ticket AS SELECT * FROM ticket")
    op.drop_table("movement")  # before the tickets it names
    op.drop_table("ticket")
    _lookup_tables()
    _ticket_tables()
    _ledger_tables()
    _copy()
    op.execute("DROP TABLE old_movement")
    op.execute("DROP TABLE old_ticket")
    op.execute(TICKET_BALANCE)
    op.execute(TILL_SESSION_TOTALS)
    if op.get_bind().dialect.name == "postgresql":
        _guards_of_postgresql()
    else:
        _guards_of_sqlite()


def _lookup_tables() -> None:
    account = op.create_table(
        "ledger_account",
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_ledger_account"),
    )
    op.bulk_insert(account, [{"code": code, "type": type_} for type_, codes in ACCOUNTS.items() for code in codes])
    names = ("code", "ticket_side", "needs_ticket", "needs_session", "needs_method", "needs_user")
    kind = op.create_table(
        "movement_kind",
        sa.Column("code", sa.String(24), nullable=False),
        sa.Column("ticket_side", sa.String(10), nullable=True),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in names[2:]),
        sa.PrimaryKeyConstraint("code", name="pk_movement_kind"),
    )
    op.bulk_insert(kind, [dict(zip(names, row, strict=True)) for row in KINDS])


def _ticket_tables() -> None:
    op.create_table(
        "ticket",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("appointment_id", sa.Integer(), nullable=True),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("therapist_id", sa.Integer(), nullable=True),
        sa.Column("service_id", sa.Integer(), nullable=True),
        sa.Column("concept", sa.String(160), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("service_day", sa.Date(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Integer(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_by", sa.Integer(), nullable=True),
        sa.Column("void_reason", sa.String(200), nullable=False),
        sa.CheckConstraint("status IN ('open', 'voided')", name=op.f("ck_ticket_status")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_ticket_clinic_id"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_ticket_patient_id"),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name="fk_ticket_service_id"),
        sa.ForeignKeyConstraint(["therapist_id"], ["therapist.id"], name="fk_ticket_therapist_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ticket"),
        sa.UniqueConstraint("appointment_id", name="uq_ticket_appointment_id"),
        sa.UniqueConstraint("clinic_id", "number", name="uq_ticket_clinic_id_number"),
    )
    op.create_index("ix_ticket_clinic_day", "ticket", ["clinic_id", "service_day"])
    op.create_index("ix_ticket_patient", "ticket", ["patient_id"])
    op.create_index("ix_ticket_issued", "ticket", ["clinic_id", "issued_at"])
    op.create_index("ix_ticket_voided", "ticket", ["clinic_id", "voided_at"])
    op.create_table(
        "ticket_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("reference_type", sa.String(30), nullable=True),
        sa.Column("reference_id", sa.Integer(), nullable=True),
        sa.Column("description", sa.String(160), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cents", sa.Integer(), nullable=False),
        sa.Column("tax_bp", sa.Integer(), nullable=False),
        sa.Column("discount_cents", sa.Integer(), nullable=False),
        sa.Column("therapist_id", sa.Integer(), nullable=True),
        sa.Column("service_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("quantity > 0 AND unit_cents >= 0", name=op.f("ck_ticket_line_price")),
        sa.CheckConstraint("discount_cents BETWEEN 0 AND quantity * unit_cents", name=op.f("ck_ticket_line_discount")),
        sa.CheckConstraint("(reference_type IS NULL) = (reference_id IS NULL)", name=op.f("ck_ticket_line_reference")),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name="fk_ticket_line_service_id"),
        sa.ForeignKeyConstraint(["therapist_id"], ["therapist.id"], name="fk_ticket_line_therapist_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_ticket_line_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_line"),
    )
    op.create_index("ix_ticket_line_ticket", "ticket_line", ["ticket_id"])


def _ledger_tables() -> None:
    op.create_table(
        "movement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("method_id", sa.Integer(), nullable=True),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("tendered_cents", sa.Integer(), nullable=True),
        sa.Column("change_cents", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(60), nullable=False),
        sa.Column("concept", sa.String(160), nullable=False),
        sa.Column("beneficiary", sa.String(120), nullable=False),
        sa.Column("voucher_number", sa.String(40), nullable=False),
        sa.Column("reverses_id", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Integer(), nullable=True),
        sa.Column("authorised_by", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["authorised_by"], ["user_account.id"], name="fk_movement_authorised_by"),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_movement_clinic_id"),
        sa.ForeignKeyConstraint(["kind"], ["movement_kind.code"], name="fk_movement_kind"),
        sa.ForeignKeyConstraint(["method_id"], ["payment_method.id"], name="fk_movement_method_id"),
        sa.ForeignKeyConstraint(["received_by"], ["user_account.id"], name="fk_movement_received_by"),
        sa.ForeignKeyConstraint(["reverses_id"], ["movement.id"], name="fk_movement_reverses_id"),
        sa.ForeignKeyConstraint(["session_id"], ["till_session.id"], name="fk_movement_session_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_movement_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_movement"),
        sa.UniqueConstraint("reverses_id", name="uq_movement_reverses_id"),
    )
    op.create_index("ix_movement_clinic_time", "movement", ["clinic_id", "received_at"])
    op.create_index("ix_movement_session", "movement", ["session_id"])
    op.create_index("ix_movement_ticket", "movement", ["ticket_id"])
    op.create_table(
        "posting",
        sa.Column("movement_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("account", sa.String(20), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.CheckConstraint("cents <> 0", name=op.f("ck_posting_cents")),
        sa.ForeignKeyConstraint(["account"], ["ledger_account.code"], name="fk_posting_account"),
        sa.ForeignKeyConstraint(["movement_id"], ["movement.id"], name="fk_posting_movement_id"),
        sa.PrimaryKeyConstraint("movement_id", "account", "dimension", name="pk_posting"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_posting_account", "posting", ["account", "dimension", "cents"])


def _copy() -> None:
    """The old rows; guards come afterwards, because most sessions are closed."""
    ticket = (
        "id, clinic_id, number, appointment_id, patient_id, therapist_id, service_id, concept, currency, service_day,"
        " status, issued_at, issued_by, voided_at, voided_by, void_reason"
    )
    op.execute(f"INSERT INTO ticket ({ticket}) SELECT {ticket} FROM old_ticket ORDER BY id")
    op.execute("""INSERT INTO ticket_line (ticket_id, kind, reference_type, reference_id, description, quantity,
            unit_cents, tax_bp, discount_cents, therapist_id, service_id)
        SELECT id, 'service', CASE WHEN appointment_id IS NULL THEN NULL ELSE 'appointment' END, appointment_id,
            concept, 1, amount_cents, tax_rate_bp, 0, therapist_id, service_id
        FROM old_ticket ORDER BY id""")
    kept = ", ".join(KEPT)
    op.execute(f"INSERT INTO movement ({kept}, sealed) SELECT {kept}, true FROM old_movement ORDER BY id")
    if op.get_bind().dialect.name == "postgresql":
        for table in ("ticket", "movement"):
            op.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL)"
                f" FROM {table}"
            )
    op.execute("""INSERT INTO posting (movement_id, account, dimension, cents)
        SELECT o.id, CASE WHEN p.is_cash THEN 'till' ELSE 'clearing' END,
            CASE WHEN p.is_cash THEN s.till_id ELSE o.method_id END, o.amount_cents
        FROM old_movement o JOIN payment_method p ON p.id = o.method_id JOIN till_session s ON s.id = o.session_id""")
    op.execute("""INSERT INTO posting (movement_id, account, dimension, cents)
        SELECT o.id, CASE o.kind WHEN 'expense' THEN 'expense' WHEN 'deposit' THEN 'bank'
                WHEN 'payment' THEN 'receivable' WHEN 'refund' THEN 'receivable' ELSE 'suspense' END,
            CASE WHEN o.ticket_id IS NOT NULL THEN o.ticket_id WHEN o.kind IN ('cash_in', 'cash_out') THEN s.till_id
                ELSE 0 END, -o.amount_cents
        FROM old_movement o JOIN till_session s ON s.id = o.session_id""")
    _charge("charge", "issued_at", "issued_by", "", "amount_cents > 0", 1)
    _charge("reversal", "voided_at", "voided_by", "void_reason", "amount_cents > 0 AND status = 'voided'", -1)


def _charge(kind: str, at: str, by: str, note: str, which: str, sign: int) -> None:
    """What each ticket owes since it was issued, and for the voided ones the contrary."""
    reverses = "(SELECT m.id FROM movement m WHERE m.ticket_id = o.id AND m.kind = 'charge')" if sign < 0 else "NULL"
    op.execute(f"""INSERT INTO movement (clinic_id, kind, ticket_id, change_cents, reference, concept, beneficiary,
            voucher_number, reverses_id, received_at, received_by, note, sealed)
        SELECT o.clinic_id, '{kind}', o.id, 0, '', '', '', '', {reverses}, o.{at},
            (SELECT u.id FROM user_account u WHERE u.id = o.{by}), {"o." + note if note else "''"}, true
        FROM old_ticket o WHERE {which} ORDER BY o.id""")
    op.execute(f"""INSERT INTO posting (movement_id, account, dimension, cents)
        SELECT m.id, 'receivable', l.ticket_id, {sign} * l.unit_cents
        FROM movement m JOIN ticket_line l ON l.ticket_id = m.ticket_id WHERE m.kind = '{kind}'""")
    op.execute(f"""INSERT INTO posting (movement_id, account, dimension, cents)
        SELECT m.id, 'revenue', l.id, {-sign} * l.unit_cents
        FROM movement m JOIN ticket_line l ON l.ticket_id = m.ticket_id WHERE m.kind = '{kind}'""")


# ------------------------------------------------------------------ what the database itself refuses


def _guards_of_postgresql() -> None:
    for name in ("movement_guard", "movement_append_only"):
        op.execute(f"DROP FUNCTION {name}()")
    _function(
        "movement_guard",
        f"""
        IF NEW.sealed THEN {_raise(UNSEALED)} END IF;
        IF {LACKS} THEN {_raise(INCOMPLETE)} END IF;
        IF (SELECT status FROM till_session WHERE id = NEW.session_id FOR SHARE) <> 'open' THEN {_raise(CLOSED)} END IF;
        PERFORM 1 FROM ticket WHERE id = NEW.ticket_id FOR UPDATE;
        RETURN NEW;""",
    )
    _trigger("movement_guard", "BEFORE INSERT ON movement")
    _function(
        "movement_seal",
        f"""
        IF TG_OP = 'DELETE' OR OLD.sealed OR NOT NEW.sealed
            OR to_jsonb(NEW) - 'sealed' <> to_jsonb(OLD) - 'sealed' THEN {_raise("movement is append-only")} END IF;
        IF {WRONG_DRAWER} THEN {_raise(ELSEWHERE)} END IF;
        IF {WRONGLY_PAID} THEN {_raise(OVERPAID)} END IF;
        RETURN NEW;""",
    )
    _trigger("movement_seal", "BEFORE UPDATE OR DELETE ON movement")
    _function(
        "movement_balance",
        f"""
        IF NOT (SELECT sealed FROM movement WHERE id = NEW.id) THEN {_raise(UNSEALED)} END IF;
        IF (SELECT coalesce(sum(cents), 1) FROM posting WHERE movement_id = NEW.id) <> 0 THEN {_raise(UNBALANCED)}
        END IF;
        RETURN NULL;""",
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER movement_balance AFTER INSERT ON movement DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION movement_balance()"
    )
    _function(
        "posting_guard",
        f"""
        IF TG_OP <> 'INSERT' THEN {_raise("posting is append-only")} END IF;
        IF (SELECT sealed FROM movement WHERE id = NEW.movement_id) THEN {_raise(UNSEALED)} END IF;
        IF (SELECT s.status FROM movement m JOIN till_session s ON s.id = m.session_id WHERE m.id = NEW.movement_id)
            <> 'open' THEN {_raise(CLOSED)} END IF;
        RETURN NEW;""",
    )
    _trigger("posting_guard", "BEFORE INSERT OR UPDATE OR DELETE ON posting")
    _function(
        "ticket_line_guard",
        f"""
        IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'therapist_id' <> to_jsonb(OLD) - 'therapist_id' THEN
            {_raise("ticket_line is append-only")} END IF;
        RETURN NEW;""",
    )
    _trigger("ticket_line_guard", "BEFORE UPDATE OR DELETE ON ticket_line")
    _trigger("ticket_guard", "BEFORE DELETE ON ticket")  # its function is there


def _function(name: str, body: str) -> None:
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")


def _trigger(name: str, when: str) -> None:
    op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _raise(message: str) -> str:
    return f"RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation';"


def _guards_of_sqlite() -> None:
    _abort(
        "movement_guard",
        "INSERT ON movement",
        (UNSEALED, "NEW.sealed <> 0"),
        (INCOMPLETE, LACKS),
        (CLOSED, "(SELECT status FROM till_session WHERE id = NEW.session_id) <> 'open'"),
    )
    _abort("movement_no_delete", "DELETE ON movement", ("movement is append-only", "true"))
    _abort("movement_no_update", f"UPDATE OF {', '.join(KEPT)} ON movement", ("movement is append-only", "true"))
    _abort(
        "movement_seal",
        "UPDATE OF sealed ON movement",
        ("movement is append-only", "OLD.sealed <> 0 OR NEW.sealed <> 1"),
        (UNBALANCED, "(SELECT coalesce(sum(cents), 1) FROM posting WHERE movement_id = NEW.id) <> 0"),
        (ELSEWHERE, WRONG_DRAWER),
        (OVERPAID, WRONGLY_PAID),
    )
    _abort(
        "posting_guard",
        "INSERT ON posting",
        (UNSEALED, "(SELECT sealed FROM movement WHERE id = NEW.movement_id) <> 0"),
        (
            CLOSED,
            """(SELECT s.status FROM movement m JOIN till_session s ON s.id = m.session_id
                WHERE m.id = NEW.movement_id) <> 'open'""",
        ),
    )
    for verb in ("UPDATE", "DELETE"):
        _abort(f"posting_no_{verb.lower()}", f"{verb} ON posting", ("posting is append-only", "true"))
    _abort("ticket_line_no_delete", "DELETE ON ticket_line", ("ticket_line is append-only", "true"))
    _abort(
        "ticket_line_no_update",
        f"UPDATE OF {', '.join(LINE_KEPT)} ON ticket_line",
        ("ticket_line is append-only", "true"),
    )
    _abort("ticket_no_delete", "DELETE ON ticket", ("a ticket is voided, never deleted", "true"))


def _abort(name: str, when: str, *refusals: tuple[str, str]) -> None:
    body = " ".join(f"SELECT RAISE(ABORT, '{message}') WHERE {condition};" for message, condition in refusals)
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} BEGIN {body} END")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
