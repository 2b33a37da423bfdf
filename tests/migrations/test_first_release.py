"""A database of the first release with a full demo comes to the newest schema without losing a cent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, select, text

from app import create_app
from app.billing import checks
from app.billing.rules import tills as till_rules
from app.kernel import integrity, task_runner, tasks
from app.kernel.db import db, unit_of_work
from app.kernel.tasks import Task
from tests.conftest import settings_for

DATA = Path(__file__).parents[1] / "data"
# what depends on the hour of the run, and on files that no dump holds
OF_THE_MOMENT = {
    "events are published",
    "tasks are done in time",
    "files and their rows agree",
}
UNCHANGED = {
    "sealed": "SELECT id, status, opening_float_cents, difference_cents, snapshot, snapshot_sha256 FROM till_session",
    "counts": "SELECT session_id, method_id, expected_cents, counted_cents FROM till_count",
    "papers": "SELECT id, clinic_id, number, appointment_id, patient_id, concept, status, void_reason FROM ticket",
    "events": "SELECT count(*), max(id) FROM event_log",
    "files": "SELECT id, file_key, file_sha256 FROM report_run",
}
PAYMENTS = """SELECT id, kind, session_id, method_id, ticket_id, tendered_cents, change_cents, reference, {}
    FROM movement WHERE kind NOT IN ('charge', 'reversal')"""
SETTINGS = """legal_name, tax_id, address, ubigeo, phone, email, tax_rate_bp, opens_minute, closes_minute,
    CAST(closed_weekdays AS TEXT), slot_minutes, notice_minutes, change_notice_hours, horizon_days, auto_confirm,
    noshow_grace_minutes, blind_close, difference_limit_cents"""
BEFORE = {
    "payments": PAYMENTS.format("reverses_id"),
    "balances": """SELECT t.id, t.amount_cents, coalesce(sum(m.amount_cents), 0),
        coalesce(sum(CASE WHEN m.kind = 'refund' THEN -m.amount_cents ELSE 0 END), 0),
        CASE t.status WHEN 'open' THEN t.amount_cents - coalesce(sum(m.amount_cents), 0) ELSE 0 END
        FROM ticket t LEFT JOIN movement m ON m.ticket_id = t.id GROUP BY t.id, t.amount_cents, t.status""",
    "totals": """SELECT session_id, method_id, kind, count(*), sum(amount_cents), sum(change_cents) FROM movement
        GROUP BY session_id, method_id, kind""",
    "tax": "SELECT id, tax_rate_bp FROM ticket",
    "roles": "SELECT user_id, clinic_id, role FROM membership",
    "accounts": "SELECT id, patient_id, therapist_id FROM user_account",
    "clinics": f"SELECT name, timezone, currency, is_active, {SETTINGS} FROM clinic",
}
AFTER = {
    "payments": PAYMENTS.format("refunds_id"),
    "balances": "SELECT ticket_id, amount_cents, paid_cents, refunded_cents, owed_cents FROM ticket_balance",
    "totals": "SELECT session_id, method_id, kind, movement_count, cents, change_cents FROM till_session_totals",
    "tax": "SELECT ticket_id, tax_bp FROM ticket_line",
    "roles": "SELECT user_id, clinic_id, code FROM membership JOIN role ON role.id = role_id",
    "accounts": """SELECT u.id, p.id, t.id FROM user_account u LEFT JOIN patient p ON p.user_id = u.id
        LEFT JOIN therapist t ON t.user_id = u.id""",
    "clinics": f"""SELECT name, timezone, currency, is_active, {SETTINGS}
        FROM clinic JOIN clinic_settings ON clinic_id = clinic.id""",
}


def read(url: str, statements: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.execute(text(sql))), key=repr)
            for name, sql in statements.items()
        }
    engine.dispose()
    return found


@pytest.fixture
def migrated(first_release: str, tmp_path: Path, redis_url: str) -> Iterator[tuple[Flask, dict[str, Any]]]:
    before = read(first_release, UNCHANGED | BEFORE)
    app = create_app(settings_for(tmp_path, first_release, redis_url))
    with app.app_context():
        upgrade(directory=app.extensions["migrate"].directory)
        db.session.remove()
    yield app, before
    with app.app_context():
        db.engine.dispose()


def test_no_cent_event_or_file_is_lost(migrated: tuple[Flask, dict[str, Any]], first_release: str) -> None:
    _app, before = migrated
    assert len(before["balances"]) > 1000
    assert len(before["sealed"]) > 50

    after = read(first_release, UNCHANGED | AFTER)

    for name in before:
        assert after[name] == before[name], name
    for *_, snapshot, sha256 in after["sealed"]:
        assert snapshot is None or till_rules.seal(snapshot) == sha256


def test_verify_finds_nothing(migrated: tuple[Flask, dict[str, Any]], tmp_path: Path) -> None:
    app, _before = migrated
    with app.app_context(), unit_of_work(write=False):
        findings = integrity.run(integrity.CheckContext(datetime.now(UTC), tmp_path / "files"))
    breaches = {f.name: f.breaches for f in findings if f.name not in OF_THE_MOMENT}

    assert set(breaches) >= {check.name for check in checks.CHECKS}
    assert not any(breaches.values()), breaches


UNFINISHED = (
    """INSERT INTO event_task (event_id, subscriber, due_at, attempts)
        SELECT min(id), 'app.scheduling.subscribers.on_booked', min(at), 9 FROM event_log""",
    "UPDATE delivery SET status = 'pending', attempts = 2 WHERE id = (SELECT min(id) FROM delivery)",
    "UPDATE delivery SET status = 'sending', claimed_at = due_at WHERE id = (SELECT min(id) + 1 FROM delivery)",
    "UPDATE delivery SET status = 'failed', attempts = 6 WHERE id = (SELECT min(id) + 2 FROM delivery)",
    """INSERT INTO report_run
        (id, clinic_id, user_id, report, format, params, status, progress, step, attempts, created_at)
        SELECT 7777, min(clinic.id), min(user_account.id), 'daily', 'pdf', '{}', 'running', 5, '', 1, min(created_at)
        FROM clinic, user_account""",
)


def test_unfinished_work_becomes_tasks(first_release: str, tmp_path: Path, redis_url: str) -> None:
    engine = create_engine(first_release)
    with engine.begin() as connection:
        for statement in ("UPDATE event_task SET done_at = due_at", "UPDATE delivery SET status = 'sent'", *UNFINISHED):
            connection.execute(text(statement))
    engine.dispose()
    app = create_app(settings_for(tmp_path, first_release, redis_url))
    with app.app_context():
        upgrade(directory=app.extensions["migrate"].directory)
        found = db.session.scalars(select(Task).order_by(Task.kind, Task.id)).all()
        for task in found:
            assert tasks.job_of(task.kind)
            assert task.key == str(next(iter(task.payload.values())))
        assert [(task.kind, task.failed_at is not None) for task in found] == [
            ("notifications.send_delivery", False),
            ("notifications.send_delivery", False),
            ("notifications.send_delivery", True),
            ("reports.build", False),
            ("scheduling.notify_booked", False),
        ]
        assert {(task.attempts, task.organization_id) for task in found} == {(0, 1)}
        db.session.remove()
        with unit_of_work(write=True):
            assert task_runner.claim(found[0].id, now=datetime.now(UTC))
        db.engine.dispose()


def test_the_clinic_goes_on(migrated: tuple[Flask, dict[str, Any]]) -> None:
    """New rows find free ids: the sequences of PostgreSQL stand behind the copied rows."""
    app, _before = migrated
    with app.app_context(), unit_of_work(write=True):
        ids = db.session.scalars(
            text(
                "INSERT INTO movement (clinic_id, kind, ticket_id, change_cents, reference, concept, beneficiary,"
                " voucher_number, received_at, note, sealed) SELECT clinic_id, 'charge', id, 0, '', '', '', '',"
                " issued_at, '', false FROM ticket WHERE id = 1 RETURNING id"
            )
        ).all()
        highest = db.session.scalar(text("SELECT max(id) FROM movement"))
        db.session.rollback()
    assert ids == [highest]
