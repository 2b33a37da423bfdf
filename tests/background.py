"""The worker of a test: publishes facts, runs subscribers and jobs, in this process and at this instant."""

from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer

from app.kernel import clock, queue
from app.kernel.outbox import EventRow
from app.realtime import channels

MOST_ROUNDS = 20


def settle(app: Flask, *, jobs: bool = True) -> list[str]:
    """Relay and work until nothing is left; returns the live topics that were touched.

    ``jobs=False`` runs the subscribers and leaves other jobs in the queue.
    """
    touched: list[str] = []

    def see(rows: list[EventRow]) -> None:
        touched.extend(channels.topics_of(rows))

    with app.app_context():
        for _round in range(MOST_ROUNDS):
            published = queue.relay_once(clock.now(), see)
            if not published + _work(app, jobs=jobs):
                return touched
    raise AssertionError("the background never comes to rest")


def _work(app: Flask, *, jobs: bool) -> int:
    done = 0
    for name in (queue.FAST, queue.SLOW):
        waiting = Queue(name, connection=app.extensions["broker"].redis, serializer=JSONSerializer)
        for job in waiting.jobs:
            if jobs or job.args[0] == queue.RUN_SUBSCRIBER:
                waiting.remove(job)
                queue.perform(*job.args)
                done += 1
    return done


def waiting_jobs(app: Flask) -> int:
    """How many jobs are in the queues."""
    redis = app.extensions["broker"].redis
    return sum(Queue(n, connection=redis, serializer=JSONSerializer).count for n in (queue.FAST, queue.SLOW))
