"""What people were told: confirmations and reminders that went out, and what stands in each inbox."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from app.cli.demo import people
from app.cli.demo.context import Moment, put
from app.cli.demo.history import Story, status_of
from app.kernel import tasks
from app.kernel.db import db
from app.kernel.tasks import Task
from app.notifications.models import Delivery, Notification
from app.notifications.task_kinds import SEND_DELIVERY
from app.scheduling.actions import notices
from app.scheduling.queries import notices as notice_queries

TOLD = timedelta(hours=36)

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


def write(stories: list[Story], moment: Moment) -> None:
    for story in stories:
        if status_of(story.visit) in {"pending", "booked"} and _is_told(story, moment):
            visit = notice_queries.get(story.visit.id)
            notices.notify_patient("confirmation", visit, now=story.visit.created_at)
            if visit.therapist_user:
                notices.notify_therapist("confirmation", visit, now=story.visit.created_at)
    # without these, the first worker that starts would send reminders to all demo patients
    for appointment_id in notice_queries.reminders_due(now=moment.now):
        notices.notify_patient("reminder", notice_queries.get(appointment_id), now=moment.now - timedelta(minutes=2))
    put(Notification, [_line(number, moment.now, *line) for number, line in enumerate(STAFF_LINES)])
    db.session.execute(update(Delivery).values(status="sent", sent_at=Delivery.created_at))
    tasks.cancel(Task.kind == SEND_DELIVERY.id, now=moment.now)
    yesterday = moment.now - timedelta(days=1)
    is_old = (Notification.created_at < yesterday, Notification.read_at.is_(None))
    db.session.execute(update(Notification).where(*is_old).values(read_at=yesterday))


def _is_told(story: Story, moment: Moment) -> bool:
    """The visits of today and tomorrow, and all that Clara and Gloria have ahead."""
    is_near = moment.now < story.visit.starts_at < moment.now + TOLD
    return is_near or (story.visit.patient_id in people.OF_PATIENT and story.visit.starts_at > moment.now)


def _line(
    number: int, now: datetime, account: str, kind: str, title: str, text: str, href: str, hours: int, was_read: bool
) -> dict[str, Any]:
    at = now - timedelta(hours=hours)
    return {
        "user_id": people.USER[account],
        "key": f"demo:{number}",
        "kind": kind,
        "title": title,
        "text": text,
        "href": href,
        "data": {},
        "created_at": at,
        "read_at": at + timedelta(minutes=40) if was_read else None,
    }
