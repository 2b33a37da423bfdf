"""Reads: a user's runs and one run."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import aliased

from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.reports import permissions, registry, rules
from app.reports.models import ReportRun

_earlier = aliased(ReportRun)
_AHEAD = (
    select(func.count())
    .where(_earlier.status.in_(("queued", "running")), _earlier.id < ReportRun.id, ReportRun.status == "queued")
    .correlate(ReportRun)
    .scalar_subquery()
)
_RUN = select(
    ReportRun.id,
    ReportRun.clinic_id,
    ReportRun.user_id,
    ReportRun.report,
    ReportRun.format,
    ReportRun.params,
    ReportRun.status,
    ReportRun.progress,
    ReportRun.step,
    ReportRun.file_key,
    ReportRun.file_name,
    ReportRun.file_size,
    ReportRun.file_sha256,
    ReportRun.created_at,
    ReportRun.finished_at,
    _AHEAD.label("ahead"),
)
MAX_RUNS = 20


def _own(actor: Actor) -> Select[Any]:
    """Runs are visible to the user who requested them, while that user may read reports."""
    scope = actor.clinics_with(permissions.READ)
    return _RUN.where(ReportRun.user_id == actor.user_id, ReportRun.clinic_id.in_(scope))


def own_runs(*, actor: Actor) -> list[dict[str, Any]]:
    """The actor's last runs, newest first, as ``run`` returns them."""
    rows = db.session.execute(_own(actor).order_by(ReportRun.created_at.desc(), ReportRun.id.desc()).limit(MAX_RUNS))
    return [_run_view(row) for row in rows]


def run(run_id: int, *, actor: Actor) -> dict[str, Any]:
    """One of the actor's runs. Raises NotFound."""
    row = db.session.execute(_own(actor).where(ReportRun.id == run_id)).first()
    if row is None:
        raise NotFound
    return _run_view(row)


def _run_view(row: Row[Any]) -> dict[str, Any]:
    report = registry.find(row.report)
    return {
        **row._mapping,
        "title": gettext(report.title),
        "format_label": gettext(rules.FORMAT_LABELS[rules.Format(row.format)]),
        "period": _period(row.params),
        "is_over": row.status in ("done", "failed"),
    }


def _period(params: Mapping[str, Any]) -> str:
    days = [date.fromisoformat(params[name]) for name in ("date", "start", "end") if params.get(name)]
    return " – ".join(f"{day:%d/%m/%Y}" for day in dict.fromkeys(days))


def reusable_run(
    *, report: str, format_: str, params: Mapping[str, Any], clinic_id: int, actor: Actor, now: datetime
) -> dict[str, Any] | None:
    """The actor's run of an equal request that is under way or was done within ``REUSE_PERIOD``, or None."""
    rows = db.session.execute(
        _own(actor)
        .where(ReportRun.clinic_id == clinic_id, ReportRun.report == report, ReportRun.format == format_)
        .where(ReportRun.status != "failed", ReportRun.created_at > now - 10 * rules.REUSE_PERIOD)
        .order_by(ReportRun.id.desc())
        .limit(5)
    )
    return next(
        (
            _run_view(row)
            for row in rows
            if row.params == params and (row.finished_at is None or row.finished_at > now - rules.REUSE_PERIOD)
        ),
        None,
    )


def is_owner(run_id: int, *, actor: Actor) -> bool:
    """Whether the actor requested this run."""
    return (
        db.session.scalar(select(ReportRun.id).where(ReportRun.id == run_id, ReportRun.user_id == actor.user_id))
        is not None
    )
