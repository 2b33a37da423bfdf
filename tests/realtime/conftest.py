"""Two web processes on one database and one Redis, and programs that open sockets to them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from flask import Flask
from websocket import WebSocket, WebSocketConnectionClosedException, create_connection
from werkzeug.serving import make_server

from app.realtime import push
from app.realtime.channels import Channel
from app.realtime.connection import Connection
from tests.client import Client
from tests.conftest import new_app, settings_for

WITHIN = 5.0
T = TypeVar("T")


@dataclass
class Process:
    """One web process."""

    app: Flask
    port: int
    opened: list["Socket"] = field(default_factory=list)

    def open(self, path: str = "/ws/live", **options: Any) -> "Socket":
        """A socket, closed after the test."""
        raw = create_connection(f"ws://127.0.0.1:{self.port}{path}", timeout=WITHIN, **options)
        self.opened.append(Socket(raw))
        return self.opened[-1]

    def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Inside the application, as a job of the worker does."""
        with self.app.app_context():
            return function(*arguments, **options)

    def page(self, email: str) -> "Socket":
        """The socket of a page of somebody who has just signed in."""
        return self.open(cookie=cookie_of(self.app, email))


@dataclass
class Socket:
    raw: WebSocket
    seen: list[dict[str, Any]] = field(default_factory=list)

    def send(self, **message: Any) -> None:
        self.raw.send(orjson.dumps(message).decode())

    def join(self, *topics: str) -> list[str]:
        """Subscribe, and wait for those joined: of a page as old as this one everything is refreshed."""
        self.send(type="subscribe", topics=list(topics), since=0)
        return list(self.frame("refresh")["topics"])

    def frame(self, kind: str) -> dict[str, Any]:
        """The next frame of a type; others are put aside into ``seen``."""
        while True:
            frame: dict[str, Any] = orjson.loads(self.raw.recv())
            if frame["type"] == kind:
                return frame
            self.seen.append(frame)

    def close_code(self) -> int:
        """Read on until the server closes."""
        while True:
            opcode, data = self.raw.recv_data()
            if opcode == 8:
                return int.from_bytes(data[:2], "big")

    def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for a moment."""
        self.raw.settimeout(seconds)
        try:
            self.seen.append(orjson.loads(self.raw.recv()))
        except (TimeoutError, WebSocketConnectionClosedException):
            return True
        except Exception as error:
            return "timed out" in str(error)
        finally:
            self.raw.settimeout(WITHIN)
        return False


def cookie_of(app: Flask, email: str) -> str:
    browser = Client(app).sign_in(email)
    cookie = browser.http.get_cookie("sid")
    assert cookie is not None
    return f"sid={cookie.value}"


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def _greet(connection: Connection, message: dict[str, Any], room: str) -> None:
    connection.send(push.encode({"type": "greeting", "room": room, "said": message.get("said")}))


ROOM = Channel(
    "room", lambda actor, number: int(number) < 100 and actor is not None, on_message=_greet, shows_presence=True
)


@contextmanager
def _serve_app(app: Flask) -> Iterator[Process]:
    app.extensions["channels"][ROOM.name] = ROOM
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    process = Process(app, server.port)
    try:
        yield process
    finally:
        for socket in process.opened:
            socket.raw.shutdown()
        app.extensions["hub"].stop()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[list[Process]]:
    """Two of them; their hubs listen to Redis."""
    with ExitStack() as stack:
        apps = [stack.enter_context(new_app(settings_for(tmp_path, database_url, redis_url))) for _number in range(2)]
        redis = apps[0].extensions["broker"].redis
        redis.flushdb()
        earlier = _listeners(redis)
        servers = [stack.enter_context(_serve_app(app)) for app in apps]
        for process in servers:
            process.page("eva@example.com")  # a hub starts with its first socket
        wait_until(lambda: _listeners(redis) == earlier + len(servers))
        yield servers


def _listeners(redis: Any) -> int:
    return int(redis.pubsub_numsub(push.REDIS_CHANNEL)[0][1])


@pytest.fixture
def process(processes: list[Process]) -> Process:
    return processes[0]
