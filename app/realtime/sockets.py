"""The sockets of the application: ``/ws/live`` of every page, and those that packages declare (``live.SOCKETS``)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, g, request
from flask_sock import Sock
from simple_websocket import Server

from app.http.cycle import RouteSpec, declare
from app.kernel.access import SessionLoader
from app.realtime import handshake, inbound
from app.realtime.hub import Hub

PING_SECONDS = 25


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket's address. ``topics``, given the rule's arguments, are joined at once and never change.

    Without ``topics`` the client sends ``{"type": "subscribe", "topics": [...], "since": seconds?}``, the full set each
    time. ``cookie=False``: for API clients only.
    """

    rule: str
    endpoint: str
    cookie: bool
    topics: Callable[..., list[str]] | None = None


LIVE = Socket("/ws/live", "live", cookie=True)


def register(
    app: Flask,
    sockets: Iterable[Socket],
    *,
    load_actor: SessionLoader,
    sessions_alive: Callable[[set[int]], set[int]],
) -> None:
    """Give an application its hub and its sockets."""
    app.config["SOCK_SERVER_OPTIONS"] = {
        "ping_interval": PING_SECONDS,
        "max_message_size": inbound.MAX_MESSAGE_BYTES,
    }
    hub = app.extensions["hub"] = Hub(app, load_actor, sessions_alive)
    blueprint = Blueprint("sockets", __name__)
    declared = {f"sockets.{socket.endpoint}": socket for socket in (LIVE, *sockets)}
    for socket in declared.values():
        view = _view(hub, socket)
        Sock(blueprint).route(socket.rule, bp=blueprint, endpoint=socket.endpoint, strict_slashes=False)(view)

    @blueprint.before_request
    def check_handshake() -> Response | None:
        socket = declared[request.endpoint or ""]
        topics = socket.topics(**(request.view_args or {})) if socket.topics else ()
        return handshake.check(hub, cookie=socket.cookie, topics=topics)

    app.register_blueprint(blueprint)
    for endpoint in declared:
        declare(app.view_functions[endpoint], RouteSpec(public="the handshake checks the credentials and the Origin"))


def _view(hub: Hub, socket: Socket) -> Callable[..., None]:
    def serve(server: Server, **arguments: int | str) -> None:
        connection = hub.connect(server, g.actor, opened_at=g.now)
        try:
            if socket.topics:
                hub.join(connection, socket.topics(**arguments))
            while True:  # ends by ConnectionClosed
                inbound.handle(hub, connection, server.receive(), subscribes=socket.topics is None)
        finally:
            hub.disconnect(connection)

    return serve
