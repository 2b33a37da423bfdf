"""CPU per operation of the product's own processes, beside a do-nothing route of the same server.

A generated clinic in a throw-away folder, the embedded Redis, gunicorn with gunicorn.conf.py and the worker;
one client on one kept connection that accepts gzip, and the socket of a second screen. The CPU of web, worker,
Redis and database server is read in nanoseconds; what they use when nothing happens is subtracted, and the
worker's work for a change is waited for. Each row alternates with the do-nothing route, so that both see the
same machine. Queries are counted by playing one request inside this process.
"""

import argparse
import gzip
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import psutil
from websocket import WebSocket, WebSocketTimeoutException, create_connection

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.operations import HELLO, MIRAFLORES, Operation, People, Request, operations  # noqa: E402 - after the path
from script import supervisor  # noqa: E402
from tests import live_server, services  # noqa: E402

CPU_SECONDS = 1.0  # of the web process for a row
MIN_SAMPLES, WARM_UP, ROUNDS = 20, 5, 10
HELLOS = 40  # do-nothing requests in a round
IDLE_SECONDS = 5.0
QUIET_SECONDS, QUIET_MS = 0.3, 8.0  # the worker has finished when it uses less than this in a while
RESULTS = ROOT / "bench/results.json"
TOKEN = re.compile(rb'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class Row:
    operation: str
    size: str
    cpu_ms: float
    ratio: float
    p50_ms: float
    p95_ms: float
    queries: int
    bytes: int
    ceiling_ms: float | None
    requests: int
    hello_cpu_ms: float
    web_ms: float
    worker_ms: float
    redis_ms: float
    db_ms: float
    bytes_raw: int


class Client:
    """One kept connection to the server, and the socket of another screen once ``listen`` was called."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.socket: WebSocket | None = None

    def listen(self, cookie: str, topic: str) -> None:
        origin = f"http://127.0.0.1:{self.port}"
        self.socket = create_connection(f"ws://127.0.0.1:{self.port}/ws/live", cookie=cookie, origin=origin)
        self.socket.send(json.dumps({"type": "subscribe", "topics": [topic]}))

    def send(self, request: Request) -> tuple[int, Any, bytes]:
        headers = {"Accept-Encoding": "gzip", **request.headers}
        self.connection.request(request.method, request.path, request.body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def expect(self, request: Request) -> tuple[int, int]:
        """Send, and require the status; ``(bytes sent by the server, the same unpacked)``."""
        status, headers, sent = self.send(request)
        body = gzip.decompress(sent) if headers["Content-Encoding"] == "gzip" else sent
        if status != request.expect:
            raise SystemExit(f"{request.method} {request.path} gave {status}: {body[:400].decode(errors='replace')}")
        return len(sent), len(body)

    def perform(self, requests: list[Request]) -> tuple[int, int]:
        """All requests of one time, in order; the sums of ``expect``."""
        if any(request.after_frame for request in requests):
            self._drain()
        sizes = []
        for request in requests:
            if request.after_frame:
                self._await_refresh()
            sizes.append(self.expect(request))
        return sum(sent for sent, _ in sizes), sum(raw for _, raw in sizes)

    def _drain(self) -> None:
        assert self.socket
        self.socket.settimeout(0.001)
        try:
            while True:
                self.socket.recv()
        except WebSocketTimeoutException:
            self.socket.settimeout(20)

    def _await_refresh(self) -> None:
        assert self.socket
        while json.loads(self.socket.recv())["type"] != "refresh":
            pass


class Cpu:
    """CPU of named process trees in milliseconds: to the nanosecond, of ended children to the tick."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.roots = {part: psutil.Process(pid) for part, pid in pids.items()}
        self.idle = dict.fromkeys(pids, 0.0)  # ms a second

    def read(self) -> dict[str, float]:
        return {part: self._of_tree(root) for part, root in self.roots.items()}

    def _of_tree(self, root: psutil.Process) -> float:
        total = 0.0
        for process in (root, *root.children(recursive=True)):
            try:
                ended = process.cpu_times()
                # the process' own clock (CPUCLOCK_SCHED): all its threads, those that have ended included
                total += time.clock_gettime_ns((~process.pid << 3) | 2) / 1e6
            except (OSError, psutil.NoSuchProcess):
                continue
            total += (ended.children_user + ended.children_system) * 1000
        return total

    def measure_idle(self) -> None:
        before = self.read()
        time.sleep(IDLE_SECONDS)
        self.idle = {part: (ms - before[part]) / IDLE_SECONDS for part, ms in self.read().items()}

    def used(self, before: dict[str, float], seconds: float) -> dict[str, float]:
        """Since ``before``, without what would have been used anyway in these ``seconds``."""
        return {part: ms - before[part] - self.idle[part] * seconds for part, ms in self.read().items()}

    def await_quiet(self) -> None:
        """Until the worker has done what the requests left to it."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            before = self.read()
            time.sleep(QUIET_SECONDS)
            if self.used(before, QUIET_SECONDS)["worker"] < QUIET_MS:
                return
        raise SystemExit("The worker does not come to rest.")


def main() -> None:
    options = _options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mc-bench-")))
        url = _database(options.database, stack)
        environment = _environment(folder, url, options.size)
        print(f"Generating the clinic ({options.size}, {options.database}) …", flush=True)
        started_at = time.monotonic()
        app, clinic = _generate(environment, options.size)
        print(f"  {time.monotonic() - started_at:.1f} s", flush=True)
        pids = _serve(environment, folder, stack)
        if options.database == "postgresql":
            pids["db"] = _postmaster()
        client, cpu = Client(int(environment["PORT"])), Cpu(pids)
        stack.callback(client.connection.close)
        who = _sign_in(client)
        client.listen(who.cookie, f"desk:{MIRAFLORES}:{clinic.today}")
        _measure(HELLO, client, cpu, options)
        cpu.await_quiet()
        cpu.measure_idle()
        rows = []
        print(HEAD)
        for operation in operations(clinic, who):
            if options.only and operation.name not in options.only:
                continue
            rows.append(_row(operation, client, cpu, app, options))
            print(_line(rows[-1]), flush=True)
        _write(rows, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description="What the product costs, per operation.")
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", action="append", help="one operation; may be given again")
    parser.add_argument("--seconds", type=float, default=CPU_SECONDS, help="of CPU for each operation")
    return parser.parse_args()


# ------------------------------------------------------------------ the stand


def _database(kind: str, stack: ExitStack) -> str:
    if kind == "sqlite":
        return ""
    server = stack.enter_context(services.postgres_server())
    return services.new_database(server, "bench")


def _environment(folder: Path, url: str, size: str) -> dict[str, str]:
    environment = live_server.environment_for(folder, url, live_server.free_port(), "test")
    environment["PYTHONPATH"] = str(ROOT)
    return environment


def _generate(environment: dict[str, str], size: str) -> tuple[Any, Any]:
    """Migrate and fill; returns this process' application on the same data and what was generated."""
    for name in [name for name in os.environ if live_server.INHERITED_SETTINGS.fullmatch(name)]:
        del os.environ[name]
    os.environ.update({name: value for name, value in environment.items() if value})
    from flask_migrate import upgrade

    import config
    from app import create_app
    from app.kernel import clock
    from app.kernel.db import db, unit_of_work
    from bench import clinic

    app = create_app(config.load())
    with app.app_context():
        upgrade(directory=app.extensions["migrate"].directory)
        db.session.remove()
        with unit_of_work(write=True):
            built = clinic.build(clinic.SIZES[size], clock.now())
        with unit_of_work(write=True):
            # what a database that has lived has: figures about its tables
            db.session.connection().exec_driver_sql("ANALYZE")
        db.engine.dispose()
    return app, built


def _serve(environment: dict[str, str], folder: Path, stack: ExitStack) -> dict[str, int]:
    """Redis, gunicorn and worker as the supervisor starts them; returns their pids."""
    (folder / "redis").mkdir()
    socket_path = folder / "redis.sock"
    redis = stack.enter_context(_running(supervisor.redis_command(socket_path, folder / "redis"), environment))
    _await(lambda: supervisor.redis_answers(socket_path), "Redis")
    web = stack.enter_context(_running([sys.executable, "-m", "gunicorn", "bench.wsgi:app"], environment))
    worker = stack.enter_context(_running([sys.executable, "worker.py"], environment))
    port = int(environment["PORT"])
    _await(lambda: live_server.is_healthy(port), "The web server")
    return {"web": web.pid, "worker": worker.pid, "redis": redis.pid}


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=supervisor.die_with_parent,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(ready: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"{name} did not start.")
        time.sleep(0.05)


def _postmaster() -> int:
    """The throw-away server is a child of this process."""
    return next(child.pid for child in psutil.Process().children() if child.name() == "postgres")


def _sign_in(client: Client) -> People:
    from bench.clinic import PASSWORD

    def bearer(email: str) -> str:
        body = json.dumps({"email": email, "password": PASSWORD}).encode()
        plain = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        _, _, answer = client.send(Request("POST", "/api/auth/login/", plain, body))
        return str(json.loads(answer)["access"])

    _, headers, page = client.send(Request("GET", "/login", {"Accept-Encoding": "identity"}))
    cookie = _session_cookie(headers)
    form = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    token = TOKEN.search(page)
    assert token
    body = f"csrf_token={token[1].decode()}&email=ana%40example.com&password={PASSWORD.replace(' ', '+')}".encode()
    status, headers, answer = client.send(Request("POST", "/login", form, body))
    if status != 303:
        raise SystemExit(f"Signing in gave {status}: {answer[:300]!r}")
    cookie = _session_cookie(headers)
    _, headers, page = client.send(Request("GET", "/account", {"Cookie": cookie, "Accept-Encoding": "identity"}))
    # the page's token went into the session, so the cookie is another one
    cookie = _session_cookie(headers) or cookie
    token = TOKEN.search(page)
    assert token
    return People(bearer("ana@example.com"), bearer("diego@example.com"), cookie, token[1].decode())


def _session_cookie(headers: Message) -> str:
    """The session's own among the cookies of a response; empty when there is none."""
    pairs = (value.partition(";")[0] for value in headers.get_all("Set-Cookie") or ())
    return next((pair for pair in pairs if pair.startswith("sid=")), "")


# ------------------------------------------------------------------ measuring


@dataclass(frozen=True)
class Measured:
    cpu_ms: dict[str, float]  # by part, for one time
    hello_cpu_ms: float
    walls_ms: list[float]
    sizes: tuple[int, int]  # as sent, unpacked
    following: int  # the next number that was not used


def _measure(operation: Operation, client: Client, cpu: Cpu, options: argparse.Namespace) -> Measured:
    """Alternate the operation with the do-nothing route until the web process has used the requested CPU time."""
    number = min(WARM_UP, operation.most // 8)
    for turn in range(number):
        client.perform(operation.requests(turn))
    walls: list[float] = []
    used = dict.fromkeys(cpu.roots, 0.0)
    hello_ms, hellos, chunk, sizes = 0.0, 0, 2, (0, 0)
    while number < operation.most - 1:
        if used["web"] >= options.seconds * 1000 and len(walls) >= MIN_SAMPLES:
            break
        before, started_at = cpu.read(), time.perf_counter()
        for turn in range(number, min(number + chunk, operation.most - 1)):
            began = time.perf_counter()
            sizes = client.perform(operation.requests(turn))
            walls.append((time.perf_counter() - began) * 1000)
            number = turn + 1
        if operation.writes:
            cpu.await_quiet()
        for part, ms in cpu.used(before, time.perf_counter() - started_at).items():
            used[part] += ms
        each = max(used["web"], 0.1) / len(walls)
        chunk = max(2, int(options.seconds * 1000 / ROUNDS / each))
        hello_ms += _hello_ms(client, cpu)
        hellos += HELLOS
    per_time = {part: max(ms, 0.0) / len(walls) for part, ms in used.items()}
    return Measured(per_time, hello_ms / hellos, walls, sizes, number)


def _hello_ms(client: Client, cpu: Cpu) -> float:
    before, started_at = cpu.read(), time.perf_counter()
    for number in range(HELLOS):
        client.perform(HELLO.requests(number))
    return cpu.used(before, time.perf_counter() - started_at)["web"]


def _row(operation: Operation, client: Client, cpu: Cpu, app: Any, options: argparse.Namespace) -> Row:
    measured = _measure(operation, client, cpu, options)
    parts = measured.cpu_ms
    total = sum(parts.values())
    return Row(
        operation=operation.name,
        size=options.size,
        cpu_ms=round(total, 2),
        ratio=round(total / measured.hello_cpu_ms, 1),
        p50_ms=round(statistics.median(measured.walls_ms), 2),
        p95_ms=round(statistics.quantiles(measured.walls_ms, n=20)[18], 2),
        queries=_count_queries(app, operation.requests(measured.following)),
        bytes=measured.sizes[0],
        ceiling_ms=operation.ceiling_ms,
        requests=len(measured.walls_ms),
        hello_cpu_ms=round(measured.hello_cpu_ms, 3),
        web_ms=round(parts["web"], 2),
        worker_ms=round(parts["worker"], 2),
        redis_ms=round(parts["redis"], 2),
        db_ms=round(parts.get("db", 0.0), 2),
        bytes_raw=measured.sizes[1],
    )


def _count_queries(app: Any, requests: list[Request]) -> int:
    """Statements of one time, without BEGIN and COMMIT."""
    from sqlalchemy import event

    from app.kernel.db import db

    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        client = app.test_client(use_cookies=False)
        for request in requests:
            client.open(request.path, method=request.method, headers=request.headers, data=request.body)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return sum(not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "PRAGMA")) for statement in seen)


COLUMNS = ("cpu ms", "web", "worker", "redis", "db", "hello", "ratio", "p50", "p95", "queries", "bytes", "raw", "n")
HEAD = f"{'operation':18}" + "".join(f"{name:>9}" for name in COLUMNS)


def _line(row: Row) -> str:
    parts = (row.cpu_ms, row.web_ms, row.worker_ms, row.redis_ms, row.db_ms, row.hello_cpu_ms)
    times = "".join(f"{value:9.2f}" for value in (*parts, row.ratio, row.p50_ms, row.p95_ms))
    over = "" if row.ceiling_ms is None or row.cpu_ms <= row.ceiling_ms else f"  over {row.ceiling_ms:g} ms"
    return f"{row.operation:18}{times}{row.queries:9d}{row.bytes:9d}{row.bytes_raw:9d}{row.requests:9d}{over}"


def _write(rows: list[Row], options: argparse.Namespace) -> None:
    hello_ms = round(statistics.median(row.hello_cpu_ms for row in rows), 3)
    result = {"hello_cpu_ms": hello_ms, "database": options.database, "rows": [vars(row) for row in rows]}
    if not options.only:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
