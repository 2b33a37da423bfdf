"""Retention: expired rows are deleted, records are kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import func, insert, select

from app.identity.models import LoginAttempt, UserSession
from app.kernel import expiry
from app.kernel.db import db, unit_of_work
from app.kernel.idempotency import Submission
from app.notifications.models import Delivery, Notification
from app.reports import retention

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def test_the_periodic_deletion_is_committed(app: Flask) -> None:
    with app.app_context(), unit_of_work(write=True):
        old, young = NOW - timedelta(days=100), NOW - timedelta(hours=1)
        session = {"user_id": 1, "kind": "browser", "created_at": old, "last_seen_at": old}
        for name, at in (("old", old), ("young", young)):
            db.session.execute(insert(UserSession), {**session, "token_hash": name, "expires_at": at})
            attempt = {"account_hash": name, "address_hash": "x", "at": at, "succeeded": True}
            db.session.execute(insert(LoginAttempt), attempt)
            submission = {"owner": "1", "token": name, "fingerprint": "x", "created_at": at}
            db.session.execute(insert(Submission), submission)

    with app.app_context():
        expiry.run(now=NOW)

    with app.app_context(), unit_of_work(write=False):
        left = [db.session.scalar(select(func.count()).select_from(t)) for t in (UserSession, LoginAttempt, Submission)]
    assert left == [1, 1, 1]


def test_messages_and_notices_are_forgotten(app: Flask) -> None:
    """Their texts are of patients; what still waits, or was never read within a year, stays."""
    ages = {"old": timedelta(days=91), "young": timedelta(days=89), "ancient": timedelta(days=366)}
    with app.app_context(), unit_of_work(write=True):
        for name, age in ages.items():
            mail = {"kind": "confirmation", "address": "a@example.com", "subject": "s", "text": "t"}
            for status in ("sent", "failed", "dropped", "pending"):
                row = {**mail, "key": f"{name}-{status}", "status": status, "created_at": NOW - age}
                db.session.execute(insert(Delivery), row)
            for read in (None, NOW - age):
                line = {"user_id": 1, "key": f"{name}-{read}", "kind": "x", "title": "t", "text": "", "href": ""}
                line |= {"data": {}, "created_at": NOW - age, "read_at": read}
                db.session.execute(insert(Notification), line)

        expiry.delete_expired(now=NOW)

        mails = db.session.scalars(select(Delivery.key).order_by(Delivery.key)).all()
        lines = db.session.execute(select(Notification.key, Notification.read_at.is_(None))).all()
    assert mails == ["ancient-pending", "old-pending"] + [
        f"young-{status}" for status in ("dropped", "failed", "pending", "sent")
    ]
    assert sorted((key.partition("-")[0], unread) for key, unread in lines) == [
        ("old", True),
        ("young", False),
        ("young", True),
    ]


def test_only_old_files_without_a_row_are_removed(app: Flask, files: Path) -> None:
    leftover = files / "ab" / "cd.pdf"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"%PDF")

    with app.app_context(), unit_of_work(write=False):
        now = datetime.now(UTC)
        assert retention.remove_orphans(files, now=now) == 0
        assert retention.remove_orphans(files, now=now + timedelta(days=2)) == 1

    assert not leftover.exists()
