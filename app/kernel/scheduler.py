"""The scheduler: runs every periodic job when it is due. Several schedulers may run at once."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Event

from flask import Flask, current_app

from app.kernel import clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """``function(now=...)`` run every ``seconds``; it must tolerate a second scheduler running it at the same time."""

    seconds: int
    function: Callable[..., None]


def register(app: Flask, jobs: Iterable[PeriodicJob]) -> None:
    """Make the periodic jobs of every package known to an application."""
    app.extensions["periodic_jobs"] = {f"{job.function.__module__}.{job.function.__name__}": job for job in jobs}


def periodic_jobs() -> Mapping[str, PeriodicJob]:
    jobs: Mapping[str, PeriodicJob] = current_app.extensions["periodic_jobs"]
    return jobs


def run(app: Flask, stop: Event) -> None:
    """Run periodic jobs until ``stop`` is set; the first round is at once."""
    due: dict[str, float] = {}
    while not stop.wait(0.5):
        with app.app_context():
            for name, job in periodic_jobs().items():
                if time.monotonic() >= due.get(name, 0.0):
                    due[name] = time.monotonic() + job.seconds
                    try:
                        job.function(now=clock.now())
                    except Exception:
                        log.exception("periodic job %s failed; it runs again when it is due", name)
