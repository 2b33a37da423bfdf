"""Integrity checks of report runs and their files."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import String, cast, select

from app.kernel import storage
from app.kernel.db import db
from app.kernel.integrity import Check, CheckContext
from app.kernel.tasks import OPEN, Task
from app.reports.models import ReportRun
from app.reports.task_kinds import BUILD_REPORT


def _abandoned_reports(_context: CheckContext) -> Iterator[str]:
    task = select(Task.id).where(Task.kind == BUILD_REPORT.id, Task.key == cast(ReportRun.id, String), *OPEN)
    unfinished = (ReportRun.status.in_(("queued", "running")), ~task.exists())
    for row in db.session.execute(select(ReportRun.id, ReportRun.status).where(*unfinished)):
        yield f"report run {row.id} is {row.status} and has no task"


def _stored_files(context: CheckContext) -> Iterator[str]:
    """Every row's file exists with its hash; a file without a row is reported once it is an hour old."""
    rows = {
        row.file_key: row
        for row in db.session.execute(
            select(ReportRun.id, ReportRun.file_key, ReportRun.file_sha256).where(ReportRun.file_key.is_not(None))
        )
    }
    for key, row in rows.items():
        path = context.files / key
        if not path.is_file():
            yield f"report run {row.id}: its file is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != row.file_sha256:
            yield f"report run {row.id}: its file was changed"
    for path in storage.orphans(context.files, set(rows), older_than=context.now - timedelta(hours=1)):
        yield f"{path.relative_to(context.files)} belongs to no row; flask cleanup removes it"


CHECKS = (Check("reports end", _abandoned_reports), Check("files and their rows agree", _stored_files))
