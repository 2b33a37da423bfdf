"""CPU per request of the product's own server, beside a do-nothing route of the same server.

A generated clinic in a throw-away folder, the embedded Redis, gunicorn with gunicorn.conf.py and an idle
worker; one client on one kept connection. CPU is that of the web process (and of the database server, when
there is one) between the first and the last request of a row, divided by how many there were; time on the
wall is the client's. Queries are counted by playing one request inside this process.
"""

import argparse
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
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.operations import HELLO, Operation, People, Request, operations  # noqa: E402 - after the path
from script import supervisor  # noqa: E402
from tests import served, services  # noqa: E402

SECONDS = 3.0  # of measuring for a row
FEWEST, WARM_UP = 30, 10
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


class Client:
    """One kept connection to the server."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, request: Request) -> tuple[int, Any, bytes]:
        self.connection.request(request.method, request.path, request.body, request.headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def expect(self, request: Request) -> bytes:
        status, _, body = self.send(request)
        if status != request.expect:
            raise SystemExit(f"{request.method} {request.path} gave {status}: {body[:400].decode(errors='replace')}")
        return body


class Cpu:
    """The CPU seconds of some process trees, those that have ended included."""

    def __init__(self, *pids: int) -> None:
        self.roots = [psutil.Process(pid) for pid in pids]

    def seconds(self) -> float:
        total = 0.0
        for root in self.roots:
            for process in (root, *root.children(recursive=True)):
                try:
                    times = process.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                total += times.user + times.system
            ended = root.cpu_times()
            total += ended.children_user + ended.children_system
        return total


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
            pids = (*pids, _postmaster())
        client, cpu = Client(int(environment["PORT"])), Cpu(*pids)
        stack.callback(client.connection.close)
        who = _sign_in(client)
        hello = _measure(HELLO, client, cpu, options)
        rows = []
        print(HEAD)
        for operation in operations(clinic, who):
            if options.only and operation.name not in options.only:
                continue
            rows.append(_row(operation, client, cpu, hello[0], app, options))
            print(_line(rows[-1]), flush=True)
        _write(hello[0], rows, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description="What the product costs, per operation.")
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", action="append", help="one operation; may be given again")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of measuring for each operation")
    return parser.parse_args()


# ------------------------------------------------------------------ the stand


def _database(kind: str, stack: ExitStack) -> str:
    if kind == "sqlite":
        return ""
    server = stack.enter_context(services.postgres_server())
    return services.new_database(server, "bench")


def _environment(folder: Path, url: str, size: str) -> dict[str, str]:
    environment = served.environment_for(folder, url, served.free_port(), "test")
    environment["PYTHONPATH"] = str(ROOT)
    return environment


def _generate(environment: dict[str, str], size: str) -> tuple[Any, Any]:
    """Migrate and fill; returns this process' application on the same data and what was generated."""
    for name in [name for name in os.environ if served.FOREIGN.fullmatch(name)]:
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


def _serve(environment: dict[str, str], folder: Path, stack: ExitStack) -> tuple[int, ...]:
    """Redis, gunicorn and worker as the supervisor starts them; returns the pids that are measured."""
    (folder / "redis").mkdir()
    socket_path = folder / "redis.sock"
    stack.enter_context(_running(supervisor.redis_command(socket_path, folder / "redis"), environment))
    _await(lambda: supervisor.redis_answers(socket_path), "Redis")
    web = stack.enter_context(_running([sys.executable, "-m", "gunicorn", "bench.wsgi:app"], environment))
    stack.enter_context(_running([sys.executable, "worker.py"], environment))
    port = int(environment["PORT"])
    _await(lambda: served.is_healthy(port), "The web server")
    return (web.pid,)


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
        answer = client.expect(Request("POST", "/api/auth/login/", {"Content-Type": "application/json"}, body))
        return str(json.loads(answer)["access"])

    _, headers, page = client.send(Request("GET", "/login", {}))
    cookie = headers["Set-Cookie"].partition(";")[0]
    form = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    token = TOKEN.search(page)
    assert token
    body = f"csrf_token={token[1].decode()}&email=ana%40example.com&password={PASSWORD.replace(' ', '+')}".encode()
    status, headers, answer = client.send(Request("POST", "/login", form, body))
    if status != 303:
        raise SystemExit(f"Signing in gave {status}: {answer[:300]!r}")
    cookie = headers["Set-Cookie"].partition(";")[0]
    _, headers, page = client.send(Request("GET", "/account", {"Cookie": cookie}))
    # the page's token went into the session, so the cookie is another one
    cookie = (headers["Set-Cookie"] or cookie).partition(";")[0]
    token = TOKEN.search(page)
    assert token
    return People(bearer("ana@example.com"), bearer("diego@example.com"), cookie, token[1].decode())


# ------------------------------------------------------------------ measuring


def _measure(
    operation: Operation, client: Client, cpu: Cpu, options: argparse.Namespace
) -> tuple[float, list[float], int, int]:
    """``(CPU ms, wall ms of each time, bytes, how often)``; as often as fits into the seconds."""
    turn = iter(range(operation.most))
    size = 0
    began = time.perf_counter()
    for _ in range(min(WARM_UP, operation.most // 4)):
        size = sum(len(client.expect(request)) for request in operation.requests(next(turn)))
    each = (time.perf_counter() - began) / WARM_UP
    how_often = max(FEWEST, int(options.seconds / max(each, 0.0002)))
    before, walls = cpu.seconds(), []
    for number, _ in zip(turn, range(how_often), strict=False):
        began = time.perf_counter()
        size = sum(len(client.expect(request)) for request in operation.requests(number))
        walls.append((time.perf_counter() - began) * 1000)
    return (cpu.seconds() - before) * 1000 / len(walls), walls, size, next(turn, operation.most - 1)


def _row(operation: Operation, client: Client, cpu: Cpu, hello_ms: float, app: Any, options: argparse.Namespace) -> Row:
    cpu_ms, walls, size, following = _measure(operation, client, cpu, options)
    queries = _count_queries(app, operation.requests(following))
    cuts = statistics.quantiles(walls, n=20)
    return Row(
        operation=operation.name,
        size=options.size,
        cpu_ms=round(cpu_ms, 2),
        ratio=round(cpu_ms / hello_ms, 1),
        p50_ms=round(statistics.median(walls), 2),
        p95_ms=round(cuts[18], 2),
        queries=queries,
        bytes=size,
        ceiling_ms=operation.ceiling_ms,
        requests=len(walls),
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


HEAD = f"{'operation':15}{'cpu ms':>8}{'ceiling':>9}{'ratio':>8}{'p50':>9}{'p95':>9}{'queries':>9}{'bytes':>10}{'n':>7}"


def _line(row: Row) -> str:
    over = "" if row.ceiling_ms is None or row.cpu_ms <= row.ceiling_ms else "  over"
    times = f"{row.cpu_ms:8.2f}{row.ceiling_ms or 0:9.1f}{row.ratio:8.1f}{row.p50_ms:9.2f}{row.p95_ms:9.2f}"
    return f"{row.operation:15}{times}{row.queries:9d}{row.bytes:10d}{row.requests:7d}{over}"


def _write(hello_ms: float, rows: list[Row], options: argparse.Namespace) -> None:
    print(f"hello {hello_ms:.3f} ms; {options.size}, {options.database}")
    kept = [{k: v for k, v in vars(row).items() if k != "requests"} for row in rows]
    result = {"hello_cpu_ms": round(hello_ms, 3), "database": options.database, "rows": kept}
    if not options.only:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
