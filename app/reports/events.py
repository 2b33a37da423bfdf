"""Events of this domain."""

from dataclasses import dataclass
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ReportRequested(Event):
    """``params`` are filters: dates, codes and ids."""

    type: ClassVar[str] = "reports.run.requested.v1"
    run_id: int
    user_id: int
    report: str
    format: str
    params: dict[str, object]


@dataclass(frozen=True, slots=True)
class ReportReady(Event):
    """A run ended; ``ok`` is False when it failed for good. ``rows`` is the number of exported rows."""

    type: ClassVar[str] = "reports.run.finished.v1"
    run_id: int
    user_id: int
    report: str
    format: str
    ok: bool
    rows: int = 0
