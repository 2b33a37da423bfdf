"""Retention: what is deleted, and when; the scheduler runs it every hour.

Each package lists its rules in ``retention.py`` (``RULES``). Records of care and
money and the event log are never deleted.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy import delete

from app.kernel import idempotency
from app.kernel.db import changed, db, unit_of_work
from app.kernel.tasks import Task

DONE_TASKS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """``delete(now=...)`` deletes the rows described by ``name`` and returns how many; it never commits."""

    name: str
    delete: Callable[..., int]


def register(app: Flask, rules: Iterable[RetentionRule]) -> None:
    """Make the rules of every package known to an application."""
    app.extensions["retention_rules"] = [*rules, *RULES]


def delete_expired(*, now: datetime) -> dict[str, int]:
    """Apply every rule; returns the number of deleted rows per rule."""
    rules: list[RetentionRule] = current_app.extensions["retention_rules"]
    return {rule.name: rule.delete(now=now) for rule in rules}


def run(*, now: datetime) -> None:
    """The periodic job."""
    with unit_of_work(write=True):
        delete_expired(now=now)


def _delete_done_tasks(*, now: datetime) -> int:
    return changed(db.session.execute(delete(Task).where(Task.done_at < now - DONE_TASKS)))


RULES = (
    RetentionRule("finished tasks", _delete_done_tasks),
    RetentionRule("stored responses", idempotency.delete_expired),
)
