"""What a test needs in the clinic before somebody looks at it, written through the JSON interface."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.cast import Cast
from tests.served import Served


def local_now(served: Served) -> datetime:
    """The wall clock of Miraflores."""
    clinic = served.program("ana@example.com").call("GET", f"/api/clinics/{Cast.miraflores}/").json
    return datetime.now(ZoneInfo(clinic["timezone"]))


def book(
    served: Served,
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
        "starts_at": f"{day(served, days)}T{hour}:00",
    }
    answer = served.program("ana@example.com").call("POST", "/api/appointments/", wanted)
    assert answer.status == 201, answer.body
    visit: dict[str, Any] = answer.json
    return visit


def day(served: Served, days: int = 0) -> date:
    return local_now(served).date() + timedelta(days=days)
