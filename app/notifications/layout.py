"""Context values of every page about the actor's inbox."""

from app.kernel.access import Actor
from app.notifications import queries


def _unread_count(actor: Actor) -> int:
    return queries.unread_count(actor=actor)


def _inbox_topic(actor: Actor) -> str:
    return queries.topic_of(actor.person_id)


VALUES = {"unread_count": _unread_count, "inbox_topic": _inbox_topic}
