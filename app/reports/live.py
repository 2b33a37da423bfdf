"""Channel: a run's progress, for the user who requested it."""

from app.kernel.access import Actor
from app.kernel.outbox import EventRow
from app.realtime.channels import Channel
from app.reports import queries
from app.reports.events import ReportReady


def _may_join(actor: Actor, run_id: str) -> bool:
    return queries.is_owner(int(run_id), actor=actor)


def _topics(row: EventRow) -> list[str]:
    return [f"report:{row.subject_id}"]


RUN = Channel("report", _may_join).on(ReportReady, _topics)

CHANNELS = (RUN,)
