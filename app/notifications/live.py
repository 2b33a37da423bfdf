"""Channels: a user's inbox and the badge of the bell; the same notifications for API clients.

``/ws/notifications/<user_id>/?token=`` sends one frame for each new notification of the inbox: ``{"type", "data",
"timestamp"}``.
"""

from typing import Any

from sqlalchemy import Row

from app.kernel import access
from app.kernel.access import Actor
from app.kernel.outbox import EventRow
from app.notifications import events, permissions, queries
from app.realtime.channels import Channel
from app.realtime.connection import Connection
from app.realtime.sockets import Socket


def _is_own(actor: Actor, user_id: str) -> bool:
    return actor.user_id == int(user_id)


def _may_read_feed(actor: Actor, user_id: str) -> bool:
    return _is_own(actor, user_id) and access.can_anywhere(actor, permissions.READ_OWN)


def _new_lines(connection: Connection, user_id: str) -> list[dict[str, Any]]:
    """The notifications since the last call; the first call omits those from before the connection.

    The state keeps every sent id, not the highest one, since rows may become visible out of the order of their ids.
    """
    rows = queries.newest_of(int(user_id))
    sent = connection.state.get("sent_lines")
    if sent is None:
        sent = connection.state["sent_lines"] = {row.id for row in rows if row.created_at <= connection.opened_at}
    new = [row for row in rows if row.id not in sent]
    sent.update(row.id for row in new)
    return [_frame(row) for row in new]


def _frame(row: Row[Any]) -> dict[str, Any]:
    data = {"id": row.id, "title": row.title, "message": row.text, "href": row.href, **row.data}
    return {"type": row.kind, "data": data, "timestamp": row.created_at}


def _inbox_topics(row: EventRow) -> list[str]:
    return [queries.topic_of(row.parse(events.InboxChanged).user_id)]


def _feed_topics(row: EventRow) -> list[str]:
    return [f"feed:{row.parse(events.InboxChanged).user_id}"]


INBOX = Channel("inbox", _is_own).on(events.InboxChanged, _inbox_topics)
FEED = Channel("feed", _may_read_feed, render=_new_lines).on(events.InboxChanged, _feed_topics)

CHANNELS = (INBOX, FEED)
SOCKETS = (
    Socket(
        "/ws/notifications/<int:user_id>/", "notifications", cookie=False, topics=lambda user_id: [f"feed:{user_id}"]
    ),
)
