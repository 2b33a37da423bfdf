"""``/ws/notifications/<user>``: who is refused in the handshake (tests/journeys sees the frames)."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from websocket import WebSocketBadStatusException, create_connection
from werkzeug.serving import make_server

from tests.cast import Cast
from tests.client import Client


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """A served copy of the application."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"ws://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def token_of(app: Flask, email: str) -> str:
    client = Client(app)
    client.email = email
    client.api("GET", "/api/auth/user/")
    return client._bearer


def refused(url: str, **options: object) -> int:
    with pytest.raises(WebSocketBadStatusException) as raised:
        create_connection(url, timeout=5, **options)
    return int(raised.value.status_code)


def test_a_stranger_is_refused_in_the_handshake(app: Flask, cast: Cast, address: str) -> None:
    token = token_of(app, "bruno@example.com")
    mine = f"{address}/ws/notifications/{cast.bruno_user}"
    assert refused(mine) == 401
    assert refused(f"{mine}?token=nonsense") == 401
    assert refused(f"{address}/ws/notifications/{cast.hugo_user}?token={token}") == 403
    assert refused(f"{mine}?token={token}", origin="https://evil.example") == 403
