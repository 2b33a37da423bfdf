"""Messages from clients: a JSON object with a ``type``; one for a channel names its ``topic``.

Invalid messages, those without a handler and those for a topic that was not joined are ignored.
"""

from typing import Any

import orjson

from app.kernel.db import unit_of_work
from app.kernel.errors import DomainError
from app.realtime import channels, push
from app.realtime.connection import Connection
from app.realtime.hub import MAX_TOPICS, Hub

MAX_MESSAGE_BYTES = 16 * 1024
POLICY_VIOLATION = 1008
TOPIC_COST = 0.2  # of a message, for each topic that is new


def handle(hub: Hub, connection: Connection, text: str | bytes, *, subscribes: bool) -> None:
    """Take one message; a client that exceeds its rate is closed with 1008 and ignored from then on."""
    if connection.is_closing:
        return
    message = _parse(text)
    if not connection.inbound.take(1 + TOPIC_COST * _new_topics(connection, message)):
        connection.close(POLICY_VIOLATION, "too many messages")
        return
    if message is None:
        return
    if message["type"] == "subscribe" and subscribes:
        if text != connection.subscription:  # the same again asks for nothing
            connection.subscription = text
            _subscribe(hub, connection, message)
    elif message.get("topic") in connection.topics:
        _dispatch(connection, message)


def _new_topics(connection: Connection, message: dict[str, Any] | None) -> int:
    """How many topics a message asks to join: each may cost a query."""
    topics = message.get("topics") if message else None
    return sum(topic not in connection.topics for topic in _names(topics)) if isinstance(topics, list) else 0


def _names(topics: list[Any]) -> list[str]:
    return [topic for topic in topics[:MAX_TOPICS] if isinstance(topic, str)]


def _parse(text: str | bytes) -> dict[str, Any] | None:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    is_valid = isinstance(message, dict) and isinstance(message.get("type"), str)
    return message if is_valid and isinstance(message.get("topic", ""), str) else None


def _subscribe(hub: Hub, connection: Connection, message: dict[str, Any]) -> None:
    topics, since = message.get("topics"), message.get("since")
    if isinstance(topics, list):
        hub.join(connection, _names(topics), since=since if isinstance(since, int | float) else None)


def _dispatch(connection: Connection, message: dict[str, Any]) -> None:
    """Give a message to its channel; an error is returned as an ``error`` frame with the message's ``id``."""
    channel, parts = channels.find(message["topic"])
    if channel is None or channel.on_message is None:
        return
    try:
        with unit_of_work(write=channel.writes):
            channel.on_message(connection, message, *parts)
    except DomainError as error:
        answer = {"type": "error", "topic": message["topic"], "code": error.code, "id": message.get("id")}
        connection.send(push.encode(answer))
