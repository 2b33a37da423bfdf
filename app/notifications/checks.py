"""What must always be true of this package's rows."""

from collections.abc import Iterator

from sqlalchemy import select

from app.kernel.db import db
from app.kernel.integrity import OVERDUE, Check, CheckContext
from app.notifications.models import Delivery


def _stuck_messages(context: CheckContext) -> Iterator[str]:
    late = (Delivery.status.in_(("pending", "sending")), Delivery.due_at < context.now - OVERDUE)
    for row in db.session.execute(select(Delivery.id, Delivery.attempts, Delivery.last_error).where(*late)):
        yield f"delivery {row.id} waits after {row.attempts} tries: {row.last_error}"


CHECKS = (Check("messages leave", _stuck_messages),)
