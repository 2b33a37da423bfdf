"""The clock: runs every registered tick when it is due. Two clocks at once do no harm."""

import logging
import time
from threading import Event

from flask import Flask

from app.kernel import clock, queue

log = logging.getLogger(__name__)


def run(app: Flask, stop: Event) -> None:
    """Tick until ``stop`` is set; the first round is at once."""
    due: dict[str, float] = {}
    while not stop.wait(0.5):
        for name, tick in queue.ticks().items():
            if time.monotonic() >= due.get(name, 0.0):
                due[name] = time.monotonic() + tick.seconds
                with app.app_context():
                    try:
                        tick.function(now=clock.now())
                    except Exception:
                        log.exception("tick %s failed; it comes again", name)
