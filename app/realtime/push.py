"""Frames to connected screens and programs, from a web process or the worker, through Redis.

A frame is a JSON object with a ``type``. Call these after the commit (``db.after_commit``): recipients must find the
change. They return False when Redis is unavailable; what must not be lost is stored and read on the next refresh.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from app.kernel.broker import broker

REDIS_CHANNEL = "mediconnect:live"  # read by the hub of every web process
MAX_FRAME_BYTES = 32 * 1024

Frame = Mapping[str, Any]


def to_topic(topic: str, frame: Frame) -> bool:
    """Send a frame to every connection that joined the topic."""
    return _publish({"kind": "push", "topic": topic, "frame": frame})


def to_user(user_id: int, frame: Frame) -> bool:
    """Send a frame to every connection of a user."""
    return _publish({"kind": "push", "user": user_id, "frame": frame})


def to_connection(connection_id: str, frame: Frame) -> bool:
    """Send a frame to one connection (``presence.connections_of``)."""
    return _publish({"kind": "push", "connection": connection_id, "frame": frame})


def fragment(topic: str, html: str) -> bool:
    """Show HTML on every page that joined the topic, without a fetch: only what all its readers may see alike.

    ``html`` consists of ``fragments.oob_swap`` partials: each names its target.
    """
    return to_topic(topic, {"type": "fragment", "topic": topic, "html": html})


def refresh(topics: Iterable[str], *, by: str | None = None) -> bool:
    """Let every region that shows one of these topics fetch itself.

    ``by`` is the page that made the change (``Context.client_id``): its response contained the topics already.
    """
    named = list(topics)
    return bool(named) and _publish({"kind": "refresh", "topics": named, "by": by})


def rights_changed(user_ids: Iterable[int]) -> bool:
    """Check again what the connections of these users may join, and whether their sessions are still valid."""
    return _publish({"kind": "rights", "user_ids": list(user_ids)})


def encode(frame: Frame) -> bytes:
    """A frame as it is sent. Raises ValueError beyond ``MAX_FRAME_BYTES``."""
    encoded = orjson.dumps(frame, option=orjson.OPT_UTC_Z)
    if len(encoded) > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {len(encoded)} bytes; at most {MAX_FRAME_BYTES} are sent")
    return encoded


def _publish(message: dict[str, Any]) -> bool:
    if "frame" in message:
        encode(message["frame"])  # validated by the sender, not in the hub
    return broker().publish(REDIS_CHANNEL, message)
