"""Writes of notifications and deliveries. Both are unique by their key, so that an event is notified once.

A delivery is written in the transaction of the change that causes it; its task sends it afterwards. A mail can be sent
twice only when a worker is killed between the acceptance of the server and the write of ``sent``. The second mail then
has the same Message-ID, by which servers and mail programs remove duplicates; the file outbox holds one file per key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import force_locale, gettext
from sqlalchemy import ColumnElement, Row, select, update

from app.identity import queries as identity
from app.identity.queries import roles
from app.kernel import outbox, tasks
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import changed, db, insert
from app.kernel.errors import Invalid, NotFound
from app.kernel.i18n import N_
from app.kernel.languages import default_locale
from app.kernel.tasks import Task
from app.notifications import events, permissions, queries, rules
from app.notifications.models import Delivery, Notification
from app.notifications.task_kinds import SEND_DELIVERY
from app.tenancy import queries as tenancy

# ------------------------------------------------------------------ the inbox


def notify(
    *,
    user_id: int,
    key: str,
    kind: str,
    title: str,
    text: str = "",
    href: str = "",
    data: dict[str, Any] | None = None,
    now: datetime,
) -> int | None:
    """Create a notification in a user's inbox; returns its id, or None when the user has one with this ``key``."""
    values = {"user_id": user_id, "key": key, "kind": kind, "title": title[:160], "text": text[:400], "href": href}
    line = insert(Notification).values(**values, data=data or {}, created_at=now)
    line_id: int | None = db.session.scalar(line.on_conflict_do_nothing().returning(Notification.id))
    if line_id is not None:
        _record_inbox_changed(user_id, now=now)
    return line_id


def _record_inbox_changed(user_id: int, *, now: datetime) -> None:
    outbox.record(
        events.InboxChanged(user_id=user_id),
        actor=None,
        now=now,
        organization_id=identity.organization_of(user_id),
        clinic_id=None,
        subject_id=user_id,
    )


def send_template(*, user_id: int, code: str, data: dict[str, Any], actor: Actor, now: datetime) -> int:
    """Create a notification from a template for a user of the actor's clinics (D29); returns its id.

    Raises Forbidden, NotFound (a user of other clinics), Invalid (unknown template).
    """
    require_anywhere(actor, permissions.SEND)
    template = rules.TEMPLATES.get(code)
    if template is None:
        raise Invalid({"type": N_("Esta plantilla no existe.")})
    recipient = queries.recipient(user_id, actor=actor)
    with force_locale(recipient.locale or default_locale()):
        title, text = gettext(template.title), gettext(template.text)
    line = Notification(
        user_id=recipient.id,
        key=f"template:{code}:{actor.user_id}:{now.isoformat()}",
        kind=code,
        title=title,
        text=text,
        href="",
        data=data,
        created_at=now,
    )
    db.session.add(line)
    db.session.flush()  # for the primary key
    _record_inbox_changed(recipient.id, now=now)
    return line.id


def mark_read(notification_id: int, *, actor: Actor, now: datetime) -> None:
    """Mark one of the actor's lines as read; idempotent. Raises NotFound."""
    require_anywhere(actor, permissions.READ_OWN)
    queries.own_line(notification_id, actor=actor)
    _mark(Notification.id == notification_id, actor=actor, now=now)


def mark_all_read(*, actor: Actor, now: datetime) -> int:
    """Mark all of the actor's lines as read; returns how many were not."""
    require_anywhere(actor, permissions.READ_OWN)
    return _mark(actor=actor, now=now)


def _mark(*conditions: Any, actor: Actor, now: datetime) -> int:
    unread = (Notification.user_id == actor.user_id, Notification.read_at.is_(None), *conditions)
    count = changed(db.session.execute(update(Notification).where(*unread).values(read_at=now)))
    if count:
        _record_inbox_changed(actor.person_id, now=now)
    return count


# ------------------------------------------------------------------ messages to addresses


def deliver(
    *,
    key: str,
    kind: str,
    address: str,
    subject: str,
    text: str,
    html: str | None = None,
    calendar: str | None = None,
    sender_name: str = "",
    clinic_id: int | None,
    patient_id: int | None,
    subject_id: int | None,
    now: datetime,
    due_at: datetime | None = None,
) -> int | None:
    """Create a delivery that is sent at ``due_at`` (default now); None when one with this ``key`` exists.

    Keys with the same first two parts (``appointment:12``) are a series: each message tells how things stand, so the
    later one makes the earlier one superfluous, and an earlier one never leaves after it.

    ``calendar`` is the text of an iCalendar object; its METHOD becomes that of the attachment.
    """
    row = insert(Delivery).values(
        key=key,
        kind=kind,
        channel="email",
        address=address,
        subject=subject[:200],
        text=text,
        html=html,
        calendar=calendar,
        sender_name=sender_name,
        clinic_id=clinic_id,
        patient_id=patient_id,
        subject_id=subject_id,
        status="pending",
        last_error="",
        created_at=now,
    )
    delivery_id: int | None = db.session.scalar(row.on_conflict_do_nothing().returning(Delivery.id))
    if delivery_id is not None:
        tasks.add(
            SEND_DELIVERY,
            key=str(delivery_id),
            organization_id=_organization_of(clinic_id),
            now=now,
            due_at=due_at,
            delivery_id=delivery_id,
        )
    return delivery_id


def _organization_of(clinic_id: int | None) -> int:
    return tenancy.organization_of_clinic(clinic_id) if clinic_id else tenancy.home_organization()


def cancel_pending(key_prefix: str, *, now: datetime) -> int:
    """Cancel the pending deliveries of a key prefix (``appointment:12:``); returns how many."""
    pending = (Delivery.key.startswith(key_prefix, autoescape=True), Delivery.status == "pending")
    cancelled = db.session.scalars(
        update(Delivery).where(*pending).values(status="dropped").returning(Delivery.id)
    ).all()
    if cancelled:
        tasks.cancel(*_tasks_of(cancelled), now=now)
    return len(cancelled)


def _tasks_of(delivery_ids: Iterable[int]) -> tuple[ColumnElement[bool], ...]:
    return (Task.kind == SEND_DELIVERY.id, Task.key.in_([str(delivery_id) for delivery_id in delivery_ids]))


def is_sent_or_sending(key_prefix: str) -> bool:
    """Whether a delivery of a key prefix was sent or is being sent."""
    conditions = (Delivery.key.startswith(key_prefix, autoescape=True), Delivery.status.in_(("sending", "sent")))
    return db.session.scalar(select(Delivery.id).where(*conditions).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class Message:
    """The content of a delivery, as it is sent."""

    key: str
    address: str
    sender_name: str
    subject: str
    text: str
    html: str | None
    calendar: str | None
    created_at: datetime


class EarlierIsBeingSent(Exception):
    """An earlier message of the series is on its way: this one follows it."""


def start_sending(delivery_id: int) -> Message | None:
    """Mark a delivery as being sent, so that it can no longer be cancelled; None when it was sent or cancelled.

    Earlier messages of its series that wait are dropped. Raises EarlierIsBeingSent.
    """
    unsent = (Delivery.id == delivery_id, Delivery.status.not_in(("sent", "dropped")))
    row = db.session.execute(
        update(Delivery)
        .where(*unsent)
        .values(status="sending")
        .returning(
            Delivery.key,
            Delivery.address,
            Delivery.sender_name,
            Delivery.subject,
            Delivery.text,
            Delivery.html,
            Delivery.calendar,
            Delivery.created_at,
        )
    ).first()
    if row is None:
        return None
    earlier = (*_series_of(row.key), Delivery.id < delivery_id)
    db.session.execute(update(Delivery).where(*earlier, Delivery.status == "pending").values(status="dropped"))
    if db.session.scalar(select(Delivery.id).where(*earlier, Delivery.status == "sending").limit(1)):
        raise EarlierIsBeingSent
    return Message(**row._mapping)


def _series_of(key: str) -> tuple[ColumnElement[bool], ...]:
    """The deliveries of a key's series."""
    first, _, rest = key.partition(":")
    return (Delivery.key.startswith(f"{first}:{rest.partition(':')[0]}:", autoescape=True),)


def mark_sent(delivery_id: int, *, now: datetime) -> None:
    """Mark a delivery as accepted by the mail server, whichever worker sent it."""
    sent = update(Delivery).where(Delivery.id == delivery_id)
    db.session.execute(sent.values(status="sent", sent_at=now, last_error=""))


def reschedule(delivery_id: int, *, error: str) -> None:
    """Make a delivery pending again after a failed attempt, until when it can be cancelled; drop it if a later one of
    its series exists: that one tells how things stand now."""
    key = db.session.scalar(select(Delivery.key).where(Delivery.id == delivery_id)) or ""
    later = (*_series_of(key), Delivery.id > delivery_id, Delivery.status != "dropped")
    is_outdated = db.session.scalar(select(Delivery.id).where(*later).limit(1)) is not None
    status = "dropped" if is_outdated else "pending"
    sending = (Delivery.id == delivery_id, Delivery.status == "sending")
    db.session.execute(update(Delivery).where(*sending).values(status=status, last_error=error[:200]))


def give_up(*, delivery_id: int, now: datetime) -> None:
    """Mark a delivery as failed after its last attempt and notify the staff who can call the patient."""
    unsent = (Delivery.id == delivery_id, Delivery.status.in_(("pending", "sending")))
    if not changed(db.session.execute(update(Delivery).where(*unsent).values(status="failed"))):
        return
    row = db.session.execute(
        select(Delivery.clinic_id, Delivery.patient_id, Delivery.kind, Delivery.address, Delivery.subject).where(
            Delivery.id == delivery_id
        )
    ).one()
    outbox.record(
        events.DeliveryFailed(delivery_id=delivery_id, kind=row.kind),
        actor=None,
        now=now,
        organization_id=_organization_of(row.clinic_id),
        clinic_id=row.clinic_id,
        subject_id=delivery_id,
        patient_id=row.patient_id,
    )
    _notify_failure(delivery_id, row, now=now)


def _notify_failure(delivery_id: int, row: Row[Any], *, now: datetime) -> None:
    if row.clinic_id is None:
        return
    for user in roles.holders(permissions.READ_DELIVERIES, clinic_id=row.clinic_id, now=now):
        with force_locale(user.locale or default_locale()):
            title = gettext("Un mensaje no se entregó")
            text = gettext("Para %(address)s: %(subject)s", address=row.address, subject=row.subject)
        notify(
            user_id=user.id,
            key=f"delivery:{delivery_id}:failed:{now.isoformat()}",
            kind="delivery_failed",
            title=title,
            text=text,
            href="/admin/deliveries",
            data={"delivery_id": delivery_id},
            now=now,
        )


def retry_delivery(delivery_id: int, *, actor: Actor, now: datetime) -> None:
    """Send an undelivered message again, from its first attempt. Raises NotFound."""
    require_anywhere(actor, permissions.READ_DELIVERIES)
    scope = (Delivery.id == delivery_id, Delivery.clinic_id.in_(actor.clinics_with(permissions.READ_DELIVERIES)))
    status = db.session.scalar(select(Delivery.status).where(*scope))
    if status is None:
        raise NotFound
    statement = update(Delivery).where(*scope, Delivery.status.in_(("failed", "pending")))
    if changed(db.session.execute(statement.values(status="pending"))):
        tasks.retry(*_tasks_of([delivery_id]), now=now)
