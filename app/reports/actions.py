"""Writes of report runs: request, progress, end. The task of a run holds its worker, attempts and due time."""

from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import delete, select, update

from app.kernel import storage, tasks
from app.kernel.access import Actor, require
from app.kernel.db import after_commit, changed, db
from app.kernel.i18n import N_
from app.kernel.outbox import record
from app.reports import rules
from app.reports.events import ReportReady, ReportRequested
from app.reports.models import ReportRun
from app.reports.registry import Params, Report
from app.reports.task_kinds import BUILD_REPORT
from app.tenancy import queries as tenancy

WAITING = N_("En cola")
ATTEMPTS_EXHAUSTED = N_("No se pudo generar después de tres intentos. Vuelva a pedirlo; si se repite, avise a soporte.")


def request_report(
    report: Report, format_: rules.Format, params: Params, *, clinic_id: int, actor: Actor, now: datetime
) -> int:
    """Queue a run and return its id; its task is enqueued after the commit. Raises Forbidden."""
    require(actor, report.requires, clinic_id)
    run = ReportRun(
        clinic_id=clinic_id,
        user_id=actor.user_id,
        report=report.code,
        format=str(format_),
        params=params.model_dump(mode="json", exclude_defaults=True),
        status="queued",
        progress=0,
        step="",
        created_at=now,
    )
    db.session.add(run)
    db.session.flush()  # for the primary key
    run_id = run.id
    event = ReportRequested(run_id, actor.person_id, report.code, str(format_), run.params)
    record(event, actor=actor, now=now, clinic_id=clinic_id, subject_id=run_id)
    tasks.add(BUILD_REPORT, key=str(run_id), organization_id=actor.organization_id, now=now, run_id=run_id)
    return run_id


def start(run_id: int, *, now: datetime) -> ReportRun | None:
    """Mark a run as running, also at a later attempt; None when it is done or was deleted."""
    not_done = (ReportRun.id == run_id, ReportRun.status != "done")
    statement = update(ReportRun).where(*not_done).values(status="running", progress=1, step="", finished_at=None)
    return db.session.get(ReportRun, run_id, populate_existing=True) if changed(db.session.execute(statement)) else None


def progress(run_id: int, percent: int, step: str) -> None:
    """Store the progress of a run: percent, and a text for the user who waits."""
    _write(run_id, progress=max(1, min(percent, 99)), step=step[:120])


def finish(
    run: ReportRun, *, file_key: str, file_name: str, file_size: int, sha256: str, rows: int, now: datetime
) -> None:
    """Mark a run as done; its file is stored already."""
    _write(
        run.id,
        status="done",
        progress=100,
        step="",
        file_key=file_key,
        file_name=file_name,
        file_size=file_size,
        file_sha256=sha256,
        finished_at=now,
    )
    _record_end(run, ok=True, rows=rows, now=now)


def fail(run: ReportRun, reason: str, *, now: datetime) -> None:
    """Mark a run as failed for good; ``reason`` is shown to the user."""
    _write(run.id, status="failed", step=reason[:120], finished_at=now)
    _record_end(run, ok=False, rows=0, now=now)


def requeue(run_id: int) -> None:
    """Put a run back into the queue after an unexpected error."""
    _write(run_id, status="queued", step="")


def give_up(*, run_id: int, now: datetime) -> None:
    """Mark a run as failed after its last attempt."""
    run = db.session.get(ReportRun, run_id)
    if run is not None and run.status != "done":
        fail(run, gettext(ATTEMPTS_EXHAUSTED), now=now)


def _write(run_id: int, **values: Any) -> None:
    db.session.execute(update(ReportRun).where(ReportRun.id == run_id).values(**values))


def _record_end(run: ReportRun, *, ok: bool, rows: int, now: datetime) -> None:
    event = ReportReady(run.id, run.user_id, run.report, run.format, ok, rows)
    record(
        event,
        actor=None,
        now=now,
        organization_id=tenancy.organization_of_clinic(run.clinic_id),
        clinic_id=run.clinic_id,
        subject_id=run.id,
    )


def delete_old_runs(*, now: datetime) -> list[str]:
    """Delete runs older than ``FILE_RETENTION`` and, after the commit, their files; returns the keys of the files."""
    old = (ReportRun.created_at < now - rules.FILE_RETENTION, ReportRun.status.in_(("done", "failed")))
    keys = db.session.scalars(select(ReportRun.file_key).where(*old, ReportRun.file_key.is_not(None))).all()
    db.session.execute(delete(ReportRun).where(*old))
    for key in keys:
        after_commit(lambda key=key: storage.delete(key))  # type: ignore[misc]
    return [key for key in keys if key]
