"""Requests without permission, and input that no form sends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

import config
from app import create_app
from app.billing.models import Movement
from app.identity import actions as identity
from app.identity.models import LoginAttempt, UserSession
from app.kernel import ids, money
from app.kernel.db import db
from app.kernel.errors import Unavailable
from app.patients.models import Patient
from app.scheduling.models import Appointment
from tests.cast import Cast
from tests.client import Client
from tests.scheduling import front_desk

HUGE = 99999999999999999999


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(front_desk.NOW, tick=True):
        yield


def add_visit(client: Client, *args: Any, **options: Any) -> int:
    with client.app.app_context():
        visit_id = front_desk.add_visit(*args, **options)
        db.session.commit()
        return visit_id


def owe(ana: Client) -> str:
    """A ticket of S/ 60.00 with the till open: where its payments are sent."""
    add_visit(ana, "09:00")
    ana.api("POST", "/api/till-sessions/", {})
    return "/api/tickets/1/payments/"


def pay(ana: Client, place: str, amount: object, **more: object) -> Any:
    return ana.api("POST", place, {"method": "efectivo", "amount": amount, **more})


# ------------------------------------------------------------------ amounts


@pytest.mark.parametrize(
    "amount", ["1,0", "1,2,3", "0,50", "1,0000", "٨", "1.005", "1e1", "-5", "0", "", "NaN", True, 5.0, 1.5, None, [5]]
)
def test_an_invalid_amount_is_refused(ana: Client, amount: object) -> None:
    answer = pay(ana, owe(ana), amount)
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == ["amount"]
    with ana.app.app_context():
        assert db.session.scalar(select(func.count()).where(Movement.kind != "charge")) == 0


def test_a_comma_stands_between_thousands_only() -> None:
    assert money.parse_cents("1,234,567.50") == 123456750
    for typed in ("80,50", "12,34", "1,23456", ",5", "1,234,5"):
        with pytest.raises(money.BadAmount):
            money.parse_cents(typed)


def test_the_handed_over_amount_is_read_as_strictly(ana: Client) -> None:
    answer = pay(ana, owe(ana), "5.00", tendered="10,00")
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == ["tendered"]


@pytest.mark.parametrize("price", ["-1.00", "80,50", 80.5])
def test_an_invalid_price_is_reported_under_the_field_name_sent(eva: Client, price: object) -> None:
    body = {"clinic_id": 1, "name": "Drenaje", "duration_minutes": 30, "price": price}
    answer = eva.api("POST", "/api/services/", body)
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == ["price"]


# ------------------------------------------------------------------ numbers and days that cannot be


@pytest.mark.parametrize(
    "path",
    [
        f"/api/tickets/{HUGE}/",
        f"/api/appointments/{HUGE}/",
        f"/api/patients/{HUGE}/",
        f"/api/services/{HUGE}/",
        f"/patients/{HUGE}",
        f"/tickets/{HUGE}",
    ],
)
def test_an_id_out_of_range_is_not_found(ana: Client, path: str) -> None:
    answer = ana.api("GET", path) if path.startswith("/api") else ana.get(path)
    assert answer.status_code == 404
    if path.startswith("/api"):
        assert answer.get_json() == ana.api("GET", path.replace(str(HUGE), "987654")).get_json()


@pytest.mark.parametrize(
    "path",
    [
        f"/api/tickets/?patient_id={HUGE}",
        f"/api/tickets/?page={HUGE}",
        f"/api/appointments/?doctor={HUGE}",
        "/api/appointments/?date=9999-12-31",
        "/api/appointments/day/?date=9999-12-31",
        "/api/appointments/available/?date_from=9999-12-31&therapist_id=1",
        "/api/appointments/available/?date_from=0001-01-01&therapist_id=1",
        f"/api/appointments/available/?date_from=2026-11-23&service_id={HUGE}",
        "/api/tickets/?ordering=--id",
    ],
)
def test_a_query_value_out_of_range_is_a_bad_request(ana: Client, path: str) -> None:
    answer = ana.api("GET", path)
    assert answer.status_code == 400, answer.text
    assert set(answer.get_json()) == {"error", "code", "message", "details"}


@pytest.mark.parametrize("path", [f"/patients?page={HUGE}", f"/appointments/new?patient_id={HUGE}"])
def test_a_page_parameter_out_of_range_is_a_bad_request(ana: Client, path: str) -> None:
    assert ana.get(path).status_code == 400


@pytest.mark.parametrize(
    "starts_at",
    ["9999-12-31T23:59", "0001-01-01T00:00+14:00", "2026-11-23T10:00:00.5-05:00", "2026-11-23T10:00:30-05:00", "x"],
)
def test_an_invalid_time_is_not_booked(ana: Client, starts_at: str) -> None:
    body = {"patient_id": 1, "therapist_id": 1, "service_id": 1, "starts_at": starts_at}
    assert ana.api("POST", "/api/appointments/", body).status_code == 400
    with ana.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Appointment)) == 0


@pytest.mark.parametrize("starts_at", ["2026-11-23T15:07Z", "2026-11-23T15:00:33Z", "9999-12-31T23:59Z", "x"])
def test_patients_can_book_offered_times_only(clara: Client, starts_at: str) -> None:
    answer = clara.post("/my/visits", {"service_id": "1", "therapist_id": "1", "starts_at": starts_at})
    assert 400 <= answer.status_code < 500
    with clara.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Appointment)) == 0


def test_a_zero_byte_is_no_server_error(ana: Client) -> None:
    """PostgreSQL holds no such text."""
    assert ana.api("GET", "/api/patients/?search=%00").status_code in {200, 400}


@pytest.mark.parametrize("odd", [{"clinic_id": {"a": 1}}, {"format": 5}, {"clinic_id": [1]}, {"date": {}}])
def test_a_report_with_invalid_parameters_is_a_bad_request(diego: Client, odd: dict[str, object]) -> None:
    body = {"report": "improved-daily-cash", "parameters": odd}
    assert diego.api("POST", "/api/reports/generate/", body).status_code == 400


# ------------------------------------------------------------------ states


def test_an_unknown_status_is_reported(ana: Client) -> None:
    visit = add_visit(ana, "11:00")
    answer = ana.api("PATCH", f"/api/appointments/{visit}/status/", {"status": "teleported"})
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == ["status"]


def test_a_session_does_not_start_before_its_day(ana: Client) -> None:
    visit = add_visit(ana, "11:00", day=front_desk.TODAY + timedelta(days=3))
    answer = ana.api("PATCH", f"/api/appointments/{visit}/status/", {"status": "fulfilled"})
    assert answer.status_code == 400
    assert ana.api("GET", f"/api/appointments/{visit}/").get_json()["status"] == "booked"


def test_patients_do_not_read_what_the_desk_notes_about_them(ana: Client, clara: Client) -> None:
    visit = add_visit(ana, "11:00", notes="llega siempre tarde")
    assert ana.api("GET", f"/api/appointments/{visit}/").get_json()["notes"] == "llega siempre tarde"
    assert "tarde" not in clara.api("GET", f"/api/appointments/{visit}/").text
    assert "tarde" not in clara.api("GET", "/api/appointments/").text


# ------------------------------------------------------------------ tokens, errors, logs


def test_an_expired_token_does_not_prevent_signing_in(client: Client, cast: Cast) -> None:
    stale = {"Authorization": "Bearer what.ever.was"}
    credentials = {"email": "ana@example.com", "password": cast.password}
    opened = client.http.post("/api/auth/login/", json=credentials, headers=stale)
    assert opened.status_code == 200
    fresh = client.http.post("/api/auth/refresh/", json={"refresh": opened.get_json()["refresh"]}, headers=stale)
    assert fresh.status_code == 200


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing/here/"])
def test_errors_below_api_are_json(client: Client, path: str) -> None:
    answer = client.http.get(path)
    assert answer.status_code == 404
    assert set(answer.get_json()) == {"error", "code", "message", "details"}


def test_a_method_not_allowed_lists_the_allowed_ones(ana: Client) -> None:
    answer = ana.api("DELETE", "/api/tickets/")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_database_error_is_logged_without_personal_data(ana: Client) -> None:
    """The log of a failed statement names the statement without its personal data."""
    with ana.app.app_context(), pytest.raises(SQLAlchemyError) as failed:
        db.session.execute(select(Patient.id).where(Patient.full_name == "Clara Núñez", func.no_such(1) == 1))
    assert "Clara" not in str(failed.value)


def test_behind_a_proxy_sign_in_is_limited_per_address(database_url: str, redis_url: str, tmp_path: Path) -> None:
    """Sixty wrong passwords from one address must not lock out the other addresses."""
    environment = {"MEDICONNECT_ENV": "test", "DATA_DIR": str(tmp_path), "DATABASE_URL": database_url}
    settings = config.load({**environment, "REDIS_URL": redis_url, "PUBLIC_URL": "https://clinic.example"})
    app = create_app(settings)
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7", "X-Forwarded-Proto": "https"}
    wrong = {"email": "ana@example.com", "password": "wrong"}
    answer = app.test_client().post("/api/auth/login/", json=wrong, headers=headers)
    assert answer.status_code == 401
    assert "Strict-Transport-Security" in answer.headers
    with app.app_context():
        place = db.session.scalars(select(LoginAttempt.address_hash)).one()
        assert place == ids.digest("address:203.0.113.7")
        db.session.remove()
        db.engine.dispose()


def test_a_response_is_sent_when_the_session_cannot_be_updated(ana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(identity, "touch_session", locked)
    with ana.app.app_context():
        old = datetime.now(UTC) - timedelta(minutes=5)
        db.session.execute(update(UserSession).values(last_seen_at=old))
        db.session.commit()
    assert ana.get("/account").status_code == 200
