"""What is forgotten of messages, and when. That a visit was told of stands in the event log and the visit's history."""

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_

from app.kernel.db import changed, db
from app.kernel.expiry import RetentionRule
from app.notifications.models import Delivery, Notification

ENDED_DELIVERIES = timedelta(days=90)
READ_NOTIFICATIONS, ALL_NOTIFICATIONS = timedelta(days=90), timedelta(days=365)


def _delete_ended_deliveries(*, now: datetime) -> int:
    """With their text and calendar; what still waits stays, however old."""
    ended = (Delivery.status.in_(("sent", "failed", "dropped")), Delivery.created_at < now - ENDED_DELIVERIES)
    return changed(db.session.execute(delete(Delivery).where(*ended)))


def _delete_old_notifications(*, now: datetime) -> int:
    read = and_(Notification.read_at.is_not(None), Notification.created_at < now - READ_NOTIFICATIONS)
    old = or_(read, Notification.created_at < now - ALL_NOTIFICATIONS)
    return changed(db.session.execute(delete(Notification).where(old)))


RULES = (
    RetentionRule("sent or failed messages", _delete_ended_deliveries),
    RetentionRule("old notices", _delete_old_notifications),
)
