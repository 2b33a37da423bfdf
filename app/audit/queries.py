"""Reads: the open tasks of the operator's organization."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Case, and_, case, func, select

from app.audit.rules import State
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.tasks import Task

PAGE_SIZE = 100
GRACE = timedelta(minutes=1)  # a due task is overdue when no worker has claimed it within this time


def open_tasks(*, actor: Actor, now: datetime, state: State | None = None) -> list[dict[str, Any]]:
    """The tasks that are not done, failed ones first, at most ``PAGE_SIZE``.

    Each is ``{id, kind, key, state, attempts, last_attempt_at, last_error, due_at}``.
    """
    state_column = _state(now)
    rows = select(
        Task.id,
        Task.kind,
        Task.key,
        state_column.label("state"),
        Task.attempts,
        Task.last_attempt_at,
        Task.last_error,
        Task.due_at,
    ).where(Task.organization_id == actor.organization_id, Task.done_at.is_(None))
    if state:
        rows = rows.where(state_column == str(state))
    rows = rows.order_by(case((Task.failed_at.is_not(None), 0), else_=1), Task.due_at, Task.id).limit(PAGE_SIZE)
    return [dict(row._mapping) for row in db.session.execute(rows)]


def counts(*, actor: Actor, now: datetime) -> dict[str, int]:
    """How many tasks are in each state; a state without any is left out."""
    state = _state(now).label("state")
    statement = select(state, func.count()).where(Task.organization_id == actor.organization_id, Task.done_at.is_(None))
    return dict(db.session.execute(statement.group_by(state)).tuples().all())


def failed_by_kind(*, actor: Actor) -> list[dict[str, Any]]:
    """Each kind with failed tasks and how many: ``{kind, count}``."""
    failed = (Task.organization_id == actor.organization_id, Task.failed_at.is_not(None))
    statement = select(Task.kind, func.count().label("count")).where(*failed).group_by(Task.kind).order_by(Task.kind)
    return [dict(row._mapping) for row in db.session.execute(statement)]


def failed_count(*, actor: Actor) -> int:
    failed = (Task.organization_id == actor.organization_id, Task.failed_at.is_not(None))
    return db.session.scalar(select(func.count()).select_from(Task).where(*failed)) or 0


def _state(now: datetime) -> Case[str]:
    return case(
        (Task.failed_at.is_not(None), str(State.FAILED)),
        (and_(Task.claimed_by.is_not(None), Task.lease_until > now), str(State.RUNNING)),
        (Task.due_at < now - GRACE, str(State.OVERDUE)),
        else_=str(State.WAITING),
    )
