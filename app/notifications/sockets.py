"""``/ws/notifications/<user_id>?token=``: the inbox for programs, one JSON frame per new line.

The handshake is refused with 401 (no good token) or 403 (somebody else's inbox, a foreign Origin).
"""

from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Flask, Response, current_app, g, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from app.http import tokens
from app.http.cycle import RouteSpec, declare
from app.kernel import access, clock, db
from app.kernel.access import Actor
from app.kernel.errors import Unauthenticated
from app.notifications import permissions, queries
from app.realtime.hub import Connection, Hub

sockets = Blueprint("notification_sockets", __name__)
sock = Sock(sockets)


@sockets.before_request
def check_handshake() -> Response | None:
    g.now = clock.now()
    origin = request.headers.get("Origin")
    ours = {request.host, urlsplit(current_app.config["SETTINGS"].public_url).netloc}
    if origin is not None and urlsplit(origin).netloc not in ours:
        return Response(status=403)
    with db.unit_of_work(write=False):
        g.actor = _actor(request.args.get("token", ""))
    g.pop("touch", None)  # an open socket is no sign of a person
    if g.actor is None:
        return Response(status=401)
    mine = (request.view_args or {}).get("user_id") == g.actor.user_id
    return None if mine and access.can_anywhere(g.actor, permissions.READ_OWN) else Response(status=403)


def _actor(token: str) -> Actor | None:
    try:
        claims = tokens.read(token)
    except Unauthenticated:
        return None
    load: access.SessionLoader = current_app.extensions["load_actor"]
    return load(session_id=int(claims["sid"]))


class InboxConnection(Connection):
    """Turns each wake-up of the hub into the lines that came since the last one."""

    def __init__(self, socket: Server, actor: Actor, app: Flask) -> None:
        self._app = app
        self._sent = {row.id for row in self._lines(app, actor)}
        super().__init__(socket, actor)
        self.topics = frozenset({queries.topic_of(actor.user_id)})

    @staticmethod
    def _lines(app: Flask, actor: Actor) -> list[Any]:
        with app.app_context(), db.unit_of_work(write=False):
            return queries.newest_of(actor.user_id)

    def _write(self) -> None:
        while self._queue.get() is not None:
            for row in self._lines(self._app, self.actor):
                if row.id in self._sent:
                    continue
                self._sent.add(row.id)
                try:
                    self.socket.send(frame(row))
                except (ConnectionClosed, OSError):
                    return


def frame(row: Any) -> str:
    """``{"type", "data", "timestamp"}``."""
    data = {"id": row.id, "title": row.title, "message": row.text, "href": row.href, **row.data}
    message = {"type": row.kind, "data": data, "timestamp": row.created_at}
    return orjson.dumps(message, option=orjson.OPT_UTC_Z).decode()


@sock.route("/ws/notifications/<int:user_id>/", strict_slashes=False)
def feed(socket: Server, user_id: int) -> None:
    """Frames out: one per new line of the inbox. Whatever comes in is ignored."""
    hub: Hub = current_app.extensions["hub"]
    connection = InboxConnection(socket, g.actor, current_app._get_current_object())  # type: ignore[attr-defined]
    hub.join(connection)
    try:
        while True:
            socket.receive()
    finally:
        hub.leave(connection)


def register(app: Flask) -> None:
    app.register_blueprint(sockets)
    view = app.view_functions["notification_sockets.feed"]
    declare(view, RouteSpec(public="the handshake checks the token, whose inbox it is, and the Origin"))
