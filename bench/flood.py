"""How long ``GET /healthz`` takes while somebody floods the server: idle, and under each of five inputs.

    .venv/bin/python bench/flood.py [--seconds 8]

The product's own server on the demo clinic with its default limits, one web process. The flood runs in a process of
its own, from the same address as the probe. ``tests/journeys/test_flood.py`` plays the same inputs for a moment.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty
from typing import Any

from websocket import WebSocketException, create_connection

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PROBE_PAUSE = 0.02
FIELDS = b"&".join(b"f%d=1" % number for number in range(100_000))
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True)
class Times:
    """Milliseconds of the probe, and the statuses that the flood was answered with."""

    p50: float
    p95: float
    worst: float
    count: int
    answers: dict[str, int]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes | None = None
    content_type: str = JSON
    token: str = ""


def wrong_passwords(_token: str, number: int) -> Request:
    body = json.dumps({"email": f"name{number}@example.com", "password": "no es"}).encode()
    return Request("POST", "/api/auth/login/", body)


def long_passwords(_token: str, number: int) -> Request:
    body = json.dumps({"email": f"name{number}@example.com", "password": "x" * 900}).encode()
    return Request("POST", "/api/auth/login/", body)


def many_fields(_token: str, _number: int) -> Request:
    return Request("POST", "/login", FIELDS, FORM)


def free_times(token: str, _number: int) -> Request:
    today = datetime.now(UTC).date()
    days = f"clinic_id=1&date_from={today}&date_to={today + timedelta(days=13)}"
    return Request("GET", f"/api/appointments/available/?{days}", token=token)


FLOODS: dict[str, tuple[Callable[[str, int], Request], int]] = {  # what is sent, by how many at once
    "wrong passwords": (wrong_passwords, 10),
    "long passwords": (long_passwords, 30),
    "a form of 100,000 fields": (many_fields, 5),
    "free times of two weeks": (free_times, 5),
}
SOCKET = "a socket's subscriptions"


def measure(port: int, name: str, token: str, seconds: float) -> Times:
    """The probe's times under one input; ``""`` is idle."""
    context = multiprocessing.get_context("spawn")
    answers: Any = context.Queue()
    process = None
    if name:
        target = _flood_socket if name == SOCKET else _flood
        process = context.Process(target=target, args=(port, name, token, seconds + 0.5, answers), daemon=True)
        process.start()
        answers.get(timeout=30)  # it has begun
    times = _probe(port, seconds)
    counts: Counter[str] = Counter()
    if process is not None:
        try:
            counts.update(answers.get(timeout=30))
        except Empty:
            counts["no answer"] += 1
        process.join(10)
    times.sort()
    return Times(
        statistics.median(times), times[int(len(times) * 0.95)], times[-1], len(times), dict(sorted(counts.items()))
    )


def _probe(port: int, seconds: float) -> list[float]:
    connection, times, until = http.client.HTTPConnection("127.0.0.1", port, timeout=60), [], time.monotonic() + seconds
    while time.monotonic() < until:
        started_at = time.perf_counter()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        times.append((time.perf_counter() - started_at) * 1000)
        time.sleep(PROBE_PAUSE)
    connection.close()
    return times


def _flood(port: int, name: str, token: str, seconds: float, answers: Any) -> None:
    make, at_once = FLOODS[name]
    counts: Counter[str] = Counter()
    until = time.monotonic() + seconds

    def send_until_the_end(first: int) -> None:
        number = first
        while time.monotonic() < until:
            number += at_once
            counts[_send(port, make(token, number))] += 1

    threads = [threading.Thread(target=send_until_the_end, args=(first,)) for first in range(at_once)]
    for thread in threads:
        thread.start()
    answers.put("begun")
    for thread in threads:
        thread.join()
    answers.put(dict(counts))


def _send(port: int, request: Request) -> str:
    headers = {"Content-Type": request.content_type, "Accept-Encoding": "gzip"}
    if request.token:
        headers["Authorization"] = f"Bearer {request.token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(request.method, request.path, request.body, headers)
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except OSError as error:  # the server closes on a body that it does not want
        return type(error).__name__
    finally:
        connection.close()


def _flood_socket(port: int, _name: str, token: str, seconds: float, answers: Any) -> None:
    """Subscriptions to forty topics each, as fast as they can be sent; again after each time it is closed."""
    counts: Counter[str] = Counter()
    until = time.monotonic() + seconds
    answers.put("begun")
    while time.monotonic() < until:
        try:
            socket = create_connection(f"ws://127.0.0.1:{port}/ws/live?token={token}", timeout=5, suppress_origin=True)
        except (WebSocketException, OSError):
            counts["refused"] += 1
            continue
        counts["sockets"] += 1
        try:
            for number in range(10_000):
                topics = [f"report:{number * 40 + offset}" for offset in range(40)]
                socket.send(json.dumps({"type": "subscribe", "topics": topics}))
                counts["frames"] += 1
                if time.monotonic() > until:
                    break
        except (WebSocketException, OSError):
            counts["closed"] += 1
        finally:
            socket.shutdown()
    answers.put(dict(counts))


def main() -> None:
    from tests import live_server

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    limits = {"RATE_PER_SESSION": "20", "RATE_PER_ADDRESS": "10"}
    with (
        tempfile.TemporaryDirectory(prefix="mc-flood-") as folder,
        live_server.serve(Path(folder), env="demo", **limits) as server,
    ):
        token = server.api_client("clara@example.com").token
        print(f"{'input':28}{'p50':>8}{'p95':>8}{'max':>8}{'n':>6}  ms of GET /healthz; answers to the flood")
        for name in ("", *FLOODS, SOCKET):
            times = measure(server.port, name, token, options.seconds)
            row = f"{name or 'idle':28}{times.p50:8.1f}{times.p95:8.1f}{times.worst:8.1f}{times.count:6}"
            print(f"{row}  {times.answers or ''}", flush=True)


if __name__ == "__main__":
    main()
