"""The event log: one append-only table, written in the transaction of the change itself.

``record`` writes an event; the relay (in the worker) takes what is unpublished, refreshes the live regions, makes one
``event_task`` per subscriber and marks the row published. ``published`` is a flag and not a cursor over ids, because
ids become visible out of commit order.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from flask import Flask, current_app
from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, insert, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import context, events
from app.kernel.access import Actor
from app.kernel.broker import WAKE, broker
from app.kernel.db import Base, after_commit, db, only_reads
from app.kernel.events import Event

E = TypeVar("E", bound=Event)
EventKind: TypeAlias = type[E]  # inside the row class `type` is a column
BigId = BigInteger().with_variant(Integer, "sqlite")


class EventRow(Base):
    """One event with where it came from. ``data`` may go to other systems; ``changes`` is for the audit alone.

    ``channel`` is how the actor reached us (desk, online, api, job …), ``actor_kind`` what acted.
    """

    __tablename__ = "event_log"
    __table_args__ = (
        Index(
            "ix_event_log_unpublished",
            "id",
            sqlite_where=text("published = 0"),
            postgresql_where=text("NOT published"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    type: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime]
    organization_id: Mapped[int]
    clinic_id: Mapped[int | None] = mapped_column(index=True)
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[int | None]
    session_id: Mapped[int | None]
    channel: Mapped[str] = mapped_column(String(10))
    subject_type: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[int | None]
    patient_id: Mapped[int | None] = mapped_column(index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    request_id: Mapped[str | None] = mapped_column(String(36))
    client_id: Mapped[str | None] = mapped_column(String(36))
    published: Mapped[bool] = mapped_column(default=False)

    def parse(self, kind: EventKind[E]) -> E:
        """The row's event, of ``kind`` or of a subclass. Raises TypeError for another one."""
        event = events.from_data(self.type, self.data)
        if not isinstance(event, kind):
            raise TypeError(f"event {self.id} is a {self.type}, not a {kind.__name__}")
        return event


class EventTask(Base):
    """One event for one subscriber: what makes subscribers idempotent and nothing lost."""

    __tablename__ = "event_task"
    __table_args__ = (
        Index(
            "ix_event_task_due",
            "due_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("event_log.id"), primary_key=True)
    subscriber: Mapped[str] = mapped_column(String(120), primary_key=True)
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]


Subscriber = Callable[..., None]


def register(app: Flask, subscriptions: Iterable[tuple[type[Event], Subscriber]]) -> None:
    """Run each subscriber as ``subscriber(event=EventRow, now=...)``, in a job of its own, after its event."""
    by_type: dict[str, dict[str, Subscriber]] = {}
    for event_type, subscriber in subscriptions:
        by_type.setdefault(event_type.type, {})[f"{subscriber.__module__}.{subscriber.__name__}"] = subscriber
    app.extensions["subscribers"] = by_type


def subscribers_of(type_: str) -> dict[str, Subscriber]:
    by_type: dict[str, dict[str, Subscriber]] = current_app.extensions["subscribers"]
    return by_type.get(type_, {})


def notify_relay() -> None:
    """Wake the relay; it sweeps every second anyway."""
    broker().publish(WAKE, {})


def record(
    event: Event,
    *,
    actor: Actor | None,
    now: datetime,
    clinic_id: int | None,
    subject_id: int,
    patient_id: int | None = None,
    changes: dict[str, Any] | None = None,
    organization_id: int | None = None,
) -> None:
    """Write an event in the current transaction; the relay is woken when it commits.

    ``actor`` is None where the system acts by itself; the organization must be named then. Raises RuntimeError in a
    unit that only reads: the event would vanish with it (a reading is noted in ``kernel.access_log``).
    """
    if only_reads():
        raise RuntimeError(f"{event.type} recorded in a unit of work that only reads")
    tenant = organization_id or (actor.organization_id if actor else None)
    if tenant is None:
        raise ValueError(f"{event.type} of nobody needs its organization")
    origin = context.current()
    values = {
        "type": event.type,
        "at": now,
        "organization_id": tenant,
        "clinic_id": clinic_id,
        "actor_kind": "user" if actor else "system",
        "actor_id": actor.user_id if actor else None,
        "session_id": (actor.session_id or None) if actor else None,
        "channel": actor.channel if actor else "system",
        "subject_type": events.subject_type(event.type),
        "subject_id": subject_id,
        "patient_id": patient_id,
        "data": events.to_data(event),
        "changes": changes,
        "request_id": origin.request_id,
        "client_id": origin.client_id,
        "published": False,
    }
    db.session.execute(_INSERT, values)
    if origin.client_id:
        db.session.info.setdefault("recorded", []).append(EventRow(**values))
    after_commit(notify_relay)


def recorded() -> list[EventRow]:
    """The events of this unit of work, if a page sent the request: what its response tells it of."""
    rows: list[EventRow] = db.session.info.get("recorded", [])
    return rows


_INSERT = insert(EventRow)


def unpublished(limit: int = 200) -> list[EventRow]:
    """The next events to publish, oldest first; rows another relay holds are left to it."""
    query = select(EventRow).where(EventRow.published.is_(False)).order_by(EventRow.id).limit(limit)
    return list(db.session.scalars(query.with_for_update(skip_locked=True)))


def mark_published(rows: list[EventRow], now: datetime) -> list[tuple[int, str]]:
    """Mark events published and make their tasks; returns ``(event_id, subscriber)`` to enqueue."""
    tasks = [(row.id, name) for row in rows for name in subscribers_of(row.type)]
    if tasks:
        values = [{"event_id": e, "subscriber": s, "due_at": now, "attempts": 0} for e, s in tasks]
        db.session.execute(insert(EventTask), values)
    if rows:
        db.session.execute(update(EventRow).where(EventRow.id.in_([r.id for r in rows])).values(published=True))
    return tasks
