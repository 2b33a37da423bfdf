"""Another process holds SQLite's write lock: the web process goes on answering, the writer gets its turn."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.conftest import SERVER
from tests.journeys.test_faults import book
from tests.live_server import LiveServer

HELD_SECONDS = 3.0
ANSWERED_MEANWHILE = 15  # it was 1 while the wait happened inside SQLite; an idle machine answers hundreds


@contextmanager
def write_lock_held(database_url: str, seconds: float) -> Iterator[threading.Thread]:
    """The lock is taken on entry and given back ``seconds`` later, by the thread."""
    taken = threading.Event()

    def hold() -> None:
        other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        taken.set()
        time.sleep(seconds)
        other.execute("ROLLBACK")
        other.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(20)
    yield holder
    holder.join()


@pytest.mark.skipif(bool(SERVER), reason="the lock of SQLite")
def test_a_waiting_writer_does_not_hold_up_the_readers(live_server: LiveServer, database_url: str) -> None:
    ana, reader = live_server.api_client("ana@example.com"), live_server.api_client()
    assert reader.call("GET", "/login").status == 200
    times = []
    with write_lock_held(database_url, HELD_SECONDS) as holder, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(book, ana, hours=0)
        while holder.is_alive():
            started_at = time.monotonic()
            assert reader.call("GET", "/login").status == 200
            times.append(time.monotonic() - started_at)
        assert waiting.result(30).status == 201

    assert len(times) >= ANSWERED_MEANWHILE
    assert max(times) < HELD_SECONDS / 2
