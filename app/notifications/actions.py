"""Writes: inbox lines and messages to addresses. Both are claimed by their key, so a fact is told once.

A message is written in the transaction of whatever decided to tell; a job sends it afterwards. The one
window in which somebody can get a mail twice: the server accepted it and the worker was killed before
it wrote ``sent``. The second mail then has the same Message-ID, by which servers and mail programs fold
duplicates; the file outbox holds one file per key whatever happens.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import force_locale, gettext
from sqlalchemy import and_, or_, select, update

from app.identity import queries as identity
from app.kernel import outbox, queue
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import after_commit, changed, db, insert
from app.kernel.errors import Invalid, NotFound
from app.kernel.i18n import N_
from app.notifications import events, permissions, queries, rules
from app.notifications.models import Delivery, Notification
from app.tenancy import queries as tenancy
from app.tenancy.models import Clinic

SEND_JOB = "app.notifications.jobs.send_delivery"
DEFAULT_LOCALE = "es_PE"


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
    """Put a line into somebody's inbox; None when ``key`` was told to them before."""
    values = {"user_id": user_id, "key": key, "kind": kind, "title": title[:160], "text": text[:400], "href": href}
    line = insert(Notification).values(**values, data=data or {}, created_at=now)
    line_id: int | None = db.session.scalar(line.on_conflict_do_nothing().returning(Notification.id))
    if line_id is not None:
        _inbox_changed(user_id, now=now)
    return line_id


def _inbox_changed(user_id: int, *, now: datetime) -> None:
    outbox.record(
        events.InboxChanged(user_id=user_id),
        actor=None,
        now=now,
        organization_id=identity.organization_of(user_id),
        clinic_id=None,
        subject_id=user_id,
    )


def send_template(*, user_id: int, code: str, data: dict[str, Any], actor: Actor, now: datetime) -> int:
    """A member of staff tells somebody of their clinics something, in the words of a template (D29).

    Raises Forbidden, NotFound (a stranger), Invalid (no such template).
    """
    require_anywhere(actor, permissions.SEND)
    template = rules.TEMPLATES.get(code)
    if template is None:
        raise Invalid({"type": N_("Esta plantilla no existe.")})
    person = queries.recipient(user_id, actor=actor)
    with force_locale(person.locale or DEFAULT_LOCALE):
        title, text = gettext(template.title), gettext(template.text)
    line = Notification(
        user_id=person.id,
        key=f"template:{code}:{actor.user_id}:{now.isoformat()}",
        kind=code,
        title=title,
        text=text,
        href="",
        data=data,
        created_at=now,
    )
    db.session.add(line)
    db.session.flush()  # the answer names the line
    _inbox_changed(person.id, now=now)
    return line.id


def mark_read(notification_id: int, *, actor: Actor, now: datetime) -> None:
    """Mark one of the actor's lines as read; again is a no-op. Raises NotFound."""
    require_anywhere(actor, permissions.READ_OWN)
    queries.own_line(notification_id, actor=actor)
    _mark(Notification.id == notification_id, actor=actor, now=now)


def mark_all_read(*, actor: Actor, now: datetime) -> int:
    """Mark all of the actor's lines as read; returns how many were not."""
    require_anywhere(actor, permissions.READ_OWN)
    return _mark(actor=actor, now=now)


def _mark(*which: Any, actor: Actor, now: datetime) -> int:
    unread = (Notification.user_id == actor.user_id, Notification.read_at.is_(None), *which)
    count = changed(db.session.execute(update(Notification).where(*unread).values(read_at=now)))
    if count:
        _inbox_changed(actor.user_id, now=now)
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
    """Write a message to be sent at ``due_at`` (now); None when ``key`` was claimed before.

    ``calendar`` is the text of an iCalendar object, attached with the method it names.
    """
    due = due_at or now
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
        due_at=due,
        attempts=0,
        last_error="",
        created_at=now,
    )
    delivery_id: int | None = db.session.scalar(row.on_conflict_do_nothing().returning(Delivery.id))
    if delivery_id is not None and due <= now:
        _send_after_commit(delivery_id)
    return delivery_id


def _send_after_commit(delivery_id: int) -> None:
    def hand_out() -> None:
        queue.enqueue(SEND_JOB, delivery_id=delivery_id)

    after_commit(hand_out)


def drop(key_prefix: str) -> int:
    """Take back what was not sent yet under a prefix (``appointment:12:``); returns how many."""
    mine = (Delivery.key.startswith(key_prefix, autoescape=True), Delivery.status == "pending")
    return changed(db.session.execute(update(Delivery).where(*mine).values(status="dropped")))


def was_told(key_prefix: str) -> bool:
    """Whether anything under a prefix left the house, or may just be leaving."""
    mine = (Delivery.key.startswith(key_prefix, autoescape=True), Delivery.status.in_(("sending", "sent")))
    return db.session.scalar(select(Delivery.id).where(*mine).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message in the hands of one worker; ``claimed_at`` proves it."""

    delivery_id: int
    claimed_at: datetime
    attempts: int
    key: str
    address: str
    sender_name: str
    subject: str
    text: str
    html: str | None
    calendar: str | None


def claim_delivery(delivery_id: int, *, now: datetime) -> Claim | None:
    """Take a due message, or one that a killed worker has held too long. Only one worker gets it.

    A message that killed its worker every time is given up like any other.
    """
    waiting = and_(Delivery.status == "pending", Delivery.due_at <= now)
    stale = and_(Delivery.status == "sending", Delivery.claimed_at <= now - rules.LEASE)
    taken = (
        update(Delivery)
        .where(Delivery.id == delivery_id, or_(waiting, stale))
        .values(status="sending", claimed_at=now, attempts=Delivery.attempts + 1)
    )
    if not changed(db.session.execute(taken)):
        return None
    row = db.session.execute(
        select(
            Delivery.attempts,
            Delivery.key,
            Delivery.address,
            Delivery.sender_name,
            Delivery.subject,
            Delivery.text,
            Delivery.html,
            Delivery.calendar,
        ).where(Delivery.id == delivery_id)
    ).one()
    claim = Claim(delivery_id, now, **row._mapping)
    if claim.attempts > rules.MOST_ATTEMPTS:
        put_back(claim, error="the worker was killed each time", for_good=True, now=now)
        return None
    return claim


def mark_sent(claim: Claim, *, now: datetime) -> bool:
    """Close a claim; False when it had been taken over."""
    return _close(claim, status="sent", sent_at=now, last_error="")


def put_back(claim: Claim, *, error: str, for_good: bool = False, now: datetime) -> None:
    """A try failed: try again later, or give up and tell those who can call the patient."""
    pause = None if for_good else rules.pause_after(claim.attempts)
    if pause is not None:
        _close(claim, status="pending", due_at=now + pause, claimed_at=None, last_error=error[:200])
    elif _close(claim, status="failed", last_error=error[:200]):
        _tell_of_failure(claim, now=now)


def _close(claim: Claim, **values: Any) -> bool:
    mine = (Delivery.id == claim.delivery_id, Delivery.status == "sending", Delivery.claimed_at == claim.claimed_at)
    return bool(changed(db.session.execute(update(Delivery).where(*mine).values(**values))))


def _tell_of_failure(claim: Claim, *, now: datetime) -> None:
    row = db.session.execute(
        select(Clinic.organization_id, Delivery.clinic_id, Delivery.patient_id, Delivery.kind)
        .outerjoin(Clinic, Clinic.id == Delivery.clinic_id)
        .where(Delivery.id == claim.delivery_id)
    ).one()
    outbox.record(
        events.DeliveryFailed(delivery_id=claim.delivery_id, kind=row.kind),
        actor=None,
        now=now,
        organization_id=row.organization_id or tenancy.home_organization(),
        clinic_id=row.clinic_id,
        subject_id=claim.delivery_id,
        patient_id=row.patient_id,
    )
    for person in queries.people_with(permissions.READ_DELIVERIES, clinic_id=row.clinic_id):
        with force_locale(person.locale or DEFAULT_LOCALE):
            title = gettext("Un mensaje no se entregó")
            text = gettext("Para %(address)s: %(subject)s", address=claim.address, subject=claim.subject)
        notify(
            user_id=person.id,
            key=f"delivery:{claim.delivery_id}:failed:{claim.claimed_at.isoformat()}",
            kind="delivery_failed",
            title=title,
            text=text,
            href="/admin/deliveries",
            data={"delivery_id": claim.delivery_id},
            now=now,
        )


def note_handed_out(delivery_ids: list[int], *, now: datetime) -> None:
    """The sweep gave these to the workers; it leaves them alone for a while."""
    waiting = (Delivery.id.in_(delivery_ids), Delivery.status == "pending")
    db.session.execute(update(Delivery).where(*waiting).values(claimed_at=now))


def retry_delivery(delivery_id: int, *, actor: Actor, now: datetime) -> None:
    """Try an undelivered message again from the start. Raises NotFound."""
    require_anywhere(actor, permissions.READ_DELIVERIES)
    scope = (Delivery.id == delivery_id, Delivery.clinic_id.in_(actor.clinics_with(permissions.READ_DELIVERIES)))
    status = db.session.scalar(select(Delivery.status).where(*scope))
    if status is None:
        raise NotFound
    again = update(Delivery).where(*scope, Delivery.status.in_(("failed", "pending")))
    if changed(db.session.execute(again.values(status="pending", attempts=0, due_at=now, claimed_at=None))):
        _send_after_commit(delivery_id)
