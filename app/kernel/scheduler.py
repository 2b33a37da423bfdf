"""The scheduler: runs every periodic job when it is due. Two schedulers at once do no harm."""

import logging
import time
from threading import Event

from flask import Flask

from app.kernel import clock, queue

log = logging.getLogger(__name__)


def run(app: Flask, stop: Event) -> None:
    """Run periodic jobs until ``stop`` is set; the first round is at once."""
    due: dict[str, float] = {}
    while not stop.wait(0.5):
        with app.app_context():
            for name, job in queue.periodic_jobs().items():
                if time.monotonic() >= due.get(name, 0.0):
                    due[name] = time.monotonic() + job.seconds
                    try:
                        job.function(now=clock.now())
                    except Exception:
                        log.exception("periodic job %s failed; it runs again when it is due", name)
