"""The registry of channels: who may join a topic, which events refresh it, what it does with messages."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, current_app

from app.kernel.access import Actor
from app.kernel.errors import DomainError
from app.kernel.events import Event
from app.kernel.outbox import EventRow

MAX_TOPIC_LENGTH = 200
NUMBERS = re.compile(r"[0-9]+")

Topics = Callable[[EventRow], Iterable[str]]
RightsChanges = Mapping[type[Event], Callable[[EventRow], Iterable[int]]]


@dataclass(frozen=True, slots=True)
class Channel:
    """``Channel("agenda", may_join)`` owns the topics ``agenda:…``; ``parts`` are the parts after the name.

    ``may_join(actor, *parts)`` uses the same permission check as the page. ``render(connection, *parts)`` returns the
    frames sent instead of a ``refresh`` frame. ``on_message(connection, message, *parts)`` takes the messages sent to
    a joined topic. The hub opens the unit of work of all three; ``writes``: ``on_message`` needs a writing
    one. ``shows_presence``: keep the users who have joined (``presence.users_at``).
    """

    name: str
    may_join: Callable[..., bool]
    render: Callable[..., Iterable[Mapping[str, Any]]] | None = None
    on_message: Callable[..., None] | None = None
    writes: bool = False
    shows_presence: bool = False
    refreshed_by: dict[str, Topics] = field(default_factory=dict)

    def on(self, event: type[Event], topics: Topics) -> "Channel":
        """Refresh ``topics(row)`` when such an event was published."""
        self.refreshed_by[event.type] = topics
        return self


def register(app: Flask, channels: Iterable[Channel], rights_changes: Iterable[RightsChanges]) -> None:
    """Make the channels of every package, and the events after which rights are checked again, known."""
    app.extensions["channels"] = {channel.name: channel for channel in channels}
    app.extensions["rights_changes"] = {
        event.type: user_ids for changes in rights_changes for event, user_ids in changes.items()
    }


def _channels() -> Mapping[str, Channel]:
    declared: Mapping[str, Channel] = current_app.extensions["channels"]
    return declared


def find(topic: str) -> tuple[Channel | None, list[str]]:
    """The channel of a topic and the parts after its name."""
    name, *parts = topic.split(":")
    return _channels().get(name), parts


def may_join(actor: Actor, topic: str) -> bool:
    """Whether the actor may join a topic; an unknown or malformed one is refused like a forbidden one."""
    if not _is_well_formed(topic):
        return False
    channel, parts = find(topic)
    try:
        return channel is not None and channel.may_join(actor, *parts)
    except (TypeError, ValueError, DomainError):
        return False


def _is_well_formed(topic: str) -> bool:
    """Short, and every number in it is one that a row can have: what reaches a query cannot fail there."""
    numbers = (int(part) for part in NUMBERS.findall(topic[:MAX_TOPIC_LENGTH]))
    return len(topic) <= MAX_TOPIC_LENGTH and topic.isprintable() and all(number < 2**31 for number in numbers)


def topics_of(rows: Iterable[EventRow]) -> list[str]:
    """The topics refreshed by these events, each once."""
    refreshed: dict[str, None] = {}
    for row in rows:
        for channel in _channels().values():
            if row.type in channel.refreshed_by:
                refreshed.update(dict.fromkeys(channel.refreshed_by[row.type](row)))
    return list(refreshed)


def users_with_changed_rights(rows: Iterable[EventRow]) -> list[int]:
    """The users whose rights these events changed, each once."""
    changes = current_app.extensions["rights_changes"]
    return list(dict.fromkeys(user_id for row in rows if row.type in changes for user_id in changes[row.type](row)))
