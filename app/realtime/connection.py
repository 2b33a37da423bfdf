"""One open socket: its actor, its topics, one bounded queue and one writer."""

import logging
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from simple_websocket import ConnectionClosed, Server

from app.kernel.access import Actor

log = logging.getLogger(__name__)

QUEUE_LENGTH = 64
CLOSE_SECONDS = 2.0
BURST, MESSAGES_PER_SECOND = 40, 20  # of what a client sends


class TokenBucket:
    """A rate limit: ``capacity`` at once, ``per_second`` in the long run."""

    def __init__(self, capacity: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._per_second = per_second
        self._clock = clock
        self._tokens = float(capacity)
        self._filled_at = clock()

    def take(self, cost: float = 1) -> bool:
        """Whether one more is within the limit; it is counted then."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True


class WholeSends:
    """A network socket whose ``send`` sends everything, one caller after the other.

    The library ignores partial sends, which gevent's sockets make when the reader is slow.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._sending = threading.Lock()

    def send(self, data: bytes) -> int:
        with self._sending:
            self._sock.sendall(data)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Connection:
    """``id`` names it for ``push.to_connection``; ``opened_at`` is its handshake; ``state`` belongs to its channels."""

    def __init__(
        self,
        server: Server,
        actor: Actor,
        opened_at: datetime,
        render: Callable[["Connection", str], Iterable[bytes]],
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.actor = actor
        self.user_id = actor.person_id
        self.session_id = actor.session_id or 0  # a socket is opened by a session; no row has the number 0
        self.opened_at = opened_at
        self.topics: frozenset[str] = frozenset()
        self.subscription: str | bytes = b""  # the last subscribe frame, as it was sent
        self.is_closing = False
        self.state: dict[str, Any] = {}
        self.joining = threading.Lock()  # serializes joins and changes of rights
        self.inbound = TokenBucket(BURST, MESSAGES_PER_SECOND)
        self._server = server
        server.sock = WholeSends(server.sock)
        self._render = render
        self._queue: queue.Queue[bytes | str | None] = queue.Queue(QUEUE_LENGTH)
        threading.Thread(target=self._write, daemon=True).start()

    def send(self, frame: bytes) -> None:
        """Queue a frame; a reader too slow for its queue is dropped, and fetches everything when it is back."""
        self._put(frame)

    def send_rendered(self, topic: str) -> None:
        """Queue what the topic's channel renders for this connection when its turn comes."""
        self._put(topic)

    def close(self, code: int, reason: str) -> None:
        """Send a close frame without waiting; a peer that does not take it is cut off after ``CLOSE_SECONDS``."""
        if self.is_closing:
            return
        self.is_closing = True
        threading.Thread(target=self._close, args=(code, reason), daemon=True).start()
        cut_off = threading.Timer(CLOSE_SECONDS, self.drop)
        cut_off.daemon = True
        cut_off.start()

    def drop(self) -> None:
        """Close the network socket: a peer that reads nothing would not take a close frame either."""
        try:
            self._server.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def stop_writer(self) -> None:
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            self._queue.get_nowait()
            self._queue.put_nowait(None)

    def _put(self, item: bytes | str) -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.drop()

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                for frame in (item,) if isinstance(item, bytes) else self._render(self, item):
                    self._server.send(frame.decode())
            except (ConnectionClosed, OSError):
                return
            except Exception:  # the next refresh renders it again
                log.exception("a frame could not be rendered")

    def _close(self, code: int, reason: str) -> None:
        try:
            self._server.close(code, reason)
        except (ConnectionClosed, OSError):
            pass
