"""Integrity checks of the live database, run by ``flask verify``.

Each package lists its checks in ``checks.py`` (``CHECKS``). A check yields a sentence for the operator per
violation: numbers and ids, never names. The constraints and triggers of the schema prevent most violations.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from flask import Flask, current_app
from sqlalchemy import and_, func, not_, select, text
from sqlalchemy.exc import DatabaseError

from app.kernel.db import db, on_postgresql
from app.kernel.outbox import EventRow
from app.kernel.tasks import OPEN, Task

OVERDUE = timedelta(minutes=5)
GUARDS = Path(__file__).resolve().parents[2] / "migrations" / "guards.json"
DAMAGES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CheckContext:
    """``files`` is the folder of stored files."""

    now: datetime
    files: Path


@dataclass(frozen=True, slots=True)
class Check:
    """``name`` states the invariant; ``find`` yields a sentence for each violation and only reads."""

    name: str
    find: Callable[[CheckContext], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    breaches: list[str]


def register(app: Flask, checks: Iterable[Check]) -> None:
    """Make the checks of every package known to an application."""
    app.extensions["checks"] = [*checks, *CHECKS]


def run(context: CheckContext) -> list[Finding]:
    """The outcome of every check."""
    checks: list[Check] = current_app.extensions["checks"]
    return [Finding(check.name, list(check.find(context))) for check in checks]


def _unpublished_events(context: CheckContext) -> Iterator[str]:
    overdue = (EventRow.published.is_(False), EventRow.at < context.now - OVERDUE)
    count = db.session.scalar(select(func.count()).select_from(EventRow).where(*overdue))
    if count:
        yield f"{count} events are older than five minutes: does the worker run?"


def _overdue_tasks(context: CheckContext) -> Iterator[str]:
    working = and_(Task.claimed_by.is_not(None), Task.lease_until > context.now)
    overdue = (*OPEN, Task.due_at < context.now - OVERDUE, not_(working))
    counts = select(Task.kind, func.count()).where(*overdue).group_by(Task.kind)
    for kind, count in db.session.execute(counts):
        yield f"{count} tasks of {kind} are overdue: does the worker run?"


def guards() -> set[str]:
    """The names of the triggers and exclusion constraints in force, with their tables: ``ticket.ticket_no_delete``."""
    if on_postgresql():
        found = """SELECT c.relname || '.' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relnamespace = current_schema()::regnamespace
            UNION SELECT c.relname || '.' || k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
            WHERE k.contype = 'x' AND c.relnamespace = current_schema()::regnamespace"""
    else:
        found = "SELECT tbl_name || '.' || name FROM sqlite_master WHERE type = 'trigger'"
    return set(db.session.scalars(text(found)))


def _missing_guards(_context: CheckContext) -> Iterator[str]:
    """``migrations/guards.json`` names those that the migrations make."""
    expected = orjson.loads(GUARDS.read_bytes())["postgresql" if on_postgresql() else "sqlite"]
    for name in sorted(set(expected) - guards()):
        yield f"{name} is missing: rows can be changed that must not be"


def _broken_references(_context: CheckContext) -> Iterator[str]:
    """SQLite trusts every connection to ask; PostgreSQL only what was declared NOT VALID."""
    if on_postgresql():
        unchecked = "SELECT conrelid::regclass || '.' || conname FROM pg_constraint WHERE NOT convalidated"
        yield from (f"constraint {name} was never checked" for name in db.session.scalars(text(unchecked)))
        return
    for table, row_id, parent, _number in db.session.execute(text("PRAGMA foreign_key_check")):
        yield f"{table} {row_id} refers to a row of {parent} that is not there"


def _damaged_file(_context: CheckContext) -> Iterator[str]:
    if on_postgresql():
        return
    try:
        lines = db.session.scalars(text(f"PRAGMA integrity_check({DAMAGES_SHOWN})")).all()
    except DatabaseError as error:  # too damaged for its own check
        lines = [str(error.orig)]
    yield from (line for line in lines if line != "ok")


def _lost_events(_context: CheckContext) -> Iterator[str]:
    """On SQLite ids follow each other; PostgreSQL's skip those of transactions that were rolled back."""
    if on_postgresql():
        return
    count, first, last = db.session.execute(select(func.count(), func.min(EventRow.id), func.max(EventRow.id))).one()
    if count and count != last - first + 1:
        yield f"{last - first + 1 - count} events between {first} and {last} are not there"


CHECKS = (
    Check("events are published", _unpublished_events),
    Check("tasks are done in time", _overdue_tasks),
    Check("events are complete", _lost_events),
    Check("guards of the database are in force", _missing_guards),
    Check("rows refer to rows that are there", _broken_references),
    Check("the database file is whole", _damaged_file),
)
