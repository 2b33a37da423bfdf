"""``/ws/live``: the one socket of a page, with its cookie.

The handshake is refused (401, 403) before anything is accepted: flask-sock itself checks no Origin.
"""

from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Flask, Response, current_app, g, request
from flask_login import current_user
from flask_sock import Sock
from simple_websocket import Server

from app.http.cycle import RouteSpec, declare
from app.kernel import clock, db
from app.realtime.hub import Connection, Hub

sockets = Blueprint("sockets", __name__)
sock = Sock(sockets)


@sockets.before_request
def check_handshake() -> Response | None:
    g.now = clock.now()
    origin = urlsplit(request.headers.get("Origin", ""))
    if origin.netloc not in {request.host, urlsplit(current_app.config["SETTINGS"].public_url).netloc}:
        return Response(status=403)
    with db.unit_of_work(write=False):
        g.actor = current_user.actor if current_user.is_authenticated else None
    g.pop("touch", None)  # a socket that opens by itself is no sign of a person
    return None if g.actor is not None else Response(status=401)


@sock.route("/ws/live")
def live(socket: Server) -> None:
    """In: ``{"type": "subscribe", "topics": [...], "since": seconds?}``. Out: refresh, paused, resumed."""
    hub: Hub = current_app.extensions["hub"]
    connection = Connection(socket, g.actor)
    hub.join(connection)
    try:
        while True:
            try:
                message = orjson.loads(socket.receive())
            except orjson.JSONDecodeError:
                continue
            if not isinstance(message, dict) or message.get("type") != "subscribe":
                continue
            topics, since = message.get("topics"), message.get("since")
            if isinstance(topics, list):
                hub.subscribe(connection, topics, since=since if isinstance(since, int | float) else None)
    finally:
        hub.leave(connection)


def register(app: Flask) -> None:
    app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": 25, "max_message_size": 16384}
    app.extensions["hub"] = Hub(app)
    app.register_blueprint(sockets)
    declare(app.view_functions["sockets.live"], RouteSpec(public="the handshake checks the session and the Origin"))
