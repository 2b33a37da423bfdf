"""Writes: a run from its request to its end. The worker's writes are compare-and-set by attempt, so
that one that was taken over changes nothing any more."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select, update

from app.kernel import queue, storage
from app.kernel.access import Actor, require
from app.kernel.db import after_commit, changed, db
from app.kernel.i18n import N_
from app.kernel.outbox import record
from app.reports import rules
from app.reports.events import ReportReady, ReportRequested
from app.reports.models import ReportRun
from app.reports.registry import Params, Report
from app.tenancy import queries as tenancy

BUILD = "app.reports.jobs.build_report"
WAITING = N_("En cola")
GIVEN_UP = N_("No se pudo generar después de tres intentos. Vuelva a pedirlo; si se repite, avise a soporte.")


def request_report(
    report: Report, format_: rules.Format, params: Params, *, clinic_id: int, actor: Actor, now: datetime
) -> int:
    """Queue a run and return its id; a worker is called after the commit. Raises Forbidden."""
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
        attempts=0,
        created_at=now,
    )
    db.session.add(run)
    db.session.flush()  # its id goes into the event and to the worker
    run_id = run.id
    event = ReportRequested(run_id, actor.user_id, report.code, str(format_), run.params)
    record(event, actor=actor, now=now, clinic_id=clinic_id, subject_id=run_id)
    after_commit(lambda: _call_worker(run_id))
    return run_id


def _call_worker(run_id: int) -> None:
    queue.enqueue(BUILD, run_id=run_id)


def claim(run_id: int, *, now: datetime) -> ReportRun | None:
    """Take a run that waits or whose worker fell silent; None when somebody else has it or it is over."""
    silent = or_(ReportRun.heartbeat_at.is_(None), ReportRun.heartbeat_at < now - rules.STALE_AFTER)
    free = or_(ReportRun.status == "queued", (ReportRun.status == "running") & silent)
    taken = db.session.execute(
        update(ReportRun)
        .where(ReportRun.id == run_id, free, ReportRun.attempts < rules.MOST_ATTEMPTS)
        .values(status="running", attempts=ReportRun.attempts + 1, heartbeat_at=now, progress=1, step="")
    )
    return db.session.get(ReportRun, run_id, populate_existing=True) if changed(taken) else None


def beat(run_id: int, attempt: int, *, now: datetime) -> None:
    """Say that the work goes on. Raises TakenOver."""
    _write(run_id, attempt, heartbeat_at=now)


def progress(run_id: int, attempt: int, percent: int, step: str, *, now: datetime) -> None:
    """Say how far the work is, in words for the person who waits. Raises TakenOver."""
    _write(run_id, attempt, progress=max(1, min(percent, 99)), step=step[:120], heartbeat_at=now)


def finish(
    run: ReportRun, attempt: int, *, file_key: str, file_name: str, size: int, sha256: str, rows: int, now: datetime
) -> None:
    """The file is stored: the run is done. Raises TakenOver."""
    _write(
        run.id,
        attempt,
        status="done",
        progress=100,
        step="",
        file_key=file_key,
        file_name=file_name,
        file_size=size,
        file_sha256=sha256,
        finished_at=now,
    )
    _record_end(run, ok=True, rows=rows, now=now)


def fail(run: ReportRun, attempt: int, sentence: str, *, now: datetime) -> None:
    """The run failed for good; ``sentence`` tells the person why. Raises TakenOver."""
    _write(run.id, attempt, status="failed", step=sentence[:120], finished_at=now)
    _record_end(run, ok=False, rows=0, now=now)


def retry_later(run_id: int, attempt: int, *, now: datetime) -> None:
    """Something unexpected: back into the queue, where the sweep finds it. Raises TakenOver."""
    _write(run_id, attempt, status="queued", step="", heartbeat_at=now)


def _write(run_id: int, attempt: int, **values: Any) -> None:
    mine = (ReportRun.id == run_id, ReportRun.attempts == attempt, ReportRun.status == "running")
    if not changed(db.session.execute(update(ReportRun).where(*mine).values(**values))):
        raise rules.TakenOver


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


def take_lost_runs(*, now: datetime) -> list[int]:
    """Runs that no worker is at: those to call a worker for, ids returned; those tried out are failed.

    A queued run notes in ``heartbeat_at`` when it was last offered, so a long queue is not doubled.
    """
    offered = or_(ReportRun.heartbeat_at.is_(None), ReportRun.heartbeat_at < now - rules.STALE_AFTER)
    waiting = (ReportRun.status == "queued") & (ReportRun.created_at < now - rules.LOST_AFTER) & offered
    silent = (ReportRun.status == "running") & (ReportRun.heartbeat_at < now - rules.STALE_AFTER)
    found = select(ReportRun).where(or_(waiting, silent)).limit(100)
    lost = db.session.scalars(found.with_for_update(skip_locked=True)).all()
    again = []
    for run in lost:
        if run.attempts >= rules.MOST_ATTEMPTS:
            run.status, run.step, run.finished_at = "failed", GIVEN_UP, now
            _record_end(run, ok=False, rows=0, now=now)
        else:
            again.append(run.id)
            if run.status == "queued":
                run.heartbeat_at = now
    return again


def forget_old_runs(*, now: datetime) -> list[str]:
    """Delete runs past their keeping time; returns the keys of their files, to delete after the commit."""
    old = (ReportRun.created_at < now - rules.KEEP_FILES, ReportRun.status.in_(("done", "failed")))
    keys = db.session.scalars(select(ReportRun.file_key).where(*old, ReportRun.file_key.is_not(None))).all()
    db.session.execute(delete(ReportRun).where(*old))
    for key in keys:
        after_commit(lambda key=key: storage.delete(key))  # type: ignore[misc]
    return [key for key in keys if key]
