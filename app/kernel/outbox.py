"""The event log: one append-only table, written in the transaction of the change itself.

``record`` writes an event; the relay (in the worker) takes what is unpublished, refreshes the live regions, adds one
task per subscriber and marks the row published. ``published`` is a flag and not a cursor over ids, because ids become
visible out of commit order.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from flask import Flask, current_app
from sqlalchemy import JSON, Index, String, insert, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import context, events, tasks
from app.kernel.access import Actor
from app.kernel.broker import WAKE, broker
from app.kernel.db import Base, BigId, after_commit, db, only_reads, unit_of_work
from app.kernel.events import Event

E = TypeVar("E", bound=Event)
EventKind: TypeAlias = type[E]  # inside the row class `type` is a column


class EventRow(Base):
    """One event with its origin. ``data`` may go to other systems; ``changes`` is for the audit alone.

    ``channel`` is the actor's channel (desk, online, api, job …), ``actor_kind`` what acted.
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


Subscriber = Callable[..., None]
Subscription: TypeAlias = tuple[type[Event], str, Subscriber]


def subscribe_all(subscriber_id: str, subscriber: Subscriber) -> Subscription:
    """A subscription to every event of every package, for subscribers that forward events (webhooks, audit).

    It also receives the events that it records itself, and must ignore them.
    """
    return (Event, subscriber_id, subscriber)


def task_kind(subscriber_id: str) -> tasks.TaskKind:
    """The kind of the tasks of a subscriber: its id."""
    return tasks.TaskKind(subscriber_id)


def register(app: Flask, subscriptions: Iterable[Subscription]) -> list[tasks.Job]:
    """Make subscriptions known to an application; returns a job for each, to be registered with the other jobs.

    A subscriber runs as ``subscriber(event=EventRow, now=...)`` in a task of its own, at most once for each event:
    its writes and the mark that the task is done commit together. Its id is chosen, and stays when code moves.
    """
    by_type: dict[str, list[str]] = {}
    jobs: list[tasks.Job] = []
    for event_type, subscriber_id, subscriber in subscriptions:
        by_type.setdefault(event_type.type, []).append(subscriber_id)
        jobs.append(tasks.Job(task_kind(subscriber_id), _task_of(subscriber)))
    app.extensions["subscribers"] = by_type
    return jobs


def _task_of(subscriber: Subscriber) -> Subscriber:
    def run_subscriber(*, event_id: int, now: datetime) -> None:
        subscriber(event=db.session.get_one(EventRow, event_id), now=now)

    return run_subscriber


def subscribers_of(type_: str) -> list[str]:
    """The ids of who subscribed to a type of event, or to every event."""
    by_type: dict[str, list[str]] = current_app.extensions["subscribers"]
    return [*by_type.get(type_, ()), *by_type.get(Event.type, ())]


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
    unit that only reads: the event would be rolled back (read access is recorded in ``kernel.access_log``).
    """
    if only_reads():
        raise RuntimeError(f"{event.type} recorded in a unit of work that only reads")
    tenant = organization_id or (actor.organization_id if actor else None)
    if tenant is None:
        raise ValueError(f"{event.type} without an actor needs an organization")
    origin = context.current()
    values = {
        "type": event.type,
        "at": now,
        "organization_id": tenant,
        "clinic_id": clinic_id,
        "actor_kind": str(actor.kind) if actor else "system",
        "actor_id": actor.user_id if actor else None,
        "session_id": actor.session_id if actor else None,
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
    """The events of this unit of work, if a page sent the request: its response names their topics."""
    rows: list[EventRow] = db.session.info.get("recorded", [])
    return rows


_INSERT = insert(EventRow)


def unpublished(limit: int = 200) -> list[EventRow]:
    """The next events to publish, oldest first; rows another relay holds are left to it."""
    query = select(EventRow).where(EventRow.published.is_(False)).order_by(EventRow.id).limit(limit)
    return list(db.session.scalars(query.with_for_update(skip_locked=True)))


def relay_once(now: datetime, on_published: Callable[[list[EventRow]], None]) -> int:
    """Publish the unpublished events; returns the number of events.

    ``on_published`` is called after the commit, so that a screen which fetches sees the change.
    """
    with unit_of_work(write=False):
        if not unpublished(limit=1):
            return 0
    with unit_of_work(write=True):
        rows = unpublished()
        tasks.add_many([task for row in rows for task in _tasks_of(row)], now=now)
        if rows:
            db.session.execute(update(EventRow).where(EventRow.id.in_([r.id for r in rows])).values(published=True))
    on_published(rows)
    return len(rows)


def _tasks_of(row: EventRow) -> list[tasks.NewTask]:
    return [
        tasks.NewTask(task_kind(subscriber_id), str(row.id), row.organization_id, {"event_id": row.id})
        for subscriber_id in subscribers_of(row.type)
    ]
