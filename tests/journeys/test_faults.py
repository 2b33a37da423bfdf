"""What breaks costs time and nothing else: Redis, the workers in mid-work, the database."""

import asyncio
import os
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from psycopg import sql
from sqlalchemy import make_url

from tests.cast import Cast
from tests.conftest import SERVER
from tests.journeys.test_notices import next_wednesday
from tests.live_server import ApiClient, ApiResponse, LiveServer, free_port, serve

TAKEN_UP_WITHIN = 120.0
GOES_ON_WITHIN = 3.0  # seconds for an answer while Redis is away
ANSWERED_WITHIN = 20.0  # seconds for an answer while the database is away; SQLite waits five before it fails


def on_this_machine(program: ApiClient) -> float:
    """Extra seconds for a limit on a busy machine: what fifty short requests take when nothing is broken."""
    started_at = time.monotonic()
    for _ in range(5):
        program.call("GET", "/api/auth/user/")
    return 10 * (time.monotonic() - started_at)


def wait_until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What ``look`` finds, as soon as it finds anything."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.02)
    return found


class SlowMail:
    """A mail server that accepts nothing before ``gate`` opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.offered: list[str] = []
        self.accepted: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        key = str(message_from_bytes(envelope.content)["Message-ID"])
        self.offered.append(key)
        while not self.gate.is_set():
            await asyncio.sleep(0.05)
        self.accepted.append(key)
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[tuple[SlowMail, str]]:
    handler = SlowMail()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield handler, f"smtp://127.0.0.1:{controller.port}"
    handler.gate.set()
    controller.stop()


def test_killed_processes_lose_no_work(database_url: str, mail: tuple[SlowMail, str]) -> None:
    """Redis away, a report and a mail killed half-way: all of it is done within two minutes, no report twice."""
    slow_mail, smtp_url = mail
    with (
        tempfile.TemporaryDirectory(prefix="mc-live-", ignore_cleanup_errors=True) as folder,
        serve(Path(folder), database_url, SMTP_URL=smtp_url) as live_server,
    ):
        ana, diego = live_server.api_client("ana@example.com"), live_server.api_client("diego@example.com")
        told_late = book_and_charge_without_redis(live_server, ana)
        run = kill_in_mid_report(live_server, diego)
        visit = kill_in_mid_sending(live_server, ana, slow_mail)
        slow_mail.gate.set()
        report = wait_until(lambda: finished(diego, run), TAKEN_UP_WITHIN)
        assert report["status"] == "done", report
        assert diego.call("GET", report["download_url"]).body.startswith(b"%PDF")
        assert len(announcements(diego, run)) == 1
        wait_until(lambda: len(slow_mail.accepted) >= 2, TAKEN_UP_WITHIN)
        checked = live_server.flask("verify")
        assert checked.returncode == 0, checked.stdout
        # once, or twice under one Message-ID: the server may have taken one whose worker was killed before it heard so
        assert max(Counter(slow_mail.accepted).values()) <= 2, slow_mail.accepted
        assert all(any(f"-{v}-" in key for key in slow_mail.accepted) for v in (told_late, visit)), slow_mail.accepted


def book(program: ApiClient, *, hours: int) -> ApiResponse:
    wanted = {
        "clinic_id": Cast.miraflores,
        "therapist_id": Cast.bruno,
        "patient_id": Cast.clara,
        "service_id": Cast.reflexology,
        "starts_at": (next_wednesday() + timedelta(hours=hours)).isoformat(),
    }
    return program.call("POST", "/api/appointments/", wanted)


def book_and_charge_without_redis(live_server: LiveServer, ana: ApiClient) -> int:
    """What the desk does needs no Redis, and takes no longer without it."""
    extra = on_this_machine(ana)
    with redis_away(live_server):
        started_at = time.monotonic()
        booked = book(ana, hours=0)
        opened = ana.call("POST", "/api/till-sessions/", {"till_id": Cast.till, "opening_float": "0.00"})
        path = f"/api/tickets/{booked.json['ticket']['id']}/payments/"
        paid = ana.call("POST", path, {"method": "efectivo", "amount": "80.00", "tendered": "100.00"})
        assert [booked.status, opened.status, paid.status] == [201, 201, 201], (booked.body, opened.body, paid.body)
        assert time.monotonic() - started_at < 3 * GOES_ON_WITHIN + extra
    wait_until(lambda: live_server.pids("valkey"))
    return int(booked.json["id"])


@contextmanager
def redis_away(live_server: LiveServer) -> Iterator[None]:
    """Redis is killed, and who would start it again is held back meanwhile."""
    live_server.process.send_signal(signal.SIGSTOP)
    os.kill(live_server.pids("valkey")[0], signal.SIGKILL)
    try:
        yield
    finally:
        live_server.process.send_signal(signal.SIGCONT)


def kill_in_mid_report(live_server: LiveServer, diego: ApiClient) -> int:
    wanted = {"report": "improved-daily-cash", "format": "pdf"}
    run = diego.call("POST", "/api/reports/generate/", wanted).json
    wait_until(lambda: status_of(diego, run["id"])["status"] == "running", TAKEN_UP_WITHIN)
    kill_workers(live_server)
    assert status_of(diego, run["id"])["status"] == "running", "it was half-way"
    return int(run["id"])


def kill_workers(live_server: LiveServer) -> None:
    """All of them at once, without a word; the supervisor starts them again."""
    for pid in live_server.pids("worker.py"):
        with suppress(ProcessLookupError):  # a part dies with its parent
            os.kill(pid, signal.SIGKILL)


def status_of(program: ApiClient, run: int) -> dict[str, Any]:
    state: dict[str, Any] = program.call("GET", f"/api/reports/{run}/").json
    return state


def finished(program: ApiClient, run: int) -> dict[str, Any] | None:
    state = status_of(program, run)
    return state if state["status"] in {"done", "failed"} else None


def announcements(diego: ApiClient, run: int) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]]:
        lines = diego.call("GET", "/api/notifications/").json["results"]
        return [line for line in lines if line["data"].get("report_id") == run]

    found: list[dict[str, Any]] = wait_until(look)
    return found


def kill_in_mid_sending(live_server: LiveServer, ana: ApiClient, slow_mail: SlowMail) -> int:
    booked = book(ana, hours=1)
    assert booked.status == 201, booked.body
    wait_until(lambda: any(f"-{booked.json['id']}-" in key for key in slow_mail.offered), TAKEN_UP_WITHIN)
    kill_workers(live_server)
    mine = f"-{booked.json['id']}-"
    wait_until(lambda: sum(mine in key for key in slow_mail.offered) >= 2, TAKEN_UP_WITHIN)  # by the next worker
    return int(booked.json["id"])


def test_an_unavailable_database_is_reported_in_a_sentence(live_server: LiveServer, database_url: str) -> None:
    """Nothing is half written, and when it is back the work goes on."""
    ana = live_server.api_client("ana@example.com")
    extra = on_this_machine(ana)
    with database_away(database_url):
        started_at = time.monotonic()
        refused = book(ana, hours=0)
        assert time.monotonic() - started_at < ANSWERED_WITHIN + extra
        assert refused.status == 503, refused.body
        assert refused.json["message"].endswith(".")
        assert refused.headers["Retry-After"]
    visits = "/api/appointments/?page_size=1"
    assert wait_until(lambda: ana.call("GET", visits)).json["count"] == 0
    assert book(ana, hours=0).status == 201
    assert live_server.flask("verify").returncode == 0


@contextmanager
def database_away(url: str) -> Iterator[None]:
    """On SQLite another writer holds the lock; on PostgreSQL connections are refused."""
    if not SERVER:
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    name = make_url(url).database
    with psycopg.connect(SERVER.replace("+psycopg", ""), autocommit=True) as admin:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
