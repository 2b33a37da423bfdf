"""Password hashes, computed beside the requests: argon2id in two threads of its own, a few waiting.

A hash takes 30 ms of a core and 19 MiB. On the loop of a web process it would stop every other request, inside a
transaction every other writer, so both are impossible here: ``hash_password`` and ``verify`` raise inside a unit
of work. Whoever finds the queue full is told to come back, and nothing was counted against anybody.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from gevent import monkey
from gevent.threadpool import ThreadPool

from app.kernel import db, ids
from app.kernel.errors import RateLimited

T = TypeVar("T")

# OWASP's floor for argon2id: 19 MiB, two passes, one lane (29 ms measured on a small core).
HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
MAX_LENGTH = 128  # characters; longer input is never hashed
WORKERS, WAITING = 2, 8  # in each process
RETRY_SECONDS = 2
NICE = 10


class Busy(RateLimited):
    """As many passwords as allowed are being checked already."""

    def __init__(self) -> None:
        super().__init__(details={"retry_after": RETRY_SECONDS})


class Places:
    """A limited number of callers at once; one more is refused, not queued."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place. Raises Busy when none is free."""
        with self._lock:
            if self._free == 0:
                raise Busy
            self._free -= 1
        try:
            yield
        finally:
            with self._lock:
                self._free += 1


PLACES = Places(WORKERS + WAITING)


@contextmanager
def place() -> Iterator[None]:
    """A place in the queue, taken before anything is counted. Raises Busy."""
    with PLACES.take():
        yield


def hash_password(password: str) -> str:
    """The hash to store."""
    return _outside(HASHER.hash, password)


def verify(password_hash: str | None, password: str) -> bool:
    """Whether a password matches; without a hash as slow as with one, so that timing reveals no account."""
    known = password_hash or _dummy_hash()
    return len(password) <= MAX_LENGTH and _outside(_matches, known, password) and password_hash is not None


def renewed(password_hash: str, password: str) -> str | None:
    """A hash with today's parameters when those of ``password_hash`` are older."""
    return hash_password(password) if HASHER.check_needs_rehash(password_hash) else None


def _matches(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return _outside(HASHER.hash, ids.secret())


def _outside(work: Callable[..., T], *arguments: Any) -> T:
    if db.in_unit_of_work():
        raise RuntimeError("passwords are hashed before the transaction, not in it")
    return _run()(work, *arguments)


@lru_cache(maxsize=1)
def _run() -> Callable[..., Any]:
    """Runs a function in one of this process's threads; made at first use, after the server has forked."""
    if monkey.is_module_patched("threading"):
        pool = ThreadPool(WORKERS)  # not the hub's own: that one resolves names
        return lambda work, *arguments: pool.apply(_behind_requests, (work, *arguments))
    executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="passwords")
    return lambda work, *arguments: executor.submit(_behind_requests, work, *arguments).result()


def _behind_requests(work: Callable[..., T], *arguments: Any) -> T:
    """On a busy machine the loop comes first: on Linux, 0 is this thread alone."""
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    return work(*arguments)
