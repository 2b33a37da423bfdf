"""Reports of visits against rows written straight into the table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from app.kernel.db import db
from app.scheduling.models import Appointment
from tests.client import Client

FRIDAY_TEN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SUNDAY = FRIDAY_TEN + timedelta(days=2)
RANGE = "start=2026-11-20&end=2026-11-22"


def _visit(at: datetime, status: str = "booked", therapist: int = 1, patient: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "uid": f"{at.isoformat()}-{therapist}",
        "organization_id": 1,
        "clinic_id": 1,
        "therapist_id": therapist,
        "patient_id": patient,
        "service_id": 1,
        "starts_at": at,
        "ends_at": at + timedelta(minutes=45),
        "status": status,
        "status_since": at,
        "created_at": at,
        "is_first_visit": False,
        **values,
    }


@pytest.fixture
def visits(app: Flask) -> None:
    rows = (
        _visit(FRIDAY_TEN, "fulfilled", is_first_visit=True),
        _visit(FRIDAY_TEN + timedelta(hours=1), "noshow", patient=2),
        _visit(FRIDAY_TEN + timedelta(hours=2), "cancelled", patient=2),
        _visit(FRIDAY_TEN + timedelta(hours=3), therapist=2, patient=2, service_id=2),
        _visit(FRIDAY_TEN + timedelta(hours=4), "entered-in-error", therapist=2),
        _visit(SUNDAY, therapist=2),
        _visit(FRIDAY_TEN.replace(day=21, hour=4, minute=30), therapist=2),  # 23:30 of Friday in Lima
        _visit(FRIDAY_TEN, clinic_id=2, therapist=3, service_id=3, patient=2),
    )
    with app.app_context():
        db.session.execute(insert(Appointment), list(rows))
        db.session.commit()


def _get(client: Client, name: str, query: str = RANGE) -> Any:
    answer = client.api("GET", f"/api/reports/{name}/?{query}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_appointments_per_therapist(diego: Client, visits: None) -> None:
    body = _get(diego, "appointments-per-therapist")
    lines = [(t["terapeuta"], t["citas"], t["porcentaje"]) for t in body["terapeutas"]]
    assert lines == [("Bruno Salas", 3, 50.0), ("Hugo Paredes", 3, 50.0)]
    bruno = body["terapeutas"][0]
    assert (bruno["atendidas"], bruno["canceladas"], bruno["no_vino"]) == (1, 1, 1)
    assert body["total_citas"] == 6


def test_patients_by_therapist(diego: Client, visits: None) -> None:
    body = _get(diego, "patients-by-therapist")
    found = {t["terapeuta"]: [(p["paciente"], p["citas"]) for p in t["pacientes"]] for t in body["terapeutas"]}
    assert found["Bruno Salas"] == [("Clara Inés Núñez Quispe", 1), ("Gloria Mamani Huamán", 1)]
    assert body["total_pacientes"] == 2


def test_a_visit_belongs_to_its_local_day(diego: Client, visits: None) -> None:
    assert _get(diego, "appointments-between-dates", "date=2026-11-20")["total"] == 5
    assert _get(diego, "appointments-between-dates", "date=2026-11-21")["total"] == 0


def test_statistics_leave_closed_weekdays_out(diego: Client, visits: None) -> None:
    body = _get(diego, "statistics")
    assert (body["total_citas"], body["dias_de_atencion"], body["citas_por_dia"]) == (5, 2, 2.5)
    assert body["por_estado"] == {"booked": 2, "fulfilled": 1, "noshow": 1, "cancelled": 1}
    assert (body["primeras_citas"], body["por_dia_semana"]) == (1, {"4": 5})
    assert sum(t["citas"] for t in body["por_terapeuta"]) == 5


def test_a_therapist_can_be_named(diego: Client, visits: None) -> None:
    assert _get(diego, "appointments-between-dates", RANGE + "&therapist_id=2")["total"] == 3


@pytest.mark.parametrize("query", ["start=2026-11-22&end=2026-11-20", "start=x", "payment_methods=yape"])
def test_it_rejects_bad_input(diego: Client, query: str) -> None:
    assert diego.api("GET", f"/api/reports/statistics/?{query}").status_code == 400


def test_it_requires_report_read(ana: Client, bruno: Client) -> None:
    for person in (ana, bruno):
        assert person.api("GET", "/api/reports/statistics/").status_code == 403


def test_it_hides_other_clinics(diego: Client, eva: Client, visits: None) -> None:
    path = f"/api/reports/appointments-between-dates/?{RANGE}&clinic_id=2"
    assert diego.api("GET", path).status_code == 404
    assert eva.api("GET", path).get_json()["total"] == 1


@pytest.mark.parametrize("name", ["citas-terapeuta", "pacientes-terapeuta", "citas-rango", "estadisticas"])
def test_every_dress_and_page(diego: Client, visits: None, name: str) -> None:
    for format_ in ("pdf", "excel", "csv", "json"):
        answer = diego.api("GET", f"/api/exports/{format_}/{name}/?date=2026-11-20")
        assert answer.status_code == 200, (format_, answer.text)
    page = diego.get(f"/reports/{name}?date=2026-11-20")
    assert page.status_code == 200
    assert 'name="start" value="2026-11-20"' in page.text
