"""Who may open a socket: pages with their cookie, programs with their token."""

from datetime import timedelta

import pytest
import time_machine
from websocket import WebSocketBadStatusException

from app.kernel import clock, outbox
from app.kernel.db import unit_of_work
from app.notifications.actions import notify
from app.realtime import hub, relay
from tests.cast import Cast
from tests.client import Client
from tests.realtime.conftest import Process, cookie_of


def refused(process: Process, path: str = "/ws/live", **options: object) -> int:
    with pytest.raises(WebSocketBadStatusException) as raised:
        process.open(path, **options)
    return int(raised.value.status_code)


def token_of(process: Process, email: str) -> str:
    client = Client(process.app)
    client.email = email
    client.api("GET", "/api/auth/user/")
    return client._bearer


def write_line(key: str) -> None:
    with unit_of_work(write=True):
        notify(user_id=Cast.bruno_user, key=key, kind="notice", title=key, now=clock.now())
    outbox.relay_once(clock.now(), relay.on_published)


def test_a_page_needs_its_cookie_and_our_origin(process: Process) -> None:
    cookie = cookie_of(process.app, "ana@example.com")
    assert refused(process) == 401
    assert refused(process, cookie="sid=nonsense") == 401
    assert refused(process, cookie=cookie, origin="https://evil.example") == 403
    assert refused(process, cookie=cookie, suppress_origin=True) == 403
    assert process.open(cookie=cookie).join("room:1") == ["room:1"]


def test_a_program_needs_its_token_and_may_have_no_origin(process: Process) -> None:
    token = token_of(process, "bruno@example.com")
    own = f"/ws/notifications/{Cast.bruno_user}"
    assert refused(process, own) == 401
    assert refused(process, own, suppress_origin=True) == 401
    assert refused(process, f"{own}?token=nonsense") == 401
    assert refused(process, own, cookie=cookie_of(process.app, "bruno@example.com")) == 401
    assert refused(process, f"/ws/notifications/{Cast.hugo_user}?token={token}") == 403
    assert refused(process, f"{own}?token={token}", origin="https://evil.example") == 403
    assert process.open(f"{own}?token={token}", suppress_origin=True).is_silent()
    assert process.open(f"/ws/live?token={token}", suppress_origin=True).join("room:1") == ["room:1"]


def test_a_program_cannot_change_what_its_socket_sends(process: Process) -> None:
    token = token_of(process, "bruno@example.com")
    feed = process.open(f"/ws/notifications/{Cast.bruno_user}/?token={token}", suppress_origin=True)
    feed.send(type="subscribe", topics=["room:1"], since=0)
    assert feed.is_silent()


def test_a_session_has_a_limited_number_of_connections(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_CONNECTIONS_PER_SESSION", 2)
    cookie = cookie_of(process.app, "ana@example.com")
    held = [process.open(cookie=cookie) for _number in range(2)]
    for socket in held:
        assert socket.join("room:1")
    assert refused(process, cookie=cookie) == 429
    assert process.page("ana@example.com").join("room:1") == ["room:1"]  # another session
    assert held[0].join("room:2") == ["room:2"]


def test_the_inbox_of_a_program_gets_each_new_line_once(process: Process) -> None:
    token = token_of(process, "bruno@example.com")
    process.call(write_line, "earlier")
    feed = process.open(f"/ws/notifications/{Cast.bruno_user}/?token={token}", suppress_origin=True)
    for key in ("first", "second"):
        process.call(write_line, key)
        frame = feed.frame("notice")
        assert set(frame) == {"type", "data", "timestamp"}
        assert (frame["data"]["title"], frame["timestamp"][-1]) == (key, "Z")
    assert feed.is_silent()


def test_a_ticket_opens_one_socket_and_nothing_else(process: Process) -> None:
    client = Client(process.app)
    client.email = "bruno@example.com"
    ticket = client.api("POST", "/api/auth/socket-ticket/").get_json()["ticket"]
    own = f"/ws/notifications/{Cast.bruno_user}?token={ticket}"
    bearer = {"Authorization": f"Bearer {ticket}"}
    assert process.app.test_client().get("/api/auth/user/", headers=bearer).status_code == 401
    assert process.open(own, suppress_origin=True).is_silent()
    assert refused(process, own, suppress_origin=True) == 401


def test_a_ticket_ends_after_a_minute(process: Process) -> None:
    client = Client(process.app)
    client.email = "bruno@example.com"
    with time_machine.travel(clock.now() - timedelta(seconds=61), tick=False):
        ticket = client.api("POST", "/api/auth/socket-ticket/").get_json()["ticket"]
    assert refused(process, f"/ws/live?token={ticket}", suppress_origin=True) == 401
