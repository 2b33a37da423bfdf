"""The sockets of one web process: who listens to what, fed by one Redis subscription.

Each socket has one bounded queue and one writer; a reader too slow for its queue is dropped and will
fetch everything when it is back. A session that ended is noticed by message at once and by a query
every few seconds, so a lost message costs seconds.
"""

import logging
import queue
import threading
import time
from typing import Any

import orjson
from flask import Flask
from redis.exceptions import RedisError
from simple_websocket import ConnectionClosed, Server

from app.kernel.access import Actor
from app.kernel.broker import LIVE, broker
from app.realtime import regions

log = logging.getLogger(__name__)

QUEUE_LENGTH = 64
MOST_TOPICS = 40
CHECK_SECONDS = 4
MOST_REMEMBERED, REMEMBER_SECONDS = 10_000, 120
SESSION_OVER = 4401


class Connection:
    """A socket, its actor, its topics and its writer."""

    def __init__(self, socket: Server, actor: Actor) -> None:
        self.socket = socket
        self.actor = actor
        self.topics: frozenset[str] = frozenset()
        self._queue: queue.Queue[bytes | None] = queue.Queue(QUEUE_LENGTH)
        threading.Thread(target=self._write, daemon=True).start()

    def send(self, frame: bytes) -> None:
        try:
            self._queue.put_nowait(frame)
        except queue.Full:
            self.close(1013, "too slow")

    def close(self, code: int = 1000, reason: str = "") -> None:
        threading.Thread(target=self._close, args=(code, reason), daemon=True).start()

    def stop_writer(self) -> None:
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            self._queue.get_nowait()
            self._queue.put_nowait(None)

    def _write(self) -> None:
        while (frame := self._queue.get()) is not None:
            try:
                self.socket.send(frame.decode())
            except (ConnectionClosed, OSError):
                return

    def _close(self, code: int, reason: str) -> None:
        try:
            self.socket.close(code, reason)
        except (ConnectionClosed, OSError):
            pass


class Hub:
    """One per web process, started by the first socket (after the server has forked)."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._started = False
        self._paused = False
        self._listening_since = float("inf")
        self._touched: dict[str, float] = {}  # topic → when it was last refreshed, for pages rendered before

    def join(self, connection: Connection) -> None:
        with self._lock:
            self._connections.add(connection)
            if not self._started:
                self._started = True
                threading.Thread(target=self._listen, daemon=True).start()
                threading.Thread(target=self._watch_sessions, daemon=True).start()
        if self._paused:
            connection.send(orjson.dumps({"type": "paused"}))

    def leave(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
        connection.stop_writer()

    def subscribe(self, connection: Connection, topics: list[str], *, since: float | None = None) -> None:
        """Replace what a connection listens to by those topics it may hear of.

        ``since`` is when the page was rendered (seconds of the epoch): what changed between then and now
        is refreshed at once, also when this process cannot know because it listens only since later.
        """
        connection.topics = frozenset(
            t for t in map(str, topics[:MOST_TOPICS]) if regions.may_listen(connection.actor, t)
        )
        if since is None:
            return
        blind = self._listening_since > since
        missed = [t for t in connection.topics if blind or self._touched.get(t, 0.0) > since]
        if missed:
            connection.send(orjson.dumps({"type": "refresh", "topics": sorted(missed)}))

    def _snapshot(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _broadcast(self, message: dict[str, Any]) -> None:
        frame = orjson.dumps(message)
        for connection in self._snapshot():
            connection.send(frame)

    def _listen(self) -> None:
        wait = 0.2
        while True:
            try:
                with self._app.app_context():
                    pubsub = broker().redis.pubsub(ignore_subscribe_messages=True)
                pubsub.subscribe(LIVE)
                self._listening_since = min(self._listening_since, time.time())
                if self._paused:
                    self._paused = False
                    self._broadcast({"type": "resumed"})
                wait = 0.2
                while True:
                    message = pubsub.get_message(timeout=20.0)
                    if message is not None:
                        self._deliver(orjson.loads(message["data"]))
            except (RedisError, OSError) as error:
                if not self._paused:
                    log.warning("live updates paused: %s", type(error).__name__)
                    self._paused = True
                    self._broadcast({"type": "paused"})
                time.sleep(wait)
                wait = min(wait * 2, 5.0)

    def _deliver(self, message: dict[str, Any]) -> None:
        if message["type"] == "revoked":
            self._end({int(i) for i in message["session_ids"]})
            return
        touched = frozenset(message["topics"])
        self._remember(touched)
        for connection in self._snapshot():
            mine = connection.topics & touched
            if mine:
                connection.send(orjson.dumps({"type": "refresh", "topics": sorted(mine)}))

    def _remember(self, touched: frozenset[str]) -> None:
        now = time.time()
        if len(self._touched) > MOST_REMEMBERED:
            self._touched = {topic: at for topic, at in self._touched.items() if at > now - REMEMBER_SECONDS}
        self._touched.update(dict.fromkeys(touched, now))

    def _end(self, session_ids: set[int]) -> None:
        for connection in self._snapshot():
            if connection.actor.session_id in session_ids:
                connection.close(SESSION_OVER, "session over")

    def _watch_sessions(self) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            held = {c.actor.session_id for c in self._snapshot()}
            if held:
                try:
                    with self._app.app_context():
                        alive = self._app.extensions["sessions_alive"](held)
                except Exception:
                    log.exception("could not check the sessions of sockets")
                    continue
                self._end(held - alive)
