"""Integrity checks of deliveries."""

from collections.abc import Iterator

from sqlalchemy import String, cast, select

from app.kernel.db import db
from app.kernel.integrity import Check, CheckContext
from app.kernel.tasks import OPEN, Task
from app.notifications.models import Delivery
from app.notifications.task_kinds import SEND_DELIVERY


def _abandoned_messages(_context: CheckContext) -> Iterator[str]:
    task = select(Task.id).where(Task.kind == SEND_DELIVERY.id, Task.key == cast(Delivery.id, String), *OPEN)
    waiting = (Delivery.status.in_(("pending", "sending")), ~task.exists())
    for delivery_id in db.session.scalars(select(Delivery.id).where(*waiting)):
        yield f"delivery {delivery_id} waits and has no task"


CHECKS = (Check("messages leave", _abandoned_messages),)
