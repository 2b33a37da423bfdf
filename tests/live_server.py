"""A live server for tests: script/supervisor.py with gunicorn, worker and Redis, on a port of its own.

``live_server`` has the people fixtures of tests/cast.py, ``demo_server`` the demo clinic (one for the whole run:
tests must only read it). A folder's conftest imports the fixtures it needs.
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from script import supervisor
from tests import services
from tests.cast import PASSWORD

READY_WITHIN = 180.0
STOP_WITHIN = 60.0
IDLE_SECONDS = 5.0
DEMO_PASSWORD = "mediconnect-demo"
# Of the machine or a developer's `.env`: the live server gets its own.
INHERITED_SETTINGS = re.compile(
    r"MEDICONNECT_.*|.*_URL|DATA_DIR|HOST|PORT|SECRET_KEY|ENCRYPTION_KEYS|DEMO_PASSWORD|WEB_PROCESSES"
)


@dataclass(frozen=True)
class ApiResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class ApiClient:
    """A client of the JSON interface on one kept connection; not to be shared between threads."""

    def __init__(self, port: int, token: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.token = token
        self.used_at = time.monotonic()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> ApiResponse:
        sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if time.monotonic() - self.used_at > IDLE_SECONDS:
            self.connection.close()  # the server may have dropped it; it opens again by itself
        self.used_at = time.monotonic()
        self.connection.request(method, path, orjson.dumps(body) if body is not None else None, sent)
        answer = self.connection.getresponse()
        return ApiResponse(answer.status, dict(answer.headers), answer.read())

    def close(self) -> None:
        self.connection.close()


@dataclass(frozen=True)
class LiveServer:
    """A running MediConnect. ``pids`` finds its processes, for tests that kill one."""

    port: int
    data_dir: Path
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes]"
    password: str
    log: Path
    api_clients: list[ApiClient] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def outbox(self) -> Path:
        """The folder of outgoing mail, one file each."""
        return self.data_dir / "outbox"

    def pids(self, part: str) -> list[int]:
        """Processes of ``gunicorn``, ``worker.py`` or ``valkey``, parents first."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child.pid for child in children if part in _command_of(child)]

    def api_client(self, email: str = "") -> ApiClient:
        """A JSON client, signed in when an e-mail is given; closed with the server."""
        client = ApiClient(self.port)
        self.api_clients.append(client)
        if email:
            answer = client.call("POST", "/api/auth/login/", {"email": email, "password": self.password})
            assert answer.status == 200, answer.body
            client.token = answer.json["access"]
        return client

    def flask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a ``flask`` command on the same data."""
        return run_flask(self.environment, *arguments)

    def close(self) -> None:
        for client in self.api_clients:
            client.close()


def _command_of(process: psutil.Process) -> str:
    """Its command line; nothing for one that is just ending."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def run_flask(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flask", *arguments]
    return subprocess.run(
        command, cwd=supervisor.ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )


def environment_for(data_dir: Path, database_url: str, port: int, env: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not INHERITED_SETTINGS.fullmatch(name)}
    own = {"MEDICONNECT_ENV": env, "DATA_DIR": str(data_dir), "DATABASE_URL": database_url, "PORT": str(port)}
    return {**kept, **own, "LOG_LEVEL": "warning", "RATE_PER_SESSION": "0", "RATE_PER_ADDRESS": "0"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(data_dir: Path, database_url: str = "", *, env: str = "test", **settings: str) -> Iterator[LiveServer]:
    """Start all processes on ``data_dir`` and wait until /healthz responds; stop them at the end."""
    port, log = free_port(), data_dir / "live_server.log"
    environment = environment_for(data_dir, database_url, port, env) | settings
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "script/supervisor.py"],
            cwd=supervisor.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=supervisor.die_with_parent,
        )
        try:
            _wait_until_ready(process, port, log)
            password = DEMO_PASSWORD if env == "demo" else PASSWORD
            with closing(LiveServer(port, data_dir, environment, process, password, log)) as running:
                yield running
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not is_healthy(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The server did not start (status {process.poll()}):\n{log.read_text()[-4000:]}")
        time.sleep(0.05)


def is_healthy(port: int) -> bool:
    client = ApiClient(port)
    try:
        return client.call("GET", "/healthz").status == 200
    except OSError:
        return False
    finally:
        client.close()


@pytest.fixture
def live_server(database_url: str) -> Iterator[LiveServer]:
    """All processes on a database with the people fixtures; stopped after the test."""
    with _folder() as folder, serve(folder, database_url) as running:
        yield running


@pytest.fixture(scope="session")
def demo_server() -> Iterator[LiveServer]:
    """All processes on the demo clinic, as ``script/server`` starts them; shared by all tests."""
    server, name = os.environ.get("TEST_DATABASE_URL", ""), f"t_{uuid.uuid4().hex}"
    url = services.new_database(server, name) if server else ""
    try:
        with _folder() as folder, serve(folder, url, env="demo") as running:
            yield running
    finally:
        if server:
            services.drop_database(server, name)


@contextmanager
def _folder() -> Iterator[Path]:
    # pytest's folders can be too long for the path of Redis' socket
    with tempfile.TemporaryDirectory(prefix="mc-live-", ignore_cleanup_errors=True) as name:
        yield Path(name)
