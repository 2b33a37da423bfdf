"""Integrity checks of the live database, run by ``flask verify``.

Each package lists its checks in ``checks.py`` (``CHECKS``). A check yields a sentence for the operator per
violation: numbers and ids, never names. The constraints and triggers of the schema prevent most violations.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy import and_, func, not_, select

from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.kernel.tasks import OPEN, Task

OVERDUE = timedelta(minutes=5)


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


CHECKS = (Check("events are published", _unpublished_events), Check("tasks are done in time", _overdue_tasks))
