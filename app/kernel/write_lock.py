"""SQLite's single write lock, waited for in Python.

SQLite's own busy handler sleeps inside C code. Under gevent that stops every request of the process, so
``BEGIN IMMEDIATE`` is tried again from here, and other requests run between the attempts.
The writers of a process queue in a fair lock: one of them at a time competes with other processes, and
the others follow in the order in which they came. See ADR 3 for the measurements.
"""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from app.kernel.errors import Unavailable

WAIT_SECONDS = 5.0  # for queue and lock together
FIRST_PAUSE, MAX_PAUSE = 0.001, 0.010  # seconds between two attempts
BUSY_TIMEOUT_MS = 5000  # of every statement but BEGIN IMMEDIATE: readers wait only for a recovery or a checkpoint


class FairLock:
    """A lock that goes to its waiters in the order of their arrival; release hands it over to the next one.

    Works between threads and, where gevent has patched ``threading``, between greenlets.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_held = False
        self._waiters: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds; whether the lock was acquired."""
        with self._mutex:
            if not self._is_held:
                self._is_held = True
                return True
            handed_over = threading.Lock()
            handed_over.acquire()
            self._waiters.append(handed_over)
        is_ours = False
        try:
            is_ours = handed_over.acquire(timeout=max(timeout, 0))
        finally:
            if not is_ours:
                self._stop_waiting(handed_over)
        return is_ours

    def _stop_waiting(self, waiter: threading.Lock) -> None:
        """Leave the queue; a lock that was handed over at the last moment goes to the next one."""
        with self._mutex:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                return
        self.release()

    def release(self) -> None:
        with self._mutex:
            if self._waiters:
                self._waiters.popleft().release()
            else:
                self._is_held = False


_queues: dict[str, FairLock] = {}  # by database file


@contextmanager
def queued(database: str) -> Iterator[float]:
    """Wait in this process's queue of writers of a database file; yields the deadline of ``begin_immediate``.

    Raises Unavailable when the wait exceeds ``WAIT_SECONDS``.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    queue = _queues.setdefault(database, FairLock())
    if not queue.acquire(WAIT_SECONDS):
        raise Unavailable
    try:
        yield deadline
    finally:
        queue.release()


def begin_immediate(connection: sqlite3.Connection, deadline: float) -> None:
    """Begin a writing transaction; between two attempts other threads and greenlets run.

    ``deadline`` is an instant of ``time.monotonic``. Raises Unavailable when it passes first.
    """
    pause = FIRST_PAUSE
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while not _try_begin(connection):
            if time.monotonic() >= deadline:
                raise Unavailable
            time.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _try_begin(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        # the primary code: SQLITE_BUSY_RECOVERY and others stand in the upper bits
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
