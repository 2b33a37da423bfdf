"""Notifications arrive at once: by mail, in the inbox and on the socket."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import orjson
from websocket import create_connection

from tests.cast import Cast
from tests.live_server import LiveServer

WITHIN = 60.0


def soon(look: Callable[[], list[Path]]) -> list[Path]:
    """What ``look`` finds, as soon as it finds anything."""
    deadline = time.monotonic() + WITHIN
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def next_wednesday() -> datetime:
    """10:00 in Lima, more than a day ahead."""
    day = datetime.now(UTC).replace(hour=15, minute=0, second=0, microsecond=0) + timedelta(days=2)
    return day + timedelta(days=(2 - day.weekday()) % 7)


def test_a_booking_reaches_the_patient_and_the_therapist(live_server: LiveServer) -> None:
    cast = Cast()
    ana, bruno = live_server.api_client("ana@example.com"), live_server.api_client("bruno@example.com")
    feed = create_connection(
        f"ws://127.0.0.1:{live_server.port}/ws/notifications/{cast.bruno_user}/?token={bruno.token}",
        timeout=WITHIN,
        suppress_origin=True,
    )
    wanted = {
        "clinic_id": cast.miraflores,
        "therapist_id": cast.bruno,
        "patient_id": cast.clara,
        "service_id": cast.reflexology,
        "starts_at": next_wednesday().isoformat(),
    }
    answer = ana.call("POST", "/api/appointments/", wanted)
    assert answer.status == 201, answer.body
    frame = orjson.loads(feed.recv())
    feed.close()
    assert (frame["type"], frame["data"]["appointment_id"]) == ("appointment_created", answer.json["id"])
    assert bruno.call("GET", "/api/notifications/?unread=true").json["count"] == 1
    (file,) = soon(lambda: list(live_server.outbox.glob("*.eml")))
    mail = message_from_bytes(file.read_bytes(), _class=EmailMessage, policy=policy.default)
    assert mail["To"] == "clara@example.com"
    assert b"BEGIN:VCALENDAR" in b"".join(p.get_payload(decode=True) or b"" for p in mail.walk())
