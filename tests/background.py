"""Run pending background work in the test process: publish events and run queued tasks."""

from collections.abc import Callable

from flask import Flask

from app.kernel import clock, outbox, task_runner, tasks
from app.kernel.db import db, unit_of_work
from app.kernel.outbox import EventRow
from app.realtime import channels

MAX_ROUNDS = 20


def run_pending_work(app: Flask, *, jobs: bool = True) -> list[str]:
    """Publish events and run tasks until the queues are empty; returns the live topics refreshed.

    ``jobs=False`` runs the subscribers and leaves other tasks in the queue.
    """
    topics: list[str] = []

    def collect_topics(rows: list[EventRow]) -> None:
        topics.extend(channels.topics_of(rows))

    with app.app_context():
        for _round in range(MAX_ROUNDS):
            published = outbox.relay_once(clock.now(), collect_topics)
            if not published + _work(lambda kind: jobs or kind in _subscribers(app)):
                return topics
    raise AssertionError(f"background work still pending after {MAX_ROUNDS} rounds")


def _subscribers(app: Flask) -> set[str]:
    by_type: dict[str, list[str]] = app.extensions["subscribers"]
    return {subscriber_id for ids in by_type.values() for subscriber_id in ids}


def _work(is_selected: Callable[[str], bool]) -> int:
    done = 0
    for name in tasks.QUEUES:
        queue = tasks.rq_queue(name)
        for job in queue.jobs:
            (task_id,) = job.args
            if is_selected(_kind_of(task_id)):
                queue.remove(job)
                task_runner.run(task_id)
                done += 1
    return done


def _kind_of(task_id: int) -> str:
    with unit_of_work(write=False):
        return db.session.get_one(tasks.Task, task_id).kind


def sweep(app: Flask) -> int:
    """One sweep now; returns how many tasks it handed to the queues."""
    with app.app_context():
        return task_runner.sweep(now=clock.now())


def waiting_jobs(app: Flask) -> int:
    """How many tasks are in the queues."""
    with app.app_context():
        return sum(tasks.rq_queue(name).count for name in tasks.QUEUES)
