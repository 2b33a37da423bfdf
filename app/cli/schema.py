"""The schema of the database: whether there is data, migrating, and dropping everything."""

from flask import current_app
from flask_migrate import upgrade
from sqlalchemy import MetaData, inspect, text

from app.kernel.db import db, on_postgresql


def has_data() -> bool:
    """Whether an organization has been made here; false also without any tables."""
    if not inspect(db.engine).has_table("organization"):
        return False
    with db.engine.connect() as connection:
        return connection.execute(text("SELECT 1 FROM organization LIMIT 1")).first() is not None


def close_connections() -> None:
    """Close every connection of this process, before the database is replaced."""
    db.session.remove()
    db.engine.dispose()


def recreate() -> None:
    """Drop every table with its triggers and migrate again. Triggers forbid deleting many of the rows."""
    db.session.remove()
    if on_postgresql():
        _drop_postgresql()
    else:
        _drop_sqlite()
    migrate()


def migrate() -> None:
    """Bring the database to the current schema; nothing to do is quick."""
    upgrade(directory=current_app.extensions["migrate"].directory)
    db.session.remove()


def _drop_postgresql() -> None:
    with db.engine.begin() as connection:
        found = MetaData()
        found.reflect(connection)
        for table in found.tables:
            connection.execute(text(f'DROP TABLE "{table}" CASCADE'))
        guards = connection.scalars(
            text(
                "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
                " WHERE n.nspname = current_schema() AND p.prorettype = 'trigger'::regtype"
            )
        ).all()
        for guard in guards:
            connection.execute(text(f"DROP FUNCTION {guard}"))


def _drop_sqlite() -> None:
    connection = db.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=OFF")  # takes effect only outside a transaction
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
        )
        for kind, name in cursor.fetchall():
            cursor.execute(f'DROP {kind} "{name}"')
        cursor.execute("COMMIT")
    finally:
        connection.invalidate()  # it must not go back to the pool with foreign keys off
