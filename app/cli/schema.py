"""The schema of the database: whether there is data, migrating, comparing with the code, dropping everything."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import upgrade
from sqlalchemy import MetaData, inspect, text

from app.kernel.db import db, on_postgresql

PREPARING = 0x4D43_5052  # the number of PostgreSQL's advisory lock of a preparation


class SchemaError(Exception):
    """One sentence for the operator: why this code cannot work on this database."""


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold back every other preparation of the same database until the block ends; two starts at once both succeed."""
    if on_postgresql():
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": PREPARING})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": PREPARING})
        return
    descriptor = os.open(data_dir / "prepare.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_outdated() -> bool:
    """Whether there are migrations to apply. Raises SchemaError for a database of a newer release."""
    scripts = _scripts()
    with db.engine.connect() as connection:
        applied = MigrationContext.configure(connection).get_current_heads()
    known = {script.revision for script in scripts.walk_revisions()}
    newer = sorted(set(applied) - known)
    if newer:
        raise SchemaError(
            f"The database is of a newer release (revision {', '.join(newer)}): start that release,"
            " or restore the backup from before its upgrade."
        )
    return set(applied) != set(scripts.get_heads())


def differences() -> list[str]:
    """What the tables of the code have and the database lacks, in words; more than the code needs is no difference."""
    from alembic.autogenerate import compare_metadata

    from app.kernel.db import Base

    with db.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    return [words for change in found if isinstance(change, tuple) and (words := _missing(change))]


def _missing(change: tuple[Any, ...]) -> str:
    match change:
        case ("add_table", table):
            return f"table {table.name}"
        case ("add_column", _schema, table, column):
            return f"column {table}.{column.name}"
        case ("add_index" | "add_constraint" | "add_fk", item):
            return f"{type(item).__name__.lower()} {item.name} of {item.table.name}"
        case _:
            return ""


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(current_app.extensions["migrate"].directory)


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
    """Bring the database to the current schema; nothing to do is quick. Raises SchemaError, see ``is_outdated``."""
    is_outdated()
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
