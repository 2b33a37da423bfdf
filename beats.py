"""Signs of life of the worker's loops: files in ``DATA_DIR/beats`` whose time of change is the last beat.

The supervisor starts a part again that beats no longer; ``flask status`` shows them. Standard library only.
"""

from __future__ import annotations

import time
from pathlib import Path

EVERY = 5.0  # seconds between two beats
# After how many seconds of silence a loop stands still. Those of tasks wait for Redis, and for a task to end.
LIMITS = {"fast.relay": 90.0, "fast.sweep": 90.0, "fast.tasks": 180.0, "slow.tasks": 180.0}


def file_of(data_dir: Path, name: str) -> Path:
    """The file of a loop; ``name`` is its part and its own name, ``fast.relay``."""
    return data_dir / "beats" / name


class Beat:
    """Called by a loop in every round; writes at most every few seconds."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self._file = file_of(data_dir, name)
        self._file.parent.mkdir(mode=0o700, exist_ok=True)
        self._due_at = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._due_at:
            self._due_at = now + EVERY
            try:
                self._file.touch()
            except OSError:
                pass  # a full disk: the work itself will say so


def last(data_dir: Path, name: str) -> float | None:
    """When a loop beat last, in seconds since the epoch; None when it never did."""
    try:
        return file_of(data_dir, name).stat().st_mtime
    except OSError:
        return None
