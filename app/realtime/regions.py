"""The registry of live regions: a topic's name, who may listen, which facts refresh it."""

from collections.abc import Callable, Iterable, Mapping

from flask import Flask, current_app

from app.kernel.access import Actor
from app.kernel.events import Event
from app.kernel.outbox import EventRow


class Region:
    """``Region("agenda", may_listen)`` owns the topics ``agenda:…``.

    ``may_listen(actor, *parts)`` gets the parts of the topic after its name and answers with the same
    ``can`` as the page; ``on`` says which topics a fact touches.
    """

    def __init__(self, name: str, may_listen: Callable[..., bool]) -> None:
        self.name = name
        self.may_listen = may_listen
        self.touched_by: dict[str, Callable[[EventRow], Iterable[str]]] = {}

    def on(self, event: type[Event], topics: Callable[[EventRow], Iterable[str]]) -> "Region":
        self.touched_by[event.type] = topics
        return self


def register(app: Flask, regions: Iterable[Region]) -> None:
    """Make the regions of every package live in an application."""
    app.extensions["live_regions"] = {region.name: region for region in regions}


def _regions() -> Mapping[str, Region]:
    found: Mapping[str, Region] = current_app.extensions["live_regions"]
    return found


def may_listen(actor: Actor, topic: str) -> bool:
    """Whether the actor may hear of a topic; unknown and malformed topics are silent."""
    name, *parts = topic.split(":")
    region = _regions().get(name)
    try:
        return region is not None and region.may_listen(actor, *parts)
    except (TypeError, ValueError):
        return False


def topics_of(rows: Iterable[EventRow]) -> list[str]:
    """The topics touched by these facts, each once."""
    touched: dict[str, None] = {}
    for row in rows:
        for region in _regions().values():
            if row.type in region.touched_by:
                touched.update(dict.fromkeys(region.touched_by[row.type](row)))
    return list(touched)
