"""Visits that are asked for: they take no time until the desk gives them one."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app.billing.models import Ticket
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.patients.models import CareRelation
from app.scheduling.models import Appointment, AppointmentEvent
from tests import build
from tests.build import NOW, TODAY, at
from tests.client import Client

MONDAY = TODAY + timedelta(days=3)


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(NOW, tick=True):
        yield


def ask(who: Client, status: str = "waitlist", **changes: Any) -> Any:
    body = {"patient_id": 1, "therapist_id": 1, "service_id": 1, "starts_at": at("10:00", MONDAY).isoformat()}
    return who.api("POST", "/api/appointments/", body | {"status": status} | changes)


@pytest.mark.parametrize("status", ["proposed", "waitlist"])
@pytest.mark.parametrize("caller", ["ana", "clara"])
def test_a_request_takes_no_time_and_opens_no_ticket(
    app: Flask, request: pytest.FixtureRequest, caller: str, status: str
) -> None:
    who: Client = request.getfixturevalue(caller)
    with app.app_context():
        build.visit(at("10:00", MONDAY), patient_id=2)
        relations = db.session.scalar(select(func.count(CareRelation.id)))
        open_tickets = db.session.scalar(select(func.count(Ticket.id)))
    made = ask(who, status)
    assert made.status_code == 201, made.text
    assert (made.get_json()["status"], made.get_json()["room"], made.get_json()["ticket"]) == (status, None, None)
    with app.app_context():
        assert db.session.scalar(select(func.count(CareRelation.id))) == relations
        assert db.session.scalar(select(func.count(Ticket.id))) == open_tickets
        event = db.session.scalars(select(EventRow).where(EventRow.type == "scheduling.appointment.booked.v1")).one()
        assert event.data["status"] == status


def test_a_therapist_asks_for_no_colleague_and_a_patient_for_nobody_else(bruno: Client, clara: Client) -> None:
    assert ask(bruno, therapist_id=2).status_code == 403
    assert ask(clara, patient_id=2).status_code == 403
    assert ask(clara, notes="urgente").status_code == 400


def test_a_request_is_of_the_future_and_within_the_horizon(ana: Client, clara: Client) -> None:
    assert ask(ana, starts_at=at("08:00").isoformat()).status_code == 400
    assert ask(clara, starts_at=at("10:00", TODAY + timedelta(days=400)).isoformat()).status_code == 400


def test_the_desk_accepts_a_request_at_another_time(app: Flask, ana: Client, clara: Client) -> None:
    id_ = ask(clara, "proposed").get_json()["id"]
    path = f"/api/appointments/{id_}/"
    assert clara.api("PUT", path, {"starts_at": at("11:00", MONDAY).isoformat()}).status_code == 403
    taken = ana.api("PUT", path, {"starts_at": at("11:00", MONDAY).isoformat()})
    assert taken.status_code == 200, taken.text
    found = taken.get_json()
    assert (found["status"], found["starts_at"]) == ("booked", "2026-11-23T16:00:00Z")
    assert found["ticket"]["payment_state"] == "none"
    with app.app_context():
        steps = db.session.scalars(select(AppointmentEvent).order_by(AppointmentEvent.id)).all()
        assert [(row.from_status, row.to_status) for row in steps] == [(None, "proposed"), ("proposed", "booked")]
        assert db.session.get_one(Appointment, id_).reschedule_count == 0


def test_the_card_of_a_request_books_it(app: Flask, ana: Client) -> None:
    id_ = ask(ana).get_json()["id"]
    with app.app_context():
        build.visit(at("10:00", MONDAY), patient_id=2)
    assert "Reservar" in ana.get(f"/appointments/{id_}/schedule").text
    form = {"version": 1, "therapist_id": 1, "starts_at": f"{MONDAY}T10:00"}
    assert ana.post(f"/appointments/{id_}/schedule", form).status_code == 409
    assert ana.post(f"/appointments/{id_}/schedule", form | {"starts_at": f"{MONDAY}T12:00"}).status_code == 303
    with app.app_context():
        visit = db.session.get_one(Appointment, id_)
        assert (visit.status, visit.starts_at, visit.room_id) == ("booked", at("12:00", MONDAY), 1)


def test_a_request_at_its_wished_time_is_booked_there(app: Flask, ana: Client) -> None:
    id_ = ask(ana).get_json()["id"]
    body = {"starts_at": at("10:00", MONDAY).isoformat()}
    assert ana.api("PUT", f"/api/appointments/{id_}/", body).get_json()["status"] == "booked"
