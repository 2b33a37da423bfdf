"""Whose patient somebody is: visits say so, but not those that were cancelled or written in error."""

from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.patients.models import CareRelation
from tests.build import NOW, at
from tests.cast import Cast
from tests.client import Client


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(NOW, tick=True):
        yield


def book(who: Client, cast: Cast, **changes: Any) -> int:
    body = {"patient_id": cast.gloria, "therapist_id": cast.bruno, "service_id": cast.reflexology}
    answer = who.api("POST", "/api/appointments/", {**body, "starts_at": at("15:00").isoformat(), **changes})
    assert answer.status_code == 201, answer.text
    return int(answer.get_json()["id"])


def relations(app: Flask) -> dict[tuple[int, int], bool]:
    """Patient and therapist of each relation, and whether it holds."""
    with app.app_context():
        rows = db.session.scalars(select(CareRelation))
        return {(row.patient_id, row.therapist_id): row.ended_at is None for row in rows}


def test_a_booking_makes_the_patient_theirs(app: Flask, ana: Client, bruno: Client, cast: Cast) -> None:
    assert bruno.get(f"/patients/{cast.gloria}").status_code == 404
    book(ana, cast)
    book(ana, cast, starts_at=at("17:00").isoformat())
    assert bruno.get(f"/patients/{cast.gloria}").status_code == 200
    assert relations(app) == {(cast.gloria, cast.bruno): True}
    with app.app_context():
        started = select(EventRow).where(EventRow.type == "patients.care_relation.started.v1")
        assert len(db.session.scalars(started).all()) == 1


def test_it_hides_patients_of_others_from_a_therapist_who_books(bruno: Client, cast: Cast) -> None:
    """As if they did not exist: no id in a body opens anything."""
    body = {"therapist_id": cast.bruno, "service_id": cast.reflexology, "starts_at": at("15:00").isoformat()}
    answers = [bruno.api("POST", "/api/appointments/", {**body, "patient_id": id_}) for id_ in (cast.gloria, 999999)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert set(answers[0].get_json()["details"]) == {"patient_id"}
    assert answers[0].get_json() == answers[1].get_json()
    form = {"therapist_id": cast.bruno, "service_id": cast.reflexology, "starts_at": "2026-11-20T15:00"}
    for id_ in (cast.gloria, 999999):
        answer = bruno.post("/appointments", {**form, "patient_id": id_, "submission_id": "s"})
        assert answer.status_code == 422
        assert "Este paciente no existe." in answer.text
        assert "Gloria" not in answer.text
        assert bruno.get(f"/appointments/new?patient_id={id_}").status_code == 404


def test_nobody_is_reached_by_cancelling(app: Flask, ana: Client, bruno: Client, cast: Cast) -> None:
    visit_id = book(ana, cast)
    assert bruno.api("DELETE", f"/api/appointments/{visit_id}/").status_code == 200
    assert bruno.get(f"/patients/{cast.gloria}").status_code == 404
    assert relations(app) == {(cast.gloria, cast.bruno): False}


NEW = {"given_names": "Rosa", "paternal_surname": "Flores", "document_type": "DNI", "document_number": "40112233"}


def test_a_therapist_registers_and_books_a_new_patient(app: Flask, bruno: Client, cast: Cast) -> None:
    registered = bruno.api("POST", "/api/patients/", NEW)
    assert registered.status_code == 201
    rosa = registered.get_json()["id"]
    assert relations(app) == {(rosa, cast.bruno): True}
    visit_id = book(bruno, cast, patient_id=rosa)
    assert bruno.api("DELETE", f"/api/appointments/{visit_id}/").status_code == 200
    assert bruno.get(f"/patients/{rosa}").status_code == 200  # whom they registered they may book again


def test_a_known_document_opens_nobodys_file(app: Flask, ana: Client, bruno: Client) -> None:
    rosa = ana.api("POST", "/api/patients/", NEW).get_json()["id"]
    answer = bruno.api("POST", "/api/patients/", NEW)
    assert answer.status_code == 409
    assert answer.get_json()["details"] == {}
    assert "Pida a recepción" in answer.get_json()["error"]
    assert bruno.get("/patients/known?document_type=DNI&document_number=40112233").status_code == 204
    assert bruno.get(f"/patients/{rosa}").status_code == 404
    assert relations(app) == {}


def test_another_visit_keeps_the_relation(ana: Client, bruno: Client, cast: Cast) -> None:
    visit_id = book(ana, cast)
    book(ana, cast, starts_at=at("17:00").isoformat())
    ana.api("DELETE", f"/api/appointments/{visit_id}/")
    assert bruno.get(f"/patients/{cast.gloria}").status_code == 200


def test_taking_the_cancellation_back_restores_it(app: Flask, ana: Client, bruno: Client, cast: Cast) -> None:
    visit_id = book(ana, cast)
    ana.api("DELETE", f"/api/appointments/{visit_id}/")
    assert ana.post(f"/appointments/{visit_id}/undo").status_code == 303
    assert bruno.get(f"/patients/{cast.gloria}").status_code == 200
    assert relations(app) == {(cast.gloria, cast.bruno): True}


def test_a_visit_entered_in_error_gives_none(app: Flask, ana: Client, diego: Client, cast: Cast) -> None:
    visit_id = book(ana, cast)
    assert diego.post(f"/appointments/{visit_id}/error", {"reason": "dos veces"}).status_code == 303
    assert relations(app) == {(cast.gloria, cast.bruno): False}


def test_a_visit_given_away_takes_the_relation_along(app: Flask, ana: Client, cast: Cast) -> None:
    visit_id = book(ana, cast)
    assert ana.api("PUT", f"/api/appointments/{visit_id}/", {"therapist_id": cast.hugo}).status_code == 200
    assert relations(app) == {(cast.gloria, cast.bruno): False, (cast.gloria, cast.hugo): True}
