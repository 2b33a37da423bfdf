"""What stands in the inboxes of the demo's staff, and the messages that went out."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from app.identity.demo import USER
from app.kernel import tasks
from app.kernel.db import db
from app.kernel.demo import DemoContext, put
from app.kernel.tasks import Task
from app.notifications.models import Delivery, Notification
from app.notifications.task_kinds import SEND_DELIVERY

STAFF_LINES = (  # account, kind, title, text, href, hours ago, was read
    ("ana", "report_ready", "Reporte listo", "Caja diaria de ayer, en PDF.", "/reports", 15, True),
    ("ana", "documents", "Actualice los datos de sus pacientes", "Hay fichas sin teléfono.", "/patients", 4, False),
    (
        "diego",
        "till_difference",
        "Cierre con diferencia",
        "Una caja de la semana cerró con faltante.",
        "/till",
        20,
        False,
    ),
    ("diego", "report_ready", "Reporte listo", "Caja diaria de ayer, en Excel.", "/reports", 14, True),
    ("eva", "till_difference", "Cierre con diferencia", "Centro Arequipa cerró con diferencia.", "/till", 30, False),
    ("eva", "user_created", "Cuenta nueva", "Fabio Luna ya puede entrar.", "/admin/users", 90, True),
    ("fabio", "report_ready", "Reporte listo", "Citas de la semana, en CSV.", "/reports", 26, False),
    ("hugo", "check_your_agenda", "Revise su agenda", "Su capacitación ya está en la agenda.", "/agenda", 50, True),
    ("bruno", "check_your_agenda", "Revise su agenda", "Hay pacientes nuevos esta semana.", "/agenda", 28, True),
)


def write_inboxes(context: DemoContext) -> None:
    put(Notification, [_line(number, context.now, *line) for number, line in enumerate(STAFF_LINES)])


def finish_deliveries(context: DemoContext) -> None:
    """Everything waiting to be sent went out when it was written; inbox lines of before yesterday were read."""
    db.session.execute(update(Delivery).values(status="sent", sent_at=Delivery.created_at))
    tasks.cancel(Task.kind == SEND_DELIVERY.id, now=context.now)
    yesterday = context.now - timedelta(days=1)
    is_old = (Notification.created_at < yesterday, Notification.read_at.is_(None))
    db.session.execute(update(Notification).where(*is_old).values(read_at=yesterday))


def _line(
    number: int, now: datetime, account: str, kind: str, title: str, text: str, href: str, hours: int, was_read: bool
) -> dict[str, Any]:
    at = now - timedelta(hours=hours)
    return {
        "user_id": USER[account],
        "key": f"demo:{number}",
        "kind": kind,
        "title": title,
        "text": text,
        "href": href,
        "data": {},
        "created_at": at,
        "read_at": at + timedelta(minutes=40) if was_read else None,
    }


DEMO = write_inboxes
