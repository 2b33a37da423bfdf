"""Alembic in the application's context: online only, one transaction, SQLite and PostgreSQL."""

import time

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from app.identity.actions import roles as roles_write
from app.identity.queries import roles as roles_read
from app.kernel.db import Base, db, unit_of_work

TYPES_OF_OURS = ("UtcDateTime",)
MIGRATING = 0x4D43_4D49  # the number of PostgreSQL's advisory lock: a second upgrade waits and then has nothing to do
LOCK_WITHIN = 30  # seconds in which SQLite's write lock has to be free, perhaps of a server that is stopping


def render_item(type_: str, item: object, _autogen: object) -> str | bool:
    """Write our types as what they are in the database: migrations import nothing of app."""
    if type_ == "type" and type(item).__name__ in TYPES_OF_OURS:
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    engine = db.engine
    on_sqlite = engine.dialect.name == "sqlite"
    with engine.connect().execution_options(write_before=time.monotonic() + LOCK_WITHIN) as connection:
        if on_sqlite:  # a table is changed by building it anew: rows that refer to it must not be asked meanwhile
            connection.connection.driver_connection.execute(
                "PRAGMA foreign_keys=OFF"
            )  # before BEGIN, or it has no effect
        try:
            is_current = _migrate(connection)
        finally:
            if on_sqlite:
                connection.invalidate()  # it must not go back to the pool with foreign keys off
    if is_current:
        _sync_roles()


def _sync_roles() -> None:
    """The permissions of built-in roles are code: their rows follow it at every migration, also at an empty one."""
    with unit_of_work(write=False):
        drift = roles_read.builtin_drift()
    if drift:
        with unit_of_work(write=True):
            roles_write.sync_builtin_roles()


def _migrate(connection: Connection) -> bool:
    """Whether the database is at the newest revision afterwards."""
    if connection.dialect.name == "postgresql":  # SQLite has begun with its only write lock
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATING})
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_item=render_item,
        **{k: v for k, v in current_app.extensions["migrate"].configure_args.items() if k != "compare_type"},
    )
    with context.begin_transaction():
        context.run_migrations()
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise RuntimeError(f"rows refer to rows that are not there: {broken[:5]}")
        is_current = set(context.get_context().get_current_heads()) == set(context.script.get_heads())
    connection.commit()
    return is_current


run()
