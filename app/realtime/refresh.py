"""The page that made a change: the response names the refreshed topics, as the socket does for other pages.

One ``HX-Trigger`` event, ``live:changed`` with ``topics``, of the events recorded in the request. The page then ignores
the refresh frames that carry its own id (``X-Client-Id``): one fetch for a change and region on every screen.
"""

from flask import Flask, Response

from app.http import cycle, fragments
from app.kernel import outbox
from app.realtime import channels


def register(app: Flask) -> None:
    cycle.before_commit(app, add_topics)


def add_topics(response: Response) -> None:
    """Name the topics of this unit's events in the response, unless it leads to another page."""
    if not cycle.is_fragment_request() or "HX-Redirect" in response.headers:
        return
    topics = channels.topics_of(outbox.recorded())
    if topics:
        fragments.trigger(response, "live:changed", {"topics": topics})
