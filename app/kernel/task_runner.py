"""The workers' side of ``tasks``: claim, run, extend the lease, end or retry; and the sweep of unqueued tasks.

Every write of a worker is guarded by its claim. A worker that lost the claim (the process was suspended for longer
than the lease) changes nothing any more: its last transaction is rolled back by ``LeaseLost``.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from redis.exceptions import RedisError
from sqlalchemy import or_, select, update

from app.kernel import clock, tasks, worker_process
from app.kernel.db import changed, db, unit_of_work
from app.kernel.errors import Unavailable
from app.kernel.tasks import OPEN, Job, Task, TaskFailed, TaskPostponed, UnknownKind

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 8.0  # shorter tasks write no heartbeat
SWEEP_SECONDS = 3.0
SWEEP_LIMIT = 1000
KILLED = "its worker was killed each time"


class LeaseLost(Exception):
    """Another worker has claimed this task; the work of this one is rolled back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A task claimed by this process; ``attempt`` distinguishes it from later claims."""

    task_id: int
    kind: str
    payload: dict[str, Any]
    worker: str
    attempt: int


def claim(task_id: int, *, now: datetime) -> Claim | None:
    """Take a due task, or one whose lease ended; None when another worker has claimed it or it has ended."""
    worker = worker_process.current()
    free = or_(Task.claimed_by.is_(None), Task.lease_until <= now)
    taken = db.session.execute(
        update(Task)
        .where(Task.id == task_id, Task.due_at <= now, free, *OPEN)
        .values(claimed_by=worker, lease_until=now + LEASE, attempts=Task.attempts + 1, last_attempt_at=now)
        .returning(Task.kind, Task.payload, Task.attempts)
    ).first()
    return Claim(task_id, taken.kind, taken.payload, worker, taken.attempts) if taken else None


def extend(claim: Claim, *, now: datetime) -> None:
    """Keep the task for another lease. Raises LeaseLost."""
    _write(claim, lease_until=now + LEASE)


def complete(claim: Claim, *, now: datetime) -> None:
    """Mark the task as done, in the transaction of its last writes. Raises LeaseLost."""
    _write(claim, **_done(now))


def _done(now: datetime) -> dict[str, Any]:
    return {"done_at": now, "claimed_by": None, "lease_until": None, "last_error": ""}


def _write(claim: Claim, **values: Any) -> None:
    if not _try_write(claim, **values):
        raise LeaseLost


def _try_write(claim: Claim, **values: Any) -> bool:
    still_claimed = (Task.id == claim.task_id, Task.claimed_by == claim.worker, Task.attempts == claim.attempt, *OPEN)
    return bool(changed(db.session.execute(update(Task).where(*still_claimed).values(**values))))


# ------------------------------------------------------------------ one task


def run(task_id: int) -> None:
    """Run a task if it is due and free; ``worker.perform`` calls this inside the application's context."""
    now = clock.now()
    with unit_of_work(write=True):
        claimed = claim(task_id, now=now)
    if claimed is None:
        return
    try:
        job = tasks.job_of(claimed.kind)
    except UnknownKind:
        log.exception("task %s has a kind that no package knows", task_id)
        with unit_of_work(write=True):
            _write(claimed, failed_at=now, claimed_by=None, lease_until=None, last_error="no package knows this kind")
        return
    if claimed.attempt > job.kind.retry.max_attempts:
        _end_attempt(claimed, job, TaskFailed(KILLED, retry=False))
        return
    try:
        with _heartbeat(claimed):
            _perform(claimed, job, now=now)
    except LeaseLost:
        log.warning("task %s was taken over", task_id)
    except TaskPostponed as postponed:
        _postpone(claimed, postponed)
    except Exception as error:
        log.warning("task %s of kind %s failed", task_id, claimed.kind, exc_info=not isinstance(error, TaskFailed))
        _end_attempt(claimed, job, error)


def _perform(claimed: Claim, job: Job, *, now: datetime) -> None:
    if job.kind.transaction:
        with unit_of_work(write=True):
            job.function(now=now, **claimed.payload)
            complete(claimed, now=now)
        return
    job.function(now=now, claim=claimed, **claimed.payload)
    with unit_of_work(write=True):
        _try_write(claimed, **_done(clock.now()))  # unless the function has done it with its last writes


def _postpone(claimed: Claim, postponed: TaskPostponed) -> None:
    log.info("task %s of kind %s is postponed: %s", claimed.task_id, claimed.kind, postponed.text)
    values = {"due_at": postponed.until, "attempts": claimed.attempt - 1, "last_error": postponed.text[:200]}
    with unit_of_work(write=True):
        _try_write(claimed, claimed_by=None, lease_until=None, **values)


def _end_attempt(claimed: Claim, job: Job, error: Exception) -> None:
    """Schedule the next attempt, or mark the task as failed."""
    now = clock.now()
    may_retry = error.retry if isinstance(error, TaskFailed) else True
    delay = job.kind.retry.delay_after(claimed.attempt) if may_retry else None
    values = {"claimed_by": None, "lease_until": None, "last_error": describe(error)}
    try:
        with unit_of_work(write=True):
            if delay is not None:
                _write(claimed, **values, due_at=now + delay)
                return
            _write(claimed, **values, failed_at=now)
            if job.on_failed:
                job.on_failed(now=now, **claimed.payload)
    except LeaseLost:
        log.warning("task %s was taken over", claimed.task_id)
    except Unavailable:
        raise  # the lease expires, and the task is attempted again
    except Exception:
        log.exception("giving up task %s failed too", claimed.task_id)
        with unit_of_work(write=True):
            _try_write(claimed, **values, failed_at=now)


def describe(error: Exception) -> str:
    """An error for operators: its type and place. Messages may name people, so they stay in the log."""
    if isinstance(error, TaskFailed):
        return error.text[:200]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/app/" in frame.filename] or frames
    place = f" ({own[-1].filename.rpartition('/app/')[2]}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__}{place}"[:200]


@contextmanager
def _heartbeat(claimed: Claim) -> Iterator[None]:
    """Extend the lease every few seconds, also inside one long step; a killed process does not."""
    app, stop = current_app._get_current_object(), threading.Event()  # type: ignore[attr-defined]

    def extend_until_stopped() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                with app.app_context(), unit_of_work(write=True):
                    extend(claimed, now=clock.now())
            except LeaseLost:
                return
            except Unavailable:
                log.warning("no heartbeat for task %s: the database is busy", claimed.task_id)
            except Exception:
                log.exception("no heartbeat for task %s", claimed.task_id)

    thread = threading.Thread(target=extend_until_stopped, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


# ------------------------------------------------------------------ the sweep


def sweep(*, now: datetime) -> int:
    """Enqueue tasks that are due and in no queue: later attempts, dead workers, a Redis that lost its data."""
    _release_of_dead_workers(now=now)
    free = or_(Task.claimed_by.is_(None), Task.lease_until <= now)
    due = select(Task.id, Task.kind).where(Task.due_at <= now, free, *OPEN).order_by(Task.due_at).limit(SWEEP_LIMIT)
    with unit_of_work(write=False):
        rows = db.session.execute(due).tuples().all()
    if not rows:
        return 0
    try:
        queued = tasks.queued_ids()
    except (RedisError, OSError):
        return 0
    lost = [(task_id, _kind_of(kind)) for task_id, kind in rows if task_id not in queued]
    tasks.enqueue(lost)
    return len(lost)


def _kind_of(kind_id: str) -> tasks.TaskKind:
    try:
        return tasks.job_of(kind_id).kind
    except UnknownKind:
        return tasks.TaskKind(kind_id)  # the worker marks it as failed


def _release_of_dead_workers(*, now: datetime) -> None:
    """Free the tasks of processes of this machine that have ended, without waiting for their leases."""
    held = select(Task.id, Task.claimed_by).where(Task.claimed_by.is_not(None), Task.lease_until > now, *OPEN)
    with unit_of_work(write=False):
        rows = db.session.execute(held).tuples().all()
    dead = [(task_id, worker) for task_id, worker in rows if worker and worker_process.is_dead(worker)]
    if not dead:
        return
    with unit_of_work(write=True):
        for task_id, worker in dead:
            held_by_worker = (Task.id == task_id, Task.claimed_by == worker, *OPEN)
            db.session.execute(update(Task).where(*held_by_worker).values(claimed_by=None, lease_until=None))
    log.warning("%s tasks of dead workers are taken up again", len(dead))


def run_sweeps(app: Flask, stop: threading.Event, beat: Callable[[], None] = lambda: None) -> None:
    """Sweep until ``stop`` is set; the first time at once. ``beat`` is called in every round."""
    while True:
        beat()
        with app.app_context():
            try:
                sweep(now=clock.now())
            except Unavailable:
                log.warning("the database is busy; the sweep comes again")
            except Exception:
                log.exception("the sweep failed; it comes again")
        if stop.wait(SWEEP_SECONDS):
            return
