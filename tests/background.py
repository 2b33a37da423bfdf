"""The worker of a test: publishes events and runs tasks, in this process and at this instant."""

from collections.abc import Callable

from flask import Flask

from app.kernel import clock, outbox, task_runner, tasks
from app.kernel.db import db, unit_of_work
from app.kernel.outbox import EventRow
from app.realtime import channels

MAX_ROUNDS = 20


def settle(app: Flask, *, jobs: bool = True) -> list[str]:
    """Relay and work until nothing is left in the queues; returns the live topics that were touched.

    ``jobs=False`` runs the subscribers and leaves other tasks in the queue.
    """
    touched: list[str] = []

    def see(rows: list[EventRow]) -> None:
        touched.extend(channels.topics_of(rows))

    with app.app_context():
        for _round in range(MAX_ROUNDS):
            published = outbox.relay_once(clock.now(), see)
            if not published + _work(lambda kind: jobs or kind in _subscribers(app)):
                return touched
    raise AssertionError("the background never comes to rest")


def _subscribers(app: Flask) -> set[str]:
    by_type: dict[str, list[str]] = app.extensions["subscribers"]
    return {subscriber_id for ids in by_type.values() for subscriber_id in ids}


def _work(is_wanted: Callable[[str], bool]) -> int:
    done = 0
    for name in tasks.QUEUES:
        queue = tasks.rq_queue(name)
        for job in queue.jobs:
            (task_id,) = job.args
            if is_wanted(_kind_of(task_id)):
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
