"""What the database itself refuses: overlapping visits, edited money, edited history.

Revision ID: 20261120_guards
Revises: 20261120_initial
"""

from alembic import op

revision = "20261120_guards"
down_revision = "20261120_initial"

OCCUPYING = "('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')"
CLOSED = "a closed till session is immutable"

# Written as code constants that the errors of app.scheduling and app.billing name.
OVERLAPS = {"therapist": "therapist_id", "patient": "patient_id", "room": "room_id"}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _postgresql() -> None:
    for name, column in OVERLAPS.items():
        # int4range with && needs no extension, unlike an integer with = under GiST
        op.execute(
            f"ALTER TABLE appointment ADD CONSTRAINT appointment_overlap_{name} EXCLUDE USING gist"
            f" (int4range({column}, {column}, '[]') WITH &&, tstzrange(starts_at, ends_at, '[)') WITH &&)"
            f" WHERE (status IN {OCCUPYING} AND {column} IS NOT NULL)"
        )
    _pg_trigger(
        "movement",
        "INSERT",
        f"""
        IF (SELECT status FROM till_session WHERE id = NEW.session_id FOR SHARE) <> 'open' THEN
            RAISE EXCEPTION '{CLOSED}' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.ticket_id IS NOT NULL THEN
            PERFORM 1 FROM ticket WHERE id = NEW.ticket_id FOR UPDATE;
            IF (SELECT coalesce(sum(amount_cents), 0) FROM movement WHERE ticket_id = NEW.ticket_id) + NEW.amount_cents
               NOT BETWEEN 0 AND (SELECT amount_cents FROM ticket WHERE id = NEW.ticket_id) THEN
                RAISE EXCEPTION 'a ticket is paid between nothing and its amount' USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        RETURN NEW;""",
    )
    for table in ("movement", "event_log", "appointment_event", "till_count"):
        allowed = (
            "IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'published' = to_jsonb(OLD) - 'published' THEN RETURN NEW; END IF;"
            if table == "event_log"
            else ""
        )
        _pg_trigger(
            table,
            "UPDATE OR DELETE",
            f"{allowed} RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'check_violation';",
            suffix="append_only",
        )
    _pg_trigger(
        "till_session",
        "UPDATE OR DELETE",
        f"""
        IF OLD.status = 'closed' OR TG_OP = 'DELETE' THEN
            RAISE EXCEPTION '{CLOSED}' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;""",
    )
    _pg_trigger(
        "ticket",
        "DELETE",
        "RAISE EXCEPTION 'a ticket is voided, never deleted' USING ERRCODE = 'check_violation';",
    )


def _pg_trigger(table: str, when: str, body: str, suffix: str = "guard") -> None:
    name = f"{table}_{suffix}"
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _sqlite() -> None:
    for name, column in OVERLAPS.items():
        clash = f"""SELECT RAISE(ABORT, 'appointment_overlap_{name}') WHERE EXISTS (
            SELECT 1 FROM appointment other
            WHERE other.{column} = NEW.{column} AND other.id <> coalesce(NEW.id, -1)
              AND other.starts_at < NEW.ends_at AND other.ends_at > NEW.starts_at
              AND other.starts_at > datetime(NEW.starts_at, '-1 day') AND other.status IN {OCCUPYING});"""
        condition = f"NEW.status IN {OCCUPYING} AND NEW.{column} IS NOT NULL"
        op.execute(
            f"CREATE TRIGGER appointment_overlap_{name}_insert BEFORE INSERT ON appointment"
            f" WHEN {condition} BEGIN {clash} END"
        )
        op.execute(
            f"CREATE TRIGGER appointment_overlap_{name}_update"
            f" BEFORE UPDATE OF status, starts_at, ends_at, {column} ON appointment WHEN {condition} BEGIN {clash} END"
        )
    op.execute(f"""CREATE TRIGGER movement_guard BEFORE INSERT ON movement BEGIN
        SELECT RAISE(ABORT, '{CLOSED}')
        WHERE (SELECT status FROM till_session WHERE id = NEW.session_id) <> 'open';
        SELECT RAISE(ABORT, 'a ticket is paid between nothing and its amount')
        WHERE NEW.ticket_id IS NOT NULL AND (
            SELECT coalesce(sum(amount_cents), 0) + NEW.amount_cents FROM movement WHERE ticket_id = NEW.ticket_id
        ) NOT BETWEEN 0 AND (SELECT amount_cents FROM ticket WHERE id = NEW.ticket_id);
        END""")
    for table in ("movement", "appointment_event", "till_count"):
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    op.execute(
        "CREATE TRIGGER event_log_no_update BEFORE UPDATE OF type, at, actor_id, clinic_id, subject_id, patient_id,"
        " data, changes ON event_log BEGIN SELECT RAISE(ABORT, 'event_log is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER event_log_no_delete BEFORE DELETE ON event_log"
        " BEGIN SELECT RAISE(ABORT, 'event_log is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER till_session_guard BEFORE UPDATE ON till_session WHEN OLD.status = 'closed'"
        f" BEGIN SELECT RAISE(ABORT, '{CLOSED}'); END"
    )
    op.execute(
        "CREATE TRIGGER till_session_no_delete BEFORE DELETE ON till_session"
        f" BEGIN SELECT RAISE(ABORT, '{CLOSED}'); END"
    )
    op.execute(
        "CREATE TRIGGER ticket_no_delete BEFORE DELETE ON ticket"
        " BEGIN SELECT RAISE(ABORT, 'a ticket is voided, never deleted'); END"
    )


def downgrade() -> None:
    raise NotImplementedError("the guards are part of the first release; restore a backup instead")
