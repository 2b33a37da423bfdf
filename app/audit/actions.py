"""Writes: start failed tasks again."""

from datetime import datetime

from sqlalchemy import select

from app.audit import permissions
from app.kernel import tasks
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.kernel.tasks import Task


def retry_task(task_id: int, *, actor: Actor, now: datetime) -> None:
    """Start a task of the actor's organization from its first attempt; running and done ones stay unchanged.

    Raises Forbidden, NotFound.
    """
    require_anywhere(actor, permissions.MANAGE_TASKS)
    own_task = (Task.id == task_id, Task.organization_id == actor.organization_id)
    if db.session.scalar(select(Task.id).where(*own_task)) is None:
        raise NotFound
    tasks.retry(*own_task, now=now)


def retry_failed(kind: str, *, actor: Actor, now: datetime) -> int:
    """Start every failed task of a kind in the actor's organization; returns their number. Raises Forbidden."""
    require_anywhere(actor, permissions.MANAGE_TASKS)
    failed = (Task.kind == kind, Task.organization_id == actor.organization_id, Task.failed_at.is_not(None))
    return tasks.retry(*failed, now=now)
