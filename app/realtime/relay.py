"""From committed events to screens and subscribers: the loop that the worker runs.

Woken through Redis after each commit; sweeps every second anyway, so a lost wake-up costs a second.
"""

import logging
import time
from collections.abc import Callable
from threading import Event

from flask import Flask
from redis.exceptions import RedisError

from app.kernel import broker, clock, outbox
from app.kernel.errors import Unavailable
from app.kernel.outbox import EventRow
from app.realtime import channels, push

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0


def on_published(rows: list[EventRow]) -> None:
    """Refresh the topics of these events; check again the rights that they changed."""
    by_client: dict[str | None, list[EventRow]] = {}
    for row in rows:
        by_client.setdefault(row.client_id, []).append(row)
    for client_id, recorded in by_client.items():
        push.refresh(channels.topics_of(recorded), by=client_id)
    user_ids = channels.users_with_changed_rights(rows)
    if user_ids:
        push.rights_changed(user_ids)


def run(app: Flask, stop: Event, beat: Callable[[], None] = lambda: None) -> None:
    """Publish until ``stop`` is set; ``beat`` is called in every round."""
    pubsub = None
    while not stop.is_set():
        beat()
        with app.app_context():
            try:
                while outbox.relay_once(clock.now(), on_published):
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
