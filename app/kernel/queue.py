"""Background work: jobs by name, subscribers of events, and what the clock does.

RQ is the executor, the database the record: every job can be found again by a sweep over rows, so a
killed worker or an emptied Redis costs time and nothing else. Jobs travel as JSON, never as pickles.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select, update

from app.kernel import outbox
from app.kernel.broker import broker
from app.kernel.clock import now as read_clock
from app.kernel.db import changed, db, unit_of_work

log = logging.getLogger(__name__)

FAST, SLOW = "fast", "slow"
LEASE = timedelta(seconds=60)  # after which unfinished work is given to somebody else


@dataclass(frozen=True, slots=True)
class Job:
    """``function(*, now, **ids)`` run by a worker.

    ``transaction=False`` is for work that talks to the network: it opens its own short units.
    """

    function: Callable[..., None]
    queue: str = FAST
    timeout: int = 60
    transaction: bool = True


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """``function(now=...)`` run every so many seconds; two schedulers at once must do no harm."""

    seconds: int
    function: Callable[..., None]


def register(app: Flask, jobs: Iterable[Job], periodic_jobs: Iterable[PeriodicJob]) -> None:
    """Make the jobs of every package known to an application."""
    app.extensions["jobs"] = {_name(job.function): job for job in jobs}
    app.extensions["periodic_jobs"] = {_name(job.function): job for job in periodic_jobs}


def periodic_jobs() -> Mapping[str, PeriodicJob]:
    found: Mapping[str, PeriodicJob] = current_app.extensions["periodic_jobs"]
    return found


def _jobs() -> Mapping[str, Job]:
    found: Mapping[str, Job] = current_app.extensions["jobs"]
    return found


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__name__}"


def enqueue(job: Callable[..., None] | str, **ids: Any) -> bool:
    """Hand a job to the workers; False when Redis is away (the sweeper will find the work).

    Actions stand below their domain's jobs, so they name them: ``"app.notifications.jobs.send_delivery"``.
    """
    return _send(job if isinstance(job, str) else _name(job), ids)


def _send(name: str, ids: dict[str, Any]) -> bool:
    job = _jobs().get(name)
    try:
        queue = Queue(job.queue if job else FAST, connection=broker().redis, serializer=JSONSerializer)
        queue.enqueue_call(
            "worker.perform",
            args=(name, ids),
            timeout=job.timeout if job else 60,
            result_ttl=0,
            failure_ttl=3600,
        )
    except (RedisError, OSError) as error:
        log.warning("job %s waits for the sweeper: %s", name, type(error).__name__)
        return False
    return True


def perform(name: str, ids: dict[str, Any]) -> None:
    """Run a job by name; ``worker.perform`` calls this inside the application's context."""
    now = read_clock()
    if name == RUN_SUBSCRIBER:
        run_subscriber(now=now, **ids)
        return
    job = _jobs()[name]
    if job.transaction:
        with unit_of_work(write=True):
            job.function(now=now, **ids)
    else:
        job.function(now=now, **ids)


RUN_SUBSCRIBER = "subscriber"


def relay_once(now: datetime, on_published: Callable[[list[outbox.EventRow]], None]) -> int:
    """Publish what the outbox holds; returns the number of facts.

    Live regions are told after the commit, so that a screen which fetches sees the change.
    """
    with unit_of_work(write=False):
        if not outbox.unpublished(limit=1):
            return 0
    with unit_of_work(write=True):
        rows = outbox.unpublished()
        tasks = outbox.mark_published(rows, now + LEASE)
    on_published(rows)
    left = [task for task in tasks if not _send(RUN_SUBSCRIBER, {"event_id": task[0], "subscriber": task[1]})]
    if left:
        _release(left, now)
    return len(rows)


def _release(tasks: list[tuple[int, str]], now: datetime) -> None:
    """Give up the lease of tasks that could not be enqueued: the next sweep takes them."""
    task = outbox.EventTask
    with unit_of_work(write=True):
        for event_id, subscriber in tasks:
            mine = (task.event_id == event_id, task.subscriber == subscriber, task.done_at.is_(None))
            db.session.execute(update(task).where(*mine).values(due_at=now))


def run_subscriber(*, event_id: int, subscriber: str, now: datetime) -> None:
    """Run one subscriber for one event, at most once: its writes and its mark commit together."""
    task, event = outbox.EventTask, outbox.EventRow
    mine = (task.event_id == event_id, task.subscriber == subscriber, task.done_at.is_(None))
    try:
        with unit_of_work(write=True):
            claimed = db.session.execute(update(task).where(*mine).values(done_at=now))
            if changed(claimed):
                row = db.session.get_one(event, event_id)
                outbox.subscribers_of(row.type)[subscriber](event=row, now=now)
    except Exception:
        log.exception("subscriber %s failed on event %s", subscriber, event_id)
        with unit_of_work(write=True):
            tries = db.session.scalar(select(task.attempts).where(*mine)) or 0
            wait = LEASE * min(2**tries, 60)
            db.session.execute(update(task).where(*mine).values(attempts=tries + 1, due_at=now + wait))


def sweep_tasks(*, now: datetime) -> None:
    """Give unfinished event work to the workers again (killed worker, emptied Redis, failure)."""
    task = outbox.EventTask
    with unit_of_work(write=True):
        due = db.session.execute(
            select(task.event_id, task.subscriber).where(task.done_at.is_(None), task.due_at <= now).limit(500)
        ).all()
        for event_id, subscriber in due:
            db.session.execute(
                update(task).where(task.event_id == event_id, task.subscriber == subscriber).values(due_at=now + LEASE)
            )
    for event_id, subscriber in due:
        _send(RUN_SUBSCRIBER, {"event_id": event_id, "subscriber": subscriber})
