"""Retention of report runs and their files."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from app.kernel import storage
from app.kernel.db import db
from app.kernel.expiry import RetentionRule
from app.reports import actions
from app.reports.models import ReportRun

ORPHAN_AGE = timedelta(days=1)


def remove_orphans(folder: Path, *, now: datetime) -> int:
    """Delete stored files that no row refers to, a day after they were written; returns how many."""
    referenced = set(db.session.scalars(select(ReportRun.file_key).where(ReportRun.file_key.is_not(None))))
    orphans = list(storage.orphans(folder, {key for key in referenced if key}, older_than=now - ORPHAN_AGE))
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _delete_old_runs(*, now: datetime) -> int:
    return len(actions.delete_old_runs(now=now))


RULES = (RetentionRule("report files", _delete_old_runs),)
