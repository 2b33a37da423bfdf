"""The database: one transaction per request or job, the same code on SQLite and PostgreSQL.

Entry points open a ``unit_of_work`` around every handler; an action never commits. On SQLite a
writing unit begins with ``BEGIN IMMEDIATE``: a deferred transaction that upgrades later fails at
once when another writer was faster (measured: 300 of 300). Waiting for that lock lets other requests
run (``write_lock``). Nothing inside a writing unit may wait for the network: all other writers of the
clinic would wait with it.
"""

import logging
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from flask import has_app_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Integer, MetaData, Table, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeDecorator

from app.kernel import write_lock
from app.kernel.errors import SchemaMismatch, StorageFailed, StorageFull, StorageReadOnly, Unavailable

log = logging.getLogger(__name__)

FAILURES_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: Unavailable,
    sqlite3.SQLITE_LOCKED: Unavailable,
    sqlite3.SQLITE_FULL: StorageFull,
    sqlite3.SQLITE_IOERR: StorageFailed,
    sqlite3.SQLITE_READONLY: StorageReadOnly,
    sqlite3.SQLITE_PERM: StorageReadOnly,
    sqlite3.SQLITE_CANTOPEN: StorageFailed,
    sqlite3.SQLITE_CORRUPT: StorageFailed,
    sqlite3.SQLITE_NOTADB: StorageFailed,
}
FAILURES_OF_POSTGRESQL = {  # by state, else by class
    "53100": StorageFull,
    "25006": StorageReadOnly,
    "42P01": SchemaMismatch,  # table
    "42703": SchemaMismatch,  # column
    "58030": StorageFailed,  # input or output
    "40P01": Unavailable,  # deadlock
    "55P03": Unavailable,  # lock
    "08": Unavailable,  # connection
    "53": Unavailable,  # resources
    "57": Unavailable,  # operator
    "XX": StorageFailed,  # damaged
}
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


BigId = BigInteger().with_variant(Integer, "sqlite")  # of tables that grow with every change


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant; refuses naive values. SQLite stores it without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetimes are not stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    def result_processor(self, dialect: Any, coltype: object) -> Callable[[Any], datetime | None] | None:
        """SQLite returns text: one C call per value instead of two Python calls."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        parse = datetime.fromisoformat
        return lambda text: None if text is None else parse(text).replace(tzinfo=UTC)


class Base(DeclarativeBase):
    # on the registry: Flask-SQLAlchemy refuses a base with a type_annotation_map of its own
    registry = registry(metadata=MetaData(naming_convention=NAMING), type_annotation_map={datetime: UtcDateTime})


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # BEGIN is sent explicitly, see _begin_sqlite
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # money and bookings survive a power cut
        "foreign_keys=ON",
        f"busy_timeout={write_lock.BUSY_TIMEOUT_MS}",
        "temp_store=MEMORY",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Any) -> None:
    if connection.dialect.name != "sqlite":
        return
    deadline = connection.get_execution_options().get("write_before")
    if deadline is None:
        connection.exec_driver_sql("BEGIN")
    else:
        write_lock.begin_immediate(connection.connection.driver_connection, deadline)


def _queued_writer() -> AbstractContextManager[float | None]:
    """On SQLite the queue of this process's writers; PostgreSQL has concurrent writers."""
    return nullcontext() if on_postgresql() else write_lock.queued(str(db.engine.url.database))


@contextmanager
def unit_of_work(*, write: bool) -> Iterator[None]:
    """One transaction: committed on return when ``write``, rolled back on raise and after reads.

    Raises Unavailable when the database cannot be used, StorageFailed when that needs an operator; nothing was
    written then.
    """
    session = db.session
    with _queued_writer() if write else nullcontext() as deadline:
        try:
            session.info["only_reads"] = not write
            if write:
                session.connection(execution_options={"write_before": deadline})
            yield
            if write:
                session.commit()
        except (DBAPIError, sqlite3.DatabaseError) as error:
            session.rollback()
            if failure := unavailable(error):
                raise failure from error
            raise
        except BaseException:
            session.rollback()
            raise
        finally:
            hooks = session.info.pop("after_commit", [])
            session.info.pop("only_reads", None)
            session.remove()
    for hook in hooks if write else ():
        hook()


def in_unit_of_work() -> bool:
    """Whether a unit of work is open here: what takes long has to happen before it."""
    return has_app_context() and "only_reads" in db.session.info


def only_reads() -> bool:
    """Whether the current unit of work will be rolled back."""
    return bool(db.session.info.get("only_reads"))


def let_others_run() -> None:
    """Between two parts of a long computation: other requests of the process get their turn.

    Only while reading: who yields inside a writing unit makes every other writer wait.
    """
    if only_reads():
        time.sleep(0)


def after_commit(hook: Callable[[], None]) -> None:
    """Run ``hook`` once the current unit of work is committed; never when it is rolled back."""
    hooks = db.session.info.setdefault("after_commit", [])
    if hook not in hooks:
        hooks.append(hook)


def unavailable(error: DBAPIError | sqlite3.DatabaseError) -> Unavailable | None:
    """The error of a database that is busy, unreachable, full, read-only, damaged or of another release.

    None for every other error: those are faults of the program. What an operator has to put right is logged.
    """
    kind = _kind_of_failure(error)
    if kind is not None and issubclass(kind, StorageFailed):
        log.error("%s: %s", kind.__name__, " ".join(str(getattr(error, "orig", error)).split()))
    return kind() if kind else None


def _kind_of_failure(error: DBAPIError | sqlite3.DatabaseError) -> type[Unavailable] | None:
    if isinstance(error, sqlite3.DatabaseError):  # of BEGIN, which is sent past SQLAlchemy
        return _kind_of_sqlite(error)
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return FAILURES_OF_POSTGRESQL.get(state) or FAILURES_OF_POSTGRESQL.get(state[:2])
    if error.connection_invalidated:
        return Unavailable
    if isinstance(error.orig, sqlite3.DatabaseError):
        return _kind_of_sqlite(error.orig)
    return Unavailable if isinstance(error, OperationalError) else None  # PostgreSQL out of reach has no state


def _kind_of_sqlite(error: sqlite3.DatabaseError) -> type[Unavailable] | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    # the primary code: SQLITE_BUSY_RECOVERY and others stand in the upper bits
    if code & 0xFF == sqlite3.SQLITE_ERROR and str(error).startswith(("no such table", "no such column")):
        return SchemaMismatch
    return FAILURES_OF_SQLITE.get(code & 0xFF)


def on_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def insert(table: Table | type[Base]) -> Any:
    """An INSERT of the engine in use, with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    if on_postgresql():
        from sqlalchemy.dialects import postgresql  # only the engine in use is loaded

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def insert_new(model: type[Base], values: dict[str, Any]) -> Any:
    """Insert a row unless its key is taken; its primary key (first column), or None when it was there.

    Waits for another transaction that is inserting the same key. RETURNING and not ``rowcount``, which
    psycopg leaves at -1 here.
    """
    first = model.__mapper__.primary_key[0]
    return db.session.execute(
        insert(model).values(**values).on_conflict_do_nothing().returning(first)
    ).scalar_one_or_none()


def changed(result: Any) -> int:
    """How many rows a statement changed: the outcome of a compare-and-set."""
    return int(result.rowcount)


def lock(name: str, number: int) -> None:
    """Hold ``(name, number)`` until the transaction ends; others with the same pair wait.

    SQLite has one writer at a time already.
    """
    if on_postgresql():
        space = zlib.crc32(name.encode()) - 2**31
        db.session.execute(text("SELECT pg_advisory_xact_lock(:space, :number)"), {"space": space, "number": number})
