"""Many at once: one slot is given away once, and fifty slots are given to fifty."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from app.billing.models import Ticket
from app.clinics.models import Service, Settings
from app.kernel.clock import at, local_day
from app.kernel.db import db, unit_of_work
from app.patients.models import Patient
from app.scheduling.models import Appointment, WorkingHours
from tests.cast import Cast
from tests.live_server import ApiClient, ApiResponse, LiveServer

MANY = 50
ROUNDS = 20
LIMA = "America/Lima"
MIDNIGHT_TO_MIDNIGHT = {"starts_minute": 0, "ends_minute": 1440}
NO_BREAK = {"break_starts_minute": None, "break_ends_minute": None}


@pytest.fixture
def many_patients(app: Flask, cast: Cast) -> None:
    """Fifty patients, and Bruno with a five-minute service all day and every day."""
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(insert(Patient), [_patient(number) for number in range(MANY)])
        db.session.execute(update(Settings).values(closed_weekdays=[], opens_minute=0, closes_minute=1440))
        db.session.execute(update(Service).values(duration_minutes=5))
        own = WorkingHours.therapist_id == cast.bruno
        db.session.execute(update(WorkingHours).where(own).values(**MIDNIGHT_TO_MIDNIGHT, **NO_BREAK))
        sunday = {"therapist_id": cast.bruno, "clinic_id": cast.miraflores, "room_id": cast.room, "weekday": 6}
        db.session.execute(insert(WorkingHours), {**sunday, **MIDNIGHT_TO_MIDNIGHT})


def _patient(number: int) -> dict[str, Any]:
    name = f"Paciente Número{number}"
    return {
        "organization_id": 1,
        "given_names": "Paciente",
        "paternal_surname": f"Número{number}",
        "full_name": name,
        "search_text": f" {name.lower()} ",
        "created_at": datetime.now(UTC),
    }


def tomorrow() -> date:
    return local_day(datetime.now(UTC), LIMA) + timedelta(days=1)


def patients(app: Flask) -> list[int]:
    with app.app_context(), unit_of_work(write=False):
        return list(db.session.scalars(select(Patient.id).order_by(Patient.id.desc()).limit(MANY)))


def all_at_once(live_server: LiveServer, bodies: list[dict[str, Any]]) -> list[ApiResponse]:
    """POST each body on a connection of its own, released together."""
    token = live_server.api_client("ana@example.com").token
    start = threading.Barrier(len(bodies))

    def book(body: dict[str, Any]) -> ApiResponse:
        program = ApiClient(live_server.port, token)
        try:
            program.connection.connect()
            start.wait(30)
            return program.call("POST", "/api/appointments/", body)
        finally:
            program.close()

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(book, bodies))


def body(cast: Cast, patient_id: int, starts_at: datetime) -> dict[str, Any]:
    return {
        "patient_id": patient_id,
        "therapist_id": cast.bruno,
        "service_id": cast.reflexology,
        "starts_at": starts_at.isoformat(),
    }


@pytest.mark.usefixtures("many_patients")
def test_one_of_fifty_concurrent_bookings_gets_the_slot(app: Flask, cast: Cast, live_server: LiveServer) -> None:
    people = patients(app)
    for number in range(ROUNDS):
        slot = at(tomorrow() + timedelta(days=1), 600 + 5 * number, LIMA)

        answers = all_at_once(live_server, [body(cast, patient, slot) for patient in people])

        outcomes = Counter((answer.status, answer.json.get("code")) for answer in answers)
        assert outcomes == {(201, None): 1, (409, "SLOT_TAKEN"): MANY - 1}, number
        refused = next(answer for answer in answers if answer.status == 409)
        assert len(refused.json["details"]["alternatives"]) == 3
    assert len(booked(app)) == ROUNDS
    assert numbers(app) == list(range(1, ROUNDS + 1))


@pytest.mark.usefixtures("many_patients")
def test_fifty_concurrent_bookings_get_fifty_slots(app: Flask, cast: Cast, live_server: LiveServer) -> None:
    people = patients(app)
    slots = [at(tomorrow() + timedelta(days=1), 480 + 5 * number, LIMA) for number in range(MANY)]

    answers = all_at_once(live_server, [body(cast, patient, slot) for patient, slot in zip(people, slots, strict=True)])

    assert Counter(answer.status for answer in answers) == {201: MANY}
    assert sorted(booked(app)) == slots
    assert numbers(app) == list(range(1, MANY + 1))
    assert live_server.flask("verify").returncode == 0


def booked(app: Flask) -> list[datetime]:
    return _read(app, lambda: list(db.session.scalars(select(Appointment.starts_at))))


def numbers(app: Flask) -> list[int]:
    return _read(app, lambda: list(db.session.scalars(select(Ticket.number).order_by(Ticket.number))))


def _read(app: Flask, query: Callable[[], list[Any]]) -> list[Any]:
    with app.app_context(), unit_of_work(write=False):
        return query()
