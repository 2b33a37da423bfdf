"""A run from its request to its file, and what happens when its worker is killed."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.kernel import clock, queue
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.reports import actions, jobs, rules
from app.reports.models import ReportRun
from tests.client import Client
from tests.reports import ledger

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


def _set(run_id: int, **values: Any) -> None:
    db.session.execute(update(ReportRun).where(ReportRun.id == run_id).values(**values))
    db.session.commit()


def _events(type_: str) -> list[dict[str, Any]]:
    return list(db.session.scalars(select(EventRow.data).where(EventRow.type == type_)))


def test_a_request_is_handed_to_a_worker(app: Flask, run_id: int) -> None:
    waiting = app.extensions["broker"].redis.lrange("rq:queue:slow", 0, -1)
    assert len(waiting) == 1
    with app.app_context():
        assert _events("reports.run.requested.v1")[0]["run_id"] == run_id


def test_it_is_built_and_downloaded(app: Flask, diego: Client, run_id: int) -> None:
    assert diego.api("GET", f"/api/reports/{run_id}/file/").status_code == 409
    with app.app_context():
        jobs.build_report(run_id=run_id, now=clock.now())
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
        jobs.build_report(run_id=run_id, now=clock.now())
        made = _row(run_id).file_key
        jobs.build_report(run_id=run_id, now=clock.now())
        assert (_row(run_id).file_key, _row(run_id).attempts) == (made, 1)


def test_progress_is_told_in_words(app: Flask, diego: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        ledger.many_payments(80)
    run_id = diego.api("POST", "/api/reports/generate/", {**REQUEST, "format": "pdf"}).get_json()["id"]
    told: list[tuple[int, str]] = []
    keep = actions.progress

    def progress(run: int, attempt: int, percent: int, step: str, **more: Any) -> None:
        keep(run, attempt, percent, step, **more)
        told.append((percent, step))

    monkeypatch.setattr(actions, "progress", progress)
    pubsub = app.extensions["broker"].redis.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("mediconnect:live")
    pubsub.get_message(timeout=1)
    with app.app_context():
        jobs.build_report(run_id=run_id, now=clock.now())
        assert _row(run_id).status == "done"
    heard = [m for m in iter(lambda: pubsub.get_message(timeout=0.2), None) if f"report:{run_id}".encode() in m["data"]]
    pubsub.close()
    assert told == sorted(told)
    assert any(step.startswith("Generando PDF: ") and step.endswith("de 80 filas") for _, step in told)
    assert len(heard) >= len(told)


def test_a_killed_workers_run_is_taken_over(app: Flask, run_id: int) -> None:
    with app.app_context():
        now = clock.now()
        _set(run_id, status="running", attempts=1, heartbeat_at=now - timedelta(seconds=50))
        app.extensions["broker"].redis.flushdb()
        jobs.sweep_runs(now=now)
        assert app.extensions["broker"].redis.llen("rq:queue:slow") == 1
        jobs.build_report(run_id=run_id, now=now)
        assert (_row(run_id).status, _row(run_id).attempts) == ("done", 2)


def test_a_living_workers_run_is_left_alone(app: Flask, run_id: int) -> None:
    with app.app_context():
        now = clock.now()
        _set(run_id, status="running", attempts=1, heartbeat_at=now - timedelta(seconds=30))
        app.extensions["broker"].redis.flushdb()
        jobs.sweep_runs(now=now)
        assert app.extensions["broker"].redis.llen("rq:queue:slow") == 0
        jobs.build_report(run_id=run_id, now=now)
        assert _row(run_id).attempts == 1


def test_who_was_taken_over_changes_nothing_any_more(app: Flask, run_id: int) -> None:
    with app.app_context():
        _set(run_id, status="running", attempts=2, heartbeat_at=clock.now())
        with pytest.raises(rules.TakenOver):
            actions.progress(run_id, 1, 50, "x", now=clock.now())
        db.session.rollback()
        assert _row(run_id).progress == 0


def test_a_lost_message_is_found_again_once(app: Flask, run_id: int) -> None:
    redis = app.extensions["broker"].redis
    redis.flushdb()
    with app.app_context():
        now = clock.now()
        jobs.sweep_runs(now=now + timedelta(seconds=5))
        assert redis.llen("rq:queue:slow") == 0
        jobs.sweep_runs(now=now + timedelta(seconds=20))
        jobs.sweep_runs(now=now + timedelta(seconds=35))  # the queue is long: not offered twice
        assert redis.llen("rq:queue:slow") == 1


def test_after_three_attempts_it_fails_with_a_sentence(app: Flask, diego: Client, run_id: int) -> None:
    with app.app_context():
        now = clock.now()
        _set(run_id, status="running", attempts=3, heartbeat_at=now - timedelta(minutes=2))
        jobs.sweep_runs(now=now)
        assert [e["ok"] for e in _events("reports.run.finished.v1")] == [False]
    body = diego.api("GET", f"/api/reports/{run_id}/").get_json()
    assert body["status"] == "failed"
    assert "tres intentos" in body["step"]


def test_an_accident_goes_back_into_the_queue(app: Flask, run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_more: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("app.kernel.storage.save", broken)
    with app.app_context():
        for attempt in (1, 2):
            jobs.build_report(run_id=run_id, now=clock.now())
            assert (_row(run_id).status, _row(run_id).attempts) == ("queued", attempt)
        jobs.build_report(run_id=run_id, now=clock.now())
        assert _row(run_id).status == "failed"


def test_rights_lost_meanwhile_are_lost(app: Flask, diego: Client, run_id: int) -> None:
    from app.identity.models import Membership

    with app.app_context():
        db.session.execute(update(Membership).where(Membership.user_id == 6).values(role="receptionist"))
        db.session.commit()
        jobs.build_report(run_id=run_id, now=clock.now())
        assert (_row(run_id).status, _row(run_id).step) == ("failed", "Permisos insuficientes")


def test_the_heart_beats_inside_a_long_step(app: Flask, run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    beaten, beats = threading.Event(), []
    keep = actions.beat

    def beat(*args: Any, **more: Any) -> None:
        if beats:
            beaten.set()  # the first one is committed by now
        keep(*args, **more)
        beats.append(args)

    monkeypatch.setattr(actions, "beat", beat)
    monkeypatch.setattr(rules, "BEAT_EVERY", timedelta(milliseconds=20))
    with app.app_context():
        _set(run_id, status="running", attempts=1, heartbeat_at=clock.now() - timedelta(minutes=1))
        with jobs._heartbeat(run_id, 1):
            assert beaten.wait(5)
        assert not rules.is_abandoned(_row(run_id).heartbeat_at, clock.now())


def test_old_files_are_forgotten(app: Flask, tmp_path: Any, run_id: int) -> None:
    with app.app_context():
        jobs.build_report(run_id=run_id, now=clock.now())
        assert len(list((tmp_path / "files").rglob("*.csv"))) == 1
        jobs.forget_old_runs(now=clock.now() + timedelta(days=31))
        assert _row(run_id) is None
    assert not list((tmp_path / "files").rglob("*.csv"))


def test_jobs_are_registered(app: Flask) -> None:
    with app.app_context():
        assert queue._jobs()[actions.BUILD].queue == queue.SLOW
        assert "app.reports.jobs.sweep_runs" in queue.periodic_jobs()
