"""From committed facts to screens and subscribers: the loop that the worker runs.

Woken through Redis after each commit; sweeps every second anyway, so a lost wake-up costs a second.
"""

import logging
import time
from threading import Event

from flask import Flask
from redis.exceptions import RedisError

from app.kernel import broker, clock, queue
from app.kernel.errors import Unavailable
from app.kernel.outbox import EventRow
from app.realtime import regions

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
REVOKED = "identity.session.revoked.v1"


def on_published(rows: list[EventRow]) -> None:
    """Refresh the live regions that these facts touch; end the sockets of revoked sessions."""
    broker.refresh(*regions.topics_of(rows))
    ended = [i for row in rows if row.type == REVOKED for i in row.data["session_ids"]]
    if ended:
        broker.broker().publish(broker.LIVE, {"type": "revoked", "session_ids": ended})


def run(app: Flask, stop: Event) -> None:
    """Publish until ``stop`` is set."""
    pubsub = None
    while not stop.is_set():
        with app.app_context():
            try:
                while queue.relay_once(clock.now(), on_published):
                    pass
            except Unavailable:
                log.warning("the database is busy; the relay tries again")
            except Exception:
                log.exception("the relay failed; it tries again")
                stop.wait(SWEEP_SECONDS)
            try:
                if pubsub is None:
                    pubsub = broker.broker().redis.pubsub(ignore_subscribe_messages=True)
                    pubsub.subscribe(broker.WAKE)
                pubsub.get_message(timeout=SWEEP_SECONDS)
            except (RedisError, OSError):
                pubsub = None
                time.sleep(SWEEP_SECONDS)
