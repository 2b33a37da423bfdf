"""``/api/notifications``: the caller's inbox, and template messages of staff."""

from typing import Any

from pydantic import Field

from app.http import cycle
from app.http.json import ApiBlueprint
from app.http.resources import Body, Id, ListQuery, Page, listing
from app.notifications import actions, permissions, queries
from app.notifications.models import Notification
from app.notifications.resources import NotificationResource

api = ApiBlueprint("notifications_api", __name__)

ORDERINGS = {"created_at": Notification.created_at, "id": Notification.id}


class InboxQuery(ListQuery):
    unread: bool = False


class NewNotification(Body):
    """``title`` and ``message`` may be sent and are not used: the template has the text (D29)."""

    recipient: Id
    title: str = Field("", max_length=200)
    message: str = Field("", max_length=1000)
    type: str = Field(min_length=1, max_length=40)
    data: dict[str, int | bool | None] = Field(default_factory=dict, max_length=10)


@api.get("/api/notifications/", requires=permissions.READ_OWN, query=InboxQuery, answers=Page[NotificationResource])
def index(query: InboxQuery) -> dict[str, Any]:
    """The caller's own inbox, the newest first."""
    lines = queries.own_lines(actor=cycle.actor(), unread=query.unread)
    return listing(lines, query, to_json=queries.as_json, orderings=ORDERINGS, default_ordering="-id")


@api.post("/api/notifications/", requires=permissions.SEND, body=NewNotification, status=201)
def create(body: NewNotification) -> dict[str, Any]:
    """Notify a user of the caller's clinics from a template."""
    line_id = actions.send_template(
        user_id=body.recipient, code=body.type, data=dict(body.data), actor=cycle.actor(), now=cycle.now()
    )
    return {"id": line_id, "recipient": body.recipient, "type": body.type, "created_at": cycle.now()}


@api.post("/api/notifications/<int:notification_id>/read/", requires=permissions.READ_OWN, answers=NotificationResource)
def read(notification_id: int) -> dict[str, Any]:
    """Mark one notification as read; idempotent."""
    actions.mark_read(notification_id, actor=cycle.actor(), now=cycle.now())
    return queries.as_json(queries.own_line(notification_id, actor=cycle.actor()))


@api.post("/api/notifications/read/", requires=permissions.READ_OWN)
def read_all() -> dict[str, Any]:
    """Mark all notifications as read."""
    return {"read": actions.mark_all_read(actor=cycle.actor(), now=cycle.now())}


BLUEPRINTS = (api,)
