"""Task kinds of this package; ``jobs.py`` binds them."""

from app.kernel.tasks import SLOW, TaskKind, retry_after

BUILD_REPORT = TaskKind(
    "reports.build",
    queue=SLOW,
    timeout=600,  # the PDF's own limit is shorter
    retry=retry_after(5, 30),
    transaction=False,
)

TASK_KINDS = (BUILD_REPORT,)
