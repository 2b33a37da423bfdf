"""What may be forgotten: ended sessions, old sign-in attempts, finished work, files without a row.

Never the record of care or money, and never the event log.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, or_, select

from app.cli import verify
from app.identity.models import LoginAttempt, UserSession
from app.kernel import idempotency
from app.kernel.db import changed, db, unit_of_work
from app.kernel.outbox import EventTask
from app.reports import actions as reports
from app.reports.models import ReportRun

SESSIONS, ATTEMPTS, TASKS = timedelta(days=30), timedelta(days=90), timedelta(days=30)
ORPHANS = timedelta(days=1)


def clean_up(*, now: datetime) -> Mapping[str, int]:
    """Delete rows that nobody will ask for again; returns how many of each. Never commits."""
    ended = or_(UserSession.revoked_at < now - SESSIONS, UserSession.expires_at < now - SESSIONS)
    statements = {
        "ended sessions": delete(UserSession).where(ended),
        "sign-in attempts": delete(LoginAttempt).where(LoginAttempt.at < now - ATTEMPTS),
        "finished event tasks": delete(EventTask).where(EventTask.done_at < now - TASKS),
    }
    gone = {name: changed(db.session.execute(statement)) for name, statement in statements.items()}
    idempotency.delete_expired(now=now)
    return gone | {"report files": len(reports.forget_old_runs(now=now))}


def remove_orphans(folder: Path, *, now: datetime) -> int:
    """Delete stored files that no row names, a day after they were written."""
    known = set(db.session.scalars(select(ReportRun.file_key).where(ReportRun.file_key.is_not(None))))
    leftovers = list(verify.orphans(folder, {key for key in known if key}, older_than=now - ORPHANS))
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


def run_clean_up(*, now: datetime) -> None:
    """What the clock does every hour."""
    with unit_of_work(write=True):
        clean_up(now=now)
