"""The shape of a line of an inbox as the API answers it."""

from typing import Any

from pydantic import AwareDatetime

from app.http.resources import Resource


class NotificationResource(Resource):
    id: int
    type: str
    title: str
    message: str
    data: dict[str, Any]
    href: str
    is_read: bool
    read_at: AwareDatetime | None
    created_at: AwareDatetime
