"""Live rows: a run's progress, for who asked for it."""

from app.kernel.access import Actor
from app.kernel.db import unit_of_work
from app.kernel.outbox import EventRow
from app.realtime.regions import Region
from app.reports import queries
from app.reports.events import ReportReady


def _may_listen(actor: Actor, run_id: str) -> bool:
    with unit_of_work(write=False):
        return queries.is_owner(int(run_id), actor=actor)


def _topics(row: EventRow) -> list[str]:
    return [f"report:{row.subject_id}"]


RUN = Region("report", _may_listen).on(ReportReady, _topics)


REGIONS = (RUN,)
