"""Durable background work: one row of ``task`` for each piece, whatever package it belongs to.

A package declares a ``TaskKind`` in its ``task_kinds.py``, adds tasks of it inside the transaction that decides on the
work, and binds the kind to a function in its ``jobs.py`` (``JOBS``). RQ carries task ids to the workers; the table
is authoritative. ``task_runner`` claims, runs and retries.

A task waits until ``due_at``, is claimed by ``claimed_by`` until ``lease_until``, and ends with ``done_at`` or,
after its last attempt, with ``failed_at`` (a dead letter: operators may start it again).
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import JSON, Index, String, UniqueConstraint, insert, text, update
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.broker import broker
from app.kernel.db import Base, BigId, after_commit, changed, db, insert_new

log = logging.getLogger(__name__)

FAST, MAIL, SLOW = QUEUES = "fast", "mail", "slow"  # short work, work that waits for mail servers, reports


class Task(Base):
    """One piece of work. ``payload`` holds ids alone, ``last_error`` no personal data."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("kind", "key"),
        Index(
            "ix_task_due",
            "due_at",
            sqlite_where=text("done_at IS NULL AND failed_at IS NULL"),
            postgresql_where=text("done_at IS NULL AND failed_at IS NULL"),
        ),
        Index(
            "ix_task_failed",
            "organization_id",
            sqlite_where=text("failed_at IS NOT NULL"),
            postgresql_where=text("failed_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(80))  # notifications.send_delivery
    key: Mapped[str] = mapped_column(String(160))  # what is worked on: adding it again changes nothing
    organization_id: Mapped[int]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    due_at: Mapped[datetime]
    claimed_by: Mapped[str | None] = mapped_column(String(80))  # worker_process.current()
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(200), default="")
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


OPEN = (Task.done_at.is_(None), Task.failed_at.is_(None))


class UnknownKind(LookupError):
    """No package has bound this kind of task to a function."""


class TaskFailed(Exception):
    """Raised by a task's function: ``text`` is for operators and names no person.

    ``retry=False``: another attempt would fail as well.
    """

    def __init__(self, text: str, *, retry: bool = True) -> None:
        super().__init__(text)
        self.text = text
        self.retry = retry


class TaskPostponed(Exception):
    """Raised by a task's function that could not even begin: it runs again at ``until``, and no attempt is counted."""

    def __init__(self, text: str, *, until: datetime) -> None:
        super().__init__(text)
        self.text = text
        self.until = until


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait after each failed attempt; after the last delay comes one more attempt."""

    delays: tuple[timedelta, ...]

    @property
    def max_attempts(self) -> int:
        return len(self.delays) + 1

    def delay_after(self, attempts: int) -> timedelta | None:
        """The pause after this many attempts (from 1); None when that was the last."""
        return self.delays[attempts - 1] if attempts <= len(self.delays) else None


def retry_after(*seconds: int) -> RetryPolicy:
    return RetryPolicy(tuple(timedelta(seconds=s) for s in seconds))


DEFAULT_RETRY = retry_after(5, 30, 120, 600, 3600, 6 * 3600)


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A typed handle of one kind of work; ``id`` is stored in the table and must not change.

    ``transaction=False`` is for work that waits for the network: it opens its own short units.
    """

    id: str
    queue: str = FAST
    timeout: int = 60  # seconds for one attempt
    retry: RetryPolicy = DEFAULT_RETRY
    transaction: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A kind bound to its function.

    ``function(*, now, **payload)`` runs in one transaction with the mark that it is done. With
    ``transaction=False`` it is ``function(*, now, claim, **payload)`` and calls ``task_runner.complete`` in its last
    unit. ``on_failed(*, now, **payload)`` runs in the transaction that gives a task up.
    """

    kind: TaskKind
    function: Callable[..., None]
    on_failed: Callable[..., None] | None = field(default=None)


def register(app: Flask, jobs: Iterable[Job], declared: Iterable[TaskKind] = ()) -> None:
    """Bind kinds to functions. Raises UnknownKind when a declared kind has no job, ValueError when it has two."""
    by_id: dict[str, Job] = {}
    for job in jobs:
        if job.kind.id in by_id:
            raise ValueError(f"two jobs for tasks of kind {job.kind.id}")
        by_id[job.kind.id] = job
    unbound = [kind.id for kind in declared if kind.id not in by_id]
    if unbound:
        raise UnknownKind(f"no job for tasks of kind {', '.join(unbound)}")
    app.extensions["task_jobs"] = by_id


def job_of(kind_id: str) -> Job:
    """The job of a kind. Raises UnknownKind."""
    jobs: Mapping[str, Job] = current_app.extensions["task_jobs"]
    try:
        return jobs[kind_id]
    except KeyError:
        raise UnknownKind(kind_id) from None


# ------------------------------------------------------------------ adding


def add(
    kind: TaskKind,
    *,
    key: str,
    organization_id: int,
    now: datetime,
    due_at: datetime | None = None,
    **payload: int | str,
) -> int | None:
    """Add a task in the current transaction; its id, or None when the kind has a task of this key.

    A due task is handed to the workers after the commit. Raises UnknownKind.
    """
    job_of(kind.id)
    values = _values(kind, key=key, organization_id=organization_id, due_at=due_at or now, payload=payload, now=now)
    task_id: int | None = insert_new(Task, values)
    if task_id is not None and values["due_at"] <= now:
        after_commit(lambda: enqueue([(task_id, kind)]))
    return task_id


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task for ``add_many``: its key must be unused."""

    kind: TaskKind
    key: str
    organization_id: int
    payload: dict[str, int | str]


def add_many(new_tasks: Sequence[NewTask], *, now: datetime) -> None:
    """Add tasks that are due at once in one statement; handed to the workers after the commit."""
    if not new_tasks:
        return
    values = [
        _values(t.kind, key=t.key, organization_id=t.organization_id, due_at=now, payload=t.payload, now=now)
        for t in new_tasks
    ]
    kinds = {t.kind.id: t.kind for t in new_tasks}
    rows = db.session.execute(insert(Task).returning(Task.id, Task.kind), values).tuples().all()
    after_commit(lambda: enqueue([(task_id, kinds[kind]) for task_id, kind in rows]))


def _values(
    kind: TaskKind, *, key: str, organization_id: int, due_at: datetime, payload: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    return {
        "kind": kind.id,
        "key": key,
        "organization_id": organization_id,
        "payload": dict(payload),
        "due_at": due_at,
        "attempts": 0,
        "last_error": "",
        "created_at": now,
    }


def retry(*which: Any, now: datetime) -> int:
    """Start tasks that ended as failed, or wait for a later attempt, from the beginning; returns how many.

    ``which`` are conditions on ``Task``. A claimed task is not changed.
    """
    free = (Task.done_at.is_(None), Task.claimed_by.is_(None), *which)
    again = update(Task).where(*free).values(failed_at=None, attempts=0, due_at=now, last_error="")
    rows = db.session.execute(again.returning(Task.id, Task.kind)).tuples().all()
    after_commit(lambda: enqueue([(task_id, job_of(kind).kind) for task_id, kind in rows]))
    return len(rows)


def cancel(*which: Any, now: datetime) -> int:
    """Mark waiting tasks that are no longer needed as done; returns how many."""
    waiting = (*OPEN, Task.claimed_by.is_(None), *which)
    return changed(db.session.execute(update(Task).where(*waiting).values(done_at=now)))


# ------------------------------------------------------------------ queues


def enqueue(tasks: Iterable[tuple[int, TaskKind]]) -> None:
    """Hand due tasks to the workers; while Redis is unavailable the sweep does it later."""
    try:
        for task_id, kind in tasks:
            rq_queue(kind.queue).enqueue_call(
                "worker.perform",
                args=(task_id,),
                timeout=kind.timeout,
                result_ttl=0,
                failure_ttl=3600,
                job_id=f"{task_id}-{uuid.uuid4().hex[:8]}",
            )
    except (RedisError, OSError) as error:
        log.warning("tasks wait for the sweep: %s", type(error).__name__)


def rq_queue(name: str) -> Queue:
    return Queue(name, connection=broker().redis, serializer=JSONSerializer)


def queued_ids() -> set[int]:
    """The ids of the tasks that RQ's queues hold. Raises RedisError or OSError while Redis is unavailable."""
    return {int(job_id.partition("-")[0]) for name in QUEUES for job_id in rq_queue(name).job_ids}
