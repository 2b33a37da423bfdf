"""Who may open a socket: the one handshake of pages (cookie) and programs (``?token=``).

Refused before the socket is accepted: 401 not signed in, 403 a foreign Origin or a forbidden topic, 429 too many
connections of the session. A browser sends its Origin, which must be ours, since cookies are sent from any page;
an API client may send none, and authenticates by a one-time ticket or its access token.
"""

from collections.abc import Iterable

from flask import Response, g, request
from flask_login import current_user

from app.http import origin, tokens
from app.kernel import clock, db
from app.kernel.access import Actor
from app.kernel.errors import Unauthenticated
from app.realtime import channels
from app.realtime.hub import Hub


def check(hub: Hub, *, cookie: bool, topics: Iterable[str] = ()) -> Response | None:
    """Set ``g.actor``, or return the refusal. ``topics`` are those that the socket joins at once."""
    g.now = clock.now()
    token = request.args.get("token", "")
    if not _is_good_origin(request.headers.get("Origin"), may_be_absent=bool(token) or not cookie):
        return Response(status=403)
    with db.unit_of_work(write=False):
        g.actor = _actor_of_cookie() if cookie and not token else _actor_of_token(token)
        g.pop("touch", None)  # opening a socket does not count as activity of the user
        if g.actor is None:
            return Response(status=401)
        if not all(channels.may_join(g.actor, topic) for topic in topics):
            return Response(status=403)
    return Response(status=429) if hub.is_full(g.actor) else None


def _is_good_origin(sent: str | None, *, may_be_absent: bool) -> bool:
    return may_be_absent if sent is None else origin.is_ours(sent)


def _actor_of_cookie() -> Actor | None:
    actor: Actor | None = current_user.actor if current_user.is_authenticated else None
    return actor


def _actor_of_token(token: str) -> Actor | None:
    """Of a ticket, or of an access token (D4)."""
    for actor_of in (tokens.actor_of, tokens.actor_of_ticket):
        try:
            return actor_of(token)
        except Unauthenticated:
            continue
    return None
