"""Test data of the browser tests, created through the JSON interface."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.cast import Cast
from tests.live_server import LiveServer


def local_now(live_server: LiveServer) -> datetime:
    """The local time of Miraflores."""
    clinic = live_server.api_client("ana@example.com").call("GET", f"/api/clinics/{Cast.miraflores}/").json
    return datetime.now(ZoneInfo(clinic["timezone"]))


def book(
    live_server: LiveServer,
    hour: str,
    *,
    patient: int,
    therapist: int = Cast.bruno,
    service: int = Cast.physiotherapy,
    days: int = 0,
) -> dict[str, Any]:
    """A visit of 30 minutes at ``hour``, today or some days later."""
    wanted = {
        "clinic_id": Cast.miraflores,
        "therapist_id": therapist,
        "patient_id": patient,
        "service_id": service,
        "starts_at": f"{day(live_server, days)}T{hour}:00",
    }
    answer = live_server.api_client("ana@example.com").call("POST", "/api/appointments/", wanted)
    assert answer.status == 201, answer.body
    visit: dict[str, Any] = answer.json
    return visit


def day(live_server: LiveServer, days: int = 0) -> date:
    return local_now(live_server).date() + timedelta(days=days)
