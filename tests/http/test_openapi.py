"""The description of the API says what its answers look like, and they do (``tests.inspector.inspect_json``)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests import build
from tests.cast import Cast
from tests.client import Client


def _visit() -> int:
    return build.visit(build.at("10:00"), paid=True)


def _ticket() -> int:
    build.till_session()
    ticket_id = build.ticket()
    build.payment(ticket_id)
    return ticket_id


RESOURCES: dict[tuple[str, str], Callable[[], int]] = {
    ("/api/appointments/{appointment_id}/", "AppointmentResource"): _visit,
    ("/api/clinics/{clinic_id}/", "ClinicResource"): lambda: Cast.miraflores,
    ("/api/patients/{patient_id}/", "PatientResource"): lambda: Cast.clara,
    ("/api/services/{service_id}/", "ServiceResource"): lambda: Cast.reflexology,
    ("/api/therapists/{therapist_id}/", "TherapistResource"): lambda: Cast.bruno,
    ("/api/tickets/{ticket_id}/", "TicketDetailsResource"): _ticket,
    ("/api/till-sessions/{session_id}/", "TillSessionDetailsResource"): build.till_session,
    ("/api/appointments/available/?date=2026-11-25", "SlotsResource"): lambda: 0,
    ("/api/notifications/", "Page_NotificationResource_"): lambda: 0,
}


@pytest.mark.parametrize(("path", "schema"), RESOURCES)
def test_an_answer_has_the_shape_that_is_described(app: Flask, ana: Client, path: str, schema: str) -> None:
    with app.app_context():
        number = RESOURCES[path, schema]()
    described = ana.api("GET", "/api/openapi.json").get_json()
    operation: dict[str, Any] = described["paths"][path.partition("?")[0]]["get"]
    shown = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert shown == {"$ref": f"#/components/schemas/{schema}"}
    answer = ana.api("GET", path.replace(path[path.find("{") : path.find("}") + 1] or "{}", str(number)))
    assert answer.status_code == 200, answer.text
    required = described["components"]["schemas"][schema]["required"]
    assert set(required) <= set(answer.get_json())


@pytest.mark.any_engine
def test_the_description_names_the_problems_of_a_route(ana: Client) -> None:
    operation = ana.api("GET", "/api/openapi.json").get_json()["paths"]["/api/reports/{run_id}/"]["get"]
    assert set(operation["responses"]) == {"200", "401", "403", "404", "429", "default"}
    assert operation["parameters"][0]["schema"] == {"type": "integer"}
