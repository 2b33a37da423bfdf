"""How the running system is, for operators and their monitoring: ``flask status``.

``/healthz`` says up or down to everybody; this names what stands still, with ages and numbers alone.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Select, func, select

import beats
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.kernel.tasks import OPEN, Task

OVERDUE = timedelta(minutes=5)
LITTLE_SPACE = 512 * 1024**2  # bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at; ``is_bad`` needs somebody."""

    name: str
    value: str
    is_bad: bool = False


def lines(data_dir: Path, *, now: datetime) -> list[Line]:
    """Everything, in the order in which it is shown. The workers' beats are those of this machine."""
    return [
        _age("oldest event to publish", select(func.min(EventRow.at)).where(EventRow.published.is_(False)), now),
        _age("oldest task that is due", select(func.min(Task.due_at)).where(*OPEN, Task.due_at <= now), now),
        _failed_tasks(),
        *_beats(data_dir),
        _space(data_dir),
    ]


def _age(name: str, oldest: Select[tuple[datetime]], now: datetime) -> Line:
    at = db.session.scalar(oldest)
    if at is None:
        return Line(name, "none")
    age = now - at
    return Line(name, f"{age.total_seconds():.0f} s", age > OVERDUE)


def _failed_tasks() -> Line:
    """They wait for a person on /admin/tasks, and are no sign that anything stands still."""
    count = db.session.scalar(select(func.count()).select_from(Task).where(Task.failed_at.is_not(None)))
    return Line("failed tasks", str(count))


def _beats(data_dir: Path) -> Iterator[Line]:
    for name, limit in beats.LIMITS.items():
        at = beats.last(data_dir, name)
        silence = time.time() - at if at is not None else None
        value = "never on this machine" if silence is None else f"{silence:.0f} s ago"
        yield Line(f"beat of worker {name}", value, silence is None or silence > limit)


def _space(data_dir: Path) -> Line:
    free = shutil.disk_usage(data_dir).free
    return Line("free space in DATA_DIR", f"{free // 1024**2} MB", free < LITTLE_SPACE)
