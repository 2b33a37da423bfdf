"""Reads: a user's inbox, undelivered messages, recipients."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, String, and_, case, cast, func, or_, select

from app.identity.models import Membership, User
from app.identity.queries import roles
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.kernel.tasks import Task
from app.notifications import permissions, rules
from app.notifications.models import Delivery, Notification
from app.notifications.task_kinds import SEND_DELIVERY

PAGE_SIZE = 40

NOTIFICATION_COLUMNS = (
    Notification.id,
    Notification.kind,
    Notification.title,
    Notification.text,
    Notification.href,
    Notification.data,
    Notification.created_at,
    Notification.read_at,
)


# ------------------------------------------------------------------ the inbox


def unread_count(*, actor: Actor) -> int:
    unread = (Notification.user_id == actor.user_id, Notification.read_at.is_(None))
    return db.session.scalar(select(func.count()).where(*unread)) or 0


def topic_of(user_id: int) -> str:
    """The live topic of a user's inbox."""
    return f"inbox:{user_id}"


def inbox(*, actor: Actor, page: int = 1) -> dict[str, Any]:
    """A page of the actor's lines, unread first, then the newest: ``{lines, page, has_older}``."""
    is_read = case((Notification.read_at.is_(None), 0), else_=1)
    rows = db.session.execute(
        own_lines(actor=actor)
        .order_by(is_read, Notification.created_at.desc(), Notification.id.desc())
        .limit(PAGE_SIZE + 1)
        .offset((page - 1) * PAGE_SIZE)
    ).all()
    return {"lines": rows[:PAGE_SIZE], "page": page, "has_older": len(rows) > PAGE_SIZE}


def own_lines(*, actor: Actor, unread: bool = False) -> Select[Any]:
    """The statement of the actor's notifications, for lists that page themselves."""
    statement = select(*NOTIFICATION_COLUMNS).where(Notification.user_id == actor.user_id)
    return statement.where(Notification.read_at.is_(None)) if unread else statement


def own_line(notification_id: int, *, actor: Actor) -> Row[Any]:
    """One of the actor's lines. Raises NotFound."""
    row = db.session.execute(own_lines(actor=actor).where(Notification.id == notification_id)).first()
    if row is None:
        raise NotFound
    return row


def as_json(row: Row[Any]) -> dict[str, Any]:
    """A line as the API and the socket show it."""
    return {
        "id": row.id,
        "type": row.kind,
        "title": row.title,
        "message": row.text,
        "data": row.data,
        "href": row.href,
        "is_read": row.read_at is not None,
        "read_at": row.read_at,
        "created_at": row.created_at,
    }


def newest_of(user_id: int, *, limit: int = 50) -> list[Row[Any]]:
    """The last lines of a user, the oldest first (the JSON socket compares them with what it sent)."""
    rows = db.session.execute(
        select(*NOTIFICATION_COLUMNS)
        .where(Notification.user_id == user_id)
        .order_by(Notification.id.desc())
        .limit(limit)
    )
    return list(reversed(rows.all()))


# ------------------------------------------------------------------ recipients


def recipient(user_id: int, *, actor: Actor) -> Row[Any]:
    """A user the actor may notify: a colleague of their clinics or a patient of the organization.

    Raises NotFound for any other user.
    """
    works_there = Membership.clinic_id.in_(actor.clinics_with(permissions.SEND))
    colleague = select(Membership.id).where(Membership.user_id == User.id, works_there).exists()
    row = db.session.execute(
        select(User.id, User.locale).where(
            User.id == user_id,
            User.organization_id == actor.organization_id,
            User.is_active.is_(True),
            or_(roles.has_own_role(), colleague),
        )
    ).first()
    if row is None:
        raise NotFound
    return row


# ------------------------------------------------------------------ deliveries


def existing_keys(keys: Collection[str]) -> set[str]:
    """The keys among these that a delivery or notification already has."""
    sent = select(Delivery.key).where(Delivery.key.in_(keys))
    notified = select(Notification.key).where(Notification.key.in_(keys))
    return set(db.session.scalars(sent.union(notified)))


def undelivered(*, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """Undelivered messages of the actor's clinics: failed, or overdue and still being retried."""
    overdue = and_(Delivery.status.in_(("pending", "sending")), Delivery.created_at <= now - rules.OVERDUE)
    retried = and_(overdue, or_(Task.attempts > 0, Delivery.last_error != "", Task.due_at <= now - rules.OVERDUE))
    rows = db.session.execute(
        select(
            Delivery.id,
            Delivery.kind,
            Delivery.sender_name.label("clinic"),
            Delivery.address,
            Delivery.subject,
            Delivery.status,
            func.coalesce(Task.attempts, 0).label("attempts"),
            Delivery.last_error,
            Delivery.created_at,
        )
        .outerjoin(Task, and_(Task.kind == SEND_DELIVERY.id, Task.key == cast(Delivery.id, String)))
        .where(
            Delivery.clinic_id.in_(actor.clinics_with(permissions.READ_DELIVERIES)),
            or_(Delivery.status == "failed", retried),
        )
        .order_by(Delivery.created_at.desc())
        .limit(200)
    )
    return [dict(row._mapping) for row in rows]
