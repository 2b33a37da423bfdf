"""Task kinds of this package; ``jobs.py`` binds them."""

from app.kernel.tasks import MAIL, TaskKind, retry_after

SEND_DELIVERY = TaskKind(
    "notifications.send_delivery",
    queue=MAIL,
    timeout=90,  # longer than the timeouts of the SMTP connection and its commands
    retry=retry_after(30, 120, 600, 3600, 3600),
    transaction=False,
)

TASK_KINDS = (SEND_DELIVERY,)
