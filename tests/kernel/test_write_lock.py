"""SQLite's write lock: waiters run in their order, other processes are waited for, and nobody for ever."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel import write_lock
from app.kernel.db import db, unit_of_work
from app.kernel.errors import Unavailable
from app.tenancy.models import Clinic
from tests.conftest import SERVER

pytestmark = pytest.mark.skipif(bool(SERVER), reason="the lock of SQLite")

WRITERS, INCREMENTS = 8, 15


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_waiters_get_the_lock_in_the_order_of_their_arrival() -> None:
    lock, order, threads = write_lock.FairLock(), [], []
    assert lock.acquire(0)

    def wait(number: int) -> None:
        assert lock.acquire(20)
        order.append(number)
        lock.release()

    for number in range(20):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        wait_until(lambda n=number: len(lock._waiters) == n + 1)
    lock.release()
    for thread in threads:
        thread.join(20)

    assert order == list(range(20))


def test_who_gives_up_leaves_the_queue_to_the_others() -> None:
    lock = write_lock.FairLock()
    assert lock.acquire(0)

    assert not lock.acquire(0.01)
    lock.release()

    assert lock.acquire(0)


@contextmanager
def locked(database_url: str) -> Iterator[sqlite3.Connection]:
    """Another connection holds the write lock; it may be given back early by a ROLLBACK."""
    other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        if other.in_transaction:
            other.execute("ROLLBACK")
        other.close()


def rename_clinic(name: str) -> None:
    with unit_of_work(write=True):
        db.session.scalars(select(Clinic)).first().name = name


def test_a_lock_that_is_not_free_in_time_changes_nothing(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "WAIT_SECONDS", 0.2)
    with app.app_context():
        with locked(database_url), pytest.raises(Unavailable):
            rename_clinic("Nobody saw this")
        with unit_of_work(write=False):
            assert "Nobody saw this" not in set(db.session.scalars(select(Clinic.name)))
        rename_clinic("Free again")


def test_a_writer_in_line_waits_no_longer_than_the_first(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "WAIT_SECONDS", 0.3)
    refused: list[float] = []

    def write() -> None:
        started_at = time.monotonic()
        with app.app_context(), pytest.raises(Unavailable):
            rename_clinic("Nobody saw this")
        refused.append(time.monotonic() - started_at)

    with locked(database_url):
        threads = [threading.Thread(target=write) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert len(refused) == 5
    assert max(refused) < 5, "each waits its own time, not the sum of those before it"


def test_a_reader_does_not_wait_for_a_writer(app: Flask, database_url: str) -> None:
    with app.app_context(), locked(database_url) as other:
        other.execute("UPDATE clinic SET name = 'half written'")
        started_at = time.monotonic()
        with unit_of_work(write=False):
            assert "half written" not in set(db.session.scalars(select(Clinic.name)))
        assert time.monotonic() - started_at < 2


def test_a_waiting_writer_goes_on_when_the_lock_is_free(app: Flask, database_url: str) -> None:
    with app.app_context(), locked(database_url) as other:
        threading.Timer(0.3, other.execute, ("ROLLBACK",)).start()
        rename_clinic("After the other one")
        with unit_of_work(write=False):
            assert "After the other one" in set(db.session.scalars(select(Clinic.name)))


COUNT_UP = """
import sys
if sys.argv[1] == "greenlets":
    from gevent import monkey
    monkey.patch_all()
import sqlite3, threading, time
from app.kernel import write_lock

def count_up():
    connection = sqlite3.connect(sys.argv[2], isolation_level=None)
    for _ in range(int(sys.argv[4])):
        with write_lock.queued(sys.argv[2]) as deadline:
            write_lock.begin_immediate(connection, deadline + 60)
            value = connection.execute("SELECT value FROM counter").fetchone()[0]
            connection.execute("UPDATE counter SET value = ?", (value + 1,))
            connection.execute("COMMIT")
        time.sleep(0)

write_lock.WAIT_SECONDS = 120
threads = [threading.Thread(target=count_up) for _ in range(int(sys.argv[3]))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_two_processes_with_many_writers_lose_no_write(tmp_path: Path) -> None:
    file = tmp_path / "counter.sqlite3"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE counter (value INTEGER)")
        connection.execute("INSERT INTO counter VALUES (0)")

    processes = [
        subprocess.Popen([sys.executable, "-c", COUNT_UP, kind, str(file), str(WRITERS), str(INCREMENTS)])
        for kind in ("greenlets", "threads")
    ]

    assert [process.wait(120) for process in processes] == [0, 0]
    assert connection.execute("SELECT value FROM counter").fetchone() == (2 * WRITERS * INCREMENTS,)
    connection.close()
