"""One form of log line for web, worker, RQ, gunicorn and the supervisor.

``2026-11-25T02:44:43.147Z WARNING 1234 9f1c2e7a app.kernel.tasks: text``: instant in UTC, level, process, the first
characters of the request's id (``-`` outside requests), logger, text. Standard library only: the supervisor uses it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

REPEATS_WITHIN = 10.0  # seconds
QUIET = ("alembic", "rq.worker", "urllib3", "weasyprint", "fontTools")  # warnings and errors only


class Formatter(logging.Formatter):
    """``request_id`` names the request that a line belongs to; empty outside requests."""

    def __init__(self, request_id: Callable[[], str] = lambda: "") -> None:
        super().__init__()
        self._request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return line(record.levelname, record.name, text, at=at, request_id=self._request_id(), pid=record.process)


class Repeats(logging.Filter):
    """Drops a warning that has just been given: while Redis is away, every request would give the same one."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        key = (record.name, record.getMessage())
        repeated = record.created - self._last.get(key, 0.0) < REPEATS_WITHIN
        if not repeated:
            self._last = {k: at for k, at in self._last.items() if record.created - at < REPEATS_WITHIN}
            self._last[key] = record.created
        return not repeated


def line(
    level: str, name: str, text: str, *, at: datetime | None = None, request_id: str = "", pid: int | None = None
) -> str:
    """A log line; without ``at`` of now, without ``pid`` of this process."""
    instant = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{instant} {level} {pid or os.getpid()} {request_id[:8] or '-'} {name}: {text}"


def configure(level: str, request_id: Callable[[], str] = lambda: "") -> None:
    """Send every logger of this process to standard error in this form; may be called again."""
    root = logging.getLogger()
    ours = [handler for handler in root.handlers if isinstance(handler.formatter, Formatter)]
    handler = ours[0] if ours else logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter(request_id))
    if not ours:
        handler.addFilter(Repeats())
        root.addHandler(handler)
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
