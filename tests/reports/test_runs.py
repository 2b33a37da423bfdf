"""A run from its request to its file, and what happens when its worker is killed."""

import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, select

from app.identity.models import Membership
from app.kernel import clock, task_runner, tasks
from app.kernel.db import db, unit_of_work
from app.kernel.outbox import EventRow
from app.kernel.tasks import Task
from app.reports import actions, jobs
from app.reports.models import ReportRun
from app.reports.task_kinds import BUILD_REPORT
from tests import build
from tests.client import Client
from tests.reports import ledger

ROOT = Path(__file__).resolve().parents[2]
START = "from app import create_app; create_app(commands=False)"  # as the worker does for each report
PDF_CPU_SECONDS = 3.0  # of an ordinary day

REQUEST = {"report_type": "improved-daily-cash", "format": "csv", "parameters": {"date": "2026-11-20"}}


@pytest.fixture
def run_id(app: Flask, diego: Client, full_day: int) -> int:
    answer = diego.api("POST", "/api/reports/generate/", REQUEST)
    assert answer.status_code == 202
    body = answer.get_json()
    assert (body["status"], body["progress_url"]) == ("queued", f"/api/reports/{body['id']}/")
    return int(body["id"])


def _row(run_id: int) -> ReportRun:
    row = db.session.get(ReportRun, run_id)
    db.session.remove()  # the jobs begin their own transactions
    return row


def _task(run_id: int) -> Task:
    task = db.session.scalars(select(Task).where(Task.kind == BUILD_REPORT.id, Task.key == str(run_id))).one()
    db.session.remove()
    return task


def _run_task(run_id: int) -> None:
    task_runner.run(_task(run_id).id)


def _events(type_: str) -> list[dict[str, Any]]:
    return list(db.session.scalars(select(EventRow.data).where(EventRow.type == type_)))


def test_a_request_is_enqueued(app: Flask, run_id: int) -> None:
    waiting = app.extensions["broker"].redis.lrange("rq:queue:slow", 0, -1)
    assert len(waiting) == 1
    with app.app_context():
        assert _events("reports.run.requested.v1")[0]["run_id"] == run_id


def test_it_is_built_and_downloaded(app: Flask, diego: Client, run_id: int) -> None:
    assert diego.api("GET", f"/api/reports/{run_id}/file/").status_code == 409
    with app.app_context():
        _run_task(run_id)
        assert _events("reports.run.finished.v1") == [
            {"run_id": run_id, "user_id": 6, "report": "improved-daily-cash", "format": "csv", "ok": True, "rows": 7}
        ]
    body = diego.api("GET", f"/api/reports/{run_id}/").get_json()
    assert (body["status"], body["progress"]) == ("done", 100)
    file = diego.api("GET", body["download_url"])
    assert file.data.count(b"\n") == 6
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_a_second_job_for_the_same_run_does_nothing(app: Flask, run_id: int) -> None:
    with app.app_context():
        _run_task(run_id)
        file_key = _row(run_id).file_key
        _run_task(run_id)
        assert (_row(run_id).file_key, _task(run_id).attempts) == (file_key, 1)


def test_progress_is_stored_and_pushed(app: Flask, diego: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        ledger.many_payments(80)
    run_id = diego.api("POST", "/api/reports/generate/", {**REQUEST, "format": "pdf"}).get_json()["id"]
    reported: list[tuple[int, str]] = []
    original = actions.progress

    def progress(run: int, percent: int, step: str) -> None:
        original(run, percent, step)
        reported.append((percent, step))

    monkeypatch.setattr(actions, "progress", progress)
    pubsub = app.extensions["broker"].redis.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("mediconnect:live")
    pubsub.get_message(timeout=1)
    with app.app_context():
        _run_task(run_id)
        assert _row(run_id).status == "done"
    received = [
        m for m in iter(lambda: pubsub.get_message(timeout=0.2), None) if f"report:{run_id}".encode() in m["data"]
    ]
    pubsub.close()
    assert reported == sorted(reported)
    assert any(step.startswith("Generando PDF: ") and step.endswith("de 80 filas") for _, step in reported)
    assert len(received) >= len(reported)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@pytest.mark.any_engine
def test_the_pdf_of_an_ordinary_day_has_a_ceiling(app: Flask, diego: Client, tmp_path: Path) -> None:
    """From the claim to the file, the start of the application and of the printing process included."""
    with app.app_context():
        ledger.many_payments(33)
    run_id = diego.api("POST", "/api/reports/generate/", {**REQUEST, "format": "pdf"}).get_json()["id"]
    before = _cpu_seconds()
    settings = {"PATH": "/usr/bin:/bin", "DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", START], cwd=ROOT, env=settings, check=True)
    with app.app_context():
        _run_task(run_id)
        assert _row(run_id).status == "done"
    assert _cpu_seconds() - before < PDF_CPU_SECONDS


def test_a_stalled_workers_run_is_taken_over(app: Flask, run_id: int) -> None:
    start = clock.now()
    with app.app_context():
        with unit_of_work(write=True):
            stalled = task_runner.claim(_task(run_id).id, now=start)
            assert actions.start(run_id, now=start)
        with time_machine.travel(start + task_runner.LEASE, tick=False):
            _run_task(run_id)
        assert (_row(run_id).status, _task(run_id).attempts) == ("done", 2)
        with pytest.raises(task_runner.LeaseLost), unit_of_work(write=True):
            task_runner.complete(stalled, now=clock.now())


def test_a_run_with_a_valid_lease_is_left_alone(app: Flask, run_id: int) -> None:
    with app.app_context():
        with unit_of_work(write=True):
            task_runner.claim(_task(run_id).id, now=clock.now())
        _run_task(run_id)
        assert (_row(run_id).status, _task(run_id).attempts) == ("queued", 1)


def test_a_worker_without_lease_stores_no_file(app: Flask, tmp_path: Any, run_id: int) -> None:
    start = clock.now()
    with app.app_context():
        with unit_of_work(write=True):
            stalled = task_runner.claim(_task(run_id).id, now=start)
        with unit_of_work(write=True):
            assert task_runner.claim(_task(run_id).id, now=start + task_runner.LEASE)
        with pytest.raises(task_runner.LeaseLost):
            jobs.build_report(run_id=run_id, now=start, claim=stalled)
        assert _row(run_id).file_key is None
    assert not list((tmp_path / "files").rglob("*.csv"))


def test_an_unexpected_error_is_retried_and_then_reported(
    app: Flask, diego: Client, run_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_more: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("app.kernel.storage.save", broken)
    with app.app_context():
        for attempt in (1, 2):
            with time_machine.travel(_task(run_id).due_at, tick=False):
                _run_task(run_id)
            assert (_row(run_id).status, _task(run_id).attempts) == ("queued", attempt)
        with time_machine.travel(_task(run_id).due_at, tick=False):
            _run_task(run_id)
        assert _task(run_id).failed_at is not None
        assert [e["ok"] for e in _events("reports.run.finished.v1")] == [False]
    body = diego.api("GET", f"/api/reports/{run_id}/").get_json()
    assert body["status"] == "failed"
    assert "tres intentos" in body["step"]


def test_permissions_are_checked_when_the_run_is_built(app: Flask, diego: Client, run_id: int) -> None:
    with app.app_context():
        db.session.execute(delete(Membership).where(Membership.user_id == 6))
        build.membership(6, 1, "receptionist")
        _run_task(run_id)
        assert (_row(run_id).status, _row(run_id).step) == ("failed", "Permisos insuficientes")


def test_old_runs_and_files_are_deleted(app: Flask, tmp_path: Any, run_id: int) -> None:
    with app.app_context():
        _run_task(run_id)
        assert len(list((tmp_path / "files").rglob("*.csv"))) == 1
        jobs.delete_old_runs(now=clock.now() + timedelta(days=31))
        assert _row(run_id) is None
    assert not list((tmp_path / "files").rglob("*.csv"))


def test_the_kind_is_bound_to_the_slow_queue(app: Flask) -> None:
    with app.app_context():
        assert tasks.job_of(BUILD_REPORT.id).kind.queue == tasks.SLOW
