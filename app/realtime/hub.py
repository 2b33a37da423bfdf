"""The connections of one web process: who has joined what, fed by one Redis subscription.

Whether a user may join a topic is checked again when their rights change. The end of a session is detected by message
at once and by a query every few seconds, so a lost message delays it by seconds.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
from flask import Flask
from redis.exceptions import RedisError
from simple_websocket import Server

from app.kernel.access import Actor, SessionLoader
from app.kernel.broker import broker
from app.kernel.db import unit_of_work
from app.realtime import channels, presence, push
from app.realtime.connection import Connection

log = logging.getLogger(__name__)

MAX_CONNECTIONS_PER_SESSION = 20  # in each web process
MAX_CONNECTIONS_PER_USER = 60
MAX_TOPICS = 40
CHECK_SECONDS = 4
MAX_REMEMBERED, REMEMBER_SECONDS = 10_000, 120
SESSION_OVER = 4401


class Hub:
    """One per web process, started by the first socket (after the server has forked).

    ``sessions_alive(session_ids)`` returns those that are still valid.
    """

    def __init__(self, app: Flask, load_actor: SessionLoader, sessions_alive: Callable[[set[int]], set[int]]) -> None:
        self._app = app
        self._load_actor = load_actor
        self._sessions_alive = sessions_alive
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._paused = False
        self._listening_since = float("inf")
        self._last_refreshed_at: dict[str, float] = {}  # by topic, for pages rendered before they joined
        self._changed_users: queue.Queue[int | None] = queue.Queue()

    # ------------------------------------------------------------------ connections

    def connect(self, server: Server, actor: Actor, *, opened_at: datetime) -> Connection:
        """A new connection of this process, which has joined nothing yet."""
        connection = Connection(server, actor, opened_at, self._render)
        with self._lock:
            self._connections.add(connection)
            if not self._threads:
                loops = (self._listen, self._check_rights)
                self._threads = [threading.Thread(target=loop, daemon=True) for loop in loops]
                for thread in self._threads:
                    thread.start()
        presence.renew([presence.entry_of_user(connection.user_id, connection.id)])
        if self._paused:
            connection.send(orjson.dumps({"type": "paused"}))
        return connection

    def disconnect(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
        connection.stop_writer()
        presence.withdraw(_presence_of(connection))

    def stop(self) -> None:
        """End the hub's threads: its process goes on without it."""
        self._stopping.set()
        self._changed_users.put(None)
        with self._app.app_context():
            push.refresh(["stopping"])  # wakes the thread that waits for Redis
        for thread in self._threads:
            thread.join()

    def is_full(self, actor: Actor) -> bool:
        """Whether a session, or all sessions of a user, have as many connections as they may have."""
        connections = self._snapshot()
        of_session = sum(connection.session_id == actor.session_id for connection in connections)
        of_user = sum(connection.user_id == actor.user_id for connection in connections)
        return of_session >= MAX_CONNECTIONS_PER_SESSION or of_user >= MAX_CONNECTIONS_PER_USER

    def join(self, connection: Connection, topics: Iterable[str], *, since: float | None = None) -> None:
        """Replace what a connection has joined by those topics it may join.

        ``since`` is when the page was rendered (seconds of the epoch): what changed between then and now
        is refreshed at once, also when this process cannot know because it listens only since later.
        """
        left = set(_presence_of(connection))
        with connection.joining, unit_of_work(write=False):
            held = connection.topics  # checked when they were joined, and again when rights change
            connection.topics = frozenset(t for t in topics if t in held or channels.may_join(connection.actor, t))
        present = set(_presence_of(connection))
        presence.withdraw(left - present)
        presence.renew(present - left)
        for topic in connection.topics:
            if _renders(topic):
                connection.send_rendered(topic)
        if since is not None:
            missed_window = self._listening_since > since
            missed = {t for t in connection.topics if missed_window or self._last_refreshed_at.get(t, 0.0) > since}
            self._refresh(connection, missed, None)

    def _snapshot(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _broadcast(self, frame: push.Frame) -> None:
        encoded = orjson.dumps(frame)
        for connection in self._snapshot():
            connection.send(encoded)

    # ------------------------------------------------------------------ what comes from Redis

    def _listen(self) -> None:
        wait = 0.2
        while not self._stopping.is_set():
            try:
                with self._app.app_context():
                    pubsub = broker().redis.pubsub(ignore_subscribe_messages=True)
                    pubsub.subscribe(push.REDIS_CHANNEL)
                    self._listening_since = min(self._listening_since, time.time())
                    if self._paused:
                        self._resume()
                    wait = 0.2
                    while not self._stopping.is_set():
                        message = pubsub.get_message(timeout=20.0)
                        if message is not None:
                            self._receive(message["data"])
                    pubsub.close()
            except (RedisError, OSError) as error:
                if not self._paused:
                    log.warning("live updates paused: %s", type(error).__name__)
                    self._paused = True
                    self._broadcast({"type": "paused"})
                time.sleep(wait)
                wait = min(wait * 2, 5.0)

    def _resume(self) -> None:
        """Redis is back: messages and changes of rights sent meanwhile were missed."""
        self._paused = False
        self._broadcast({"type": "resumed"})
        for user_id in {connection.user_id for connection in self._snapshot()}:
            self._changed_users.put(user_id)

    def _receive(self, data: bytes) -> None:
        """Deliver one message; one that cannot be read (another release's) must not end the subscription."""
        try:
            self._deliver(orjson.loads(data))
        except (KeyError, TypeError, ValueError):
            log.exception("a message of the hub could not be delivered")

    def _deliver(self, message: dict[str, Any]) -> None:
        if message["kind"] == "rights":
            for user_id in message["user_ids"]:
                self._changed_users.put(user_id)
        elif message["kind"] == "push":
            frame = orjson.dumps(message["frame"])
            for connection in self._snapshot():
                if _is_addressed(connection, message):
                    connection.send(frame)
        else:
            refreshed = frozenset(message["topics"])
            self._remember(refreshed)
            for connection in self._snapshot():
                self._refresh(connection, connection.topics & refreshed, message["by"])

    def _refresh(self, connection: Connection, topics: Iterable[str], by: str | None) -> None:
        """Send what a refresh of these topics means to a connection."""
        fetched = []
        for topic in sorted(topics):
            if _renders(topic):
                connection.send_rendered(topic)
            else:
                fetched.append(topic)
        if fetched:
            origin = {"by": by} if by else {}
            connection.send(orjson.dumps({"type": "refresh", "topics": fetched, **origin}))

    def _render(self, connection: Connection, topic: str) -> Iterator[bytes]:
        """The frames of a topic that renders its own; run by the connection's writer."""
        with self._app.app_context():
            channel, parts = channels.find(topic)
            if channel is None or channel.render is None:
                return
            with unit_of_work(write=False):
                frames = [push.encode(frame) for frame in channel.render(connection, *parts)]
        yield from frames

    def _remember(self, refreshed: frozenset[str]) -> None:
        now = time.time()
        if len(self._last_refreshed_at) > MAX_REMEMBERED:
            recent = {t: at for t, at in self._last_refreshed_at.items() if at > now - REMEMBER_SECONDS}
            self._last_refreshed_at = recent
        self._last_refreshed_at.update(dict.fromkeys(refreshed, now))

    # ------------------------------------------------------------------ rights that changed

    def _check_rights(self) -> None:
        """The users named by ``push.rights_changed`` at once, all sessions every ``CHECK_SECONDS``."""
        sessions_at = presence_at = time.monotonic()
        while not self._stopping.is_set():
            try:
                user_id = self._changed_users.get(timeout=max(0.0, sessions_at - time.monotonic()))
            except queue.Empty:
                user_id = None
            try:
                with self._app.app_context():
                    if user_id is not None:
                        self._check_user(user_id)
                    if time.monotonic() >= sessions_at:
                        sessions_at = time.monotonic() + CHECK_SECONDS
                        self._end_dead_sessions()
                    if time.monotonic() >= presence_at:
                        presence_at = time.monotonic() + presence.RENEW_SECONDS
                        presence.renew(entry for c in self._snapshot() for entry in _presence_of(c))
            except Exception:
                log.exception("the rights of connections could not be checked")

    def _check_user(self, user_id: int) -> None:
        """Load the user's actors anew; drop the topics that they may no longer join."""
        for connection in self._snapshot():
            if connection.user_id != user_id:
                continue
            with connection.joining, unit_of_work(write=False):
                actor = self._load_actor(session_id=connection.session_id)
                if actor is not None:
                    self._update_rights(connection, actor)
            if actor is None:
                self._end(connection)

    def _update_rights(self, connection: Connection, actor: Actor) -> None:
        before, present = connection.topics, set(_presence_of(connection))
        allowed = frozenset(topic for topic in before if channels.may_join(actor, topic))
        connection.actor, connection.topics = actor, allowed
        presence.withdraw(present - set(_presence_of(connection)))
        if before - allowed:
            connection.send(orjson.dumps({"type": "left", "topics": sorted(before - allowed)}))

    def _end_dead_sessions(self) -> None:
        held = {connection.session_id for connection in self._snapshot()}
        if not held:
            return
        with unit_of_work(write=False):
            alive = self._sessions_alive(held)
        for connection in self._snapshot():
            if connection.session_id in held - alive:
                self._end(connection)

    def _end(self, connection: Connection) -> None:
        """Close a connection whose session is over; nothing is sent to it from here on."""
        with self._lock:
            self._connections.discard(connection)
        connection.close(SESSION_OVER, "session over")


def _renders(topic: str) -> bool:
    channel, _parts = channels.find(topic)
    return channel is not None and channel.render is not None


def _is_addressed(connection: Connection, message: dict[str, Any]) -> bool:
    return (
        message.get("topic") in connection.topics
        or message.get("user") == connection.user_id
        or message.get("connection") == connection.id
    )


def _presence_of(connection: Connection) -> list[presence.Entry]:
    """The user's own entry and those of the topics that show presence."""
    shown = [t for t in connection.topics if (channel := channels.find(t)[0]) and channel.shows_presence]
    user_id = connection.user_id
    return [
        presence.entry_of_user(user_id, connection.id),
        *(presence.entry_at(topic, user_id, connection.id) for topic in shown),
    ]
