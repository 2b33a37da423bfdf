"""The register of people: shared by the clinics of an organization, or each clinic's own (D39)."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.patients.models import Patient, PatientClinic
from app.tenancy.models import Organization
from tests import build
from tests.build import NOW, at
from tests.cast import Cast
from tests.client import Client

ROSA = {"given_names": "Rosa", "paternal_surname": "Flores", "document_type": "DNI", "document_number": "40112233"}


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def apart(app: Flask) -> None:
    """The clinics share no register."""
    with app.app_context():
        db.session.execute(update(Organization).values(shares_patients=False))
        db.session.commit()


def clinics_of(app: Flask, patient_id: int) -> dict[int, str]:
    with app.app_context():
        rows = db.session.scalars(select(PatientClinic).where(PatientClinic.patient_id == patient_id))
        return {row.clinic_id: row.source for row in rows}


def register(who: Client, **changes: object) -> int:
    answer = who.api("POST", "/api/patients/", {**ROSA, **changes})
    assert answer.status_code == 201, answer.text
    return int(answer.get_json()["id"])


def finds(who: Client, patient_id: int) -> bool:
    in_list = patient_id in {row["id"] for row in who.api("GET", "/api/patients/").get_json()["results"]}
    on_page = who.get(f"/patients/{patient_id}").status_code == 200
    assert in_list == on_page
    return in_list


def test_clinics_share_the_register_by_default(ana: Client, fabio: Client) -> None:
    rosa = register(ana)
    assert finds(fabio, rosa)


@pytest.mark.usefixtures("apart")
def test_apart_a_desk_finds_whom_its_clinic_registered(app: Flask, ana: Client, eva: Client, fabio: Client) -> None:
    rosa = register(ana)
    assert clinics_of(app, rosa) == {Cast.miraflores: "registration"}
    assert finds(ana, rosa)
    assert finds(eva, rosa)  # of both clinics
    assert not finds(fabio, rosa)
    body = {"patient_id": rosa, "therapist_id": Cast.ines, "service_id": Cast.massage}
    answers = [
        fabio.api("POST", "/api/appointments/", {**body, "patient_id": id_, "starts_at": at("15:00").isoformat()})
        for id_ in (rosa, 999999)
    ]
    assert answers[0].status_code == answers[1].status_code != 201
    assert answers[0].get_json() == answers[1].get_json()


@pytest.mark.usefixtures("apart")
def test_apart_a_booking_makes_the_patient_the_clinics(app: Flask, ana: Client, eva: Client, fabio: Client) -> None:
    rosa = register(ana)
    body = {"patient_id": rosa, "therapist_id": Cast.ines, "service_id": Cast.massage}
    booked = eva.api("POST", "/api/appointments/", {**body, "starts_at": at("15:00").isoformat()})
    assert booked.status_code == 201, booked.text
    assert clinics_of(app, rosa) == {Cast.miraflores: "registration", Cast.arequipa: "appointment"}
    assert finds(fabio, rosa)


@pytest.mark.usefixtures("apart")
def test_apart_the_whole_document_brings_the_patient(app: Flask, ana: Client, fabio: Client) -> None:
    rosa = register(ana)
    assert fabio.get("/patients/known?document_type=DNI&document_number=40112233").status_code == 204
    assert register(fabio, given_names="Otra", phone="987111222") == rosa
    assert clinics_of(app, rosa) == {Cast.miraflores: "registration", Cast.arequipa: "document"}
    with app.app_context():
        stored = db.session.get_one(Patient, rosa)
        assert (stored.given_names, stored.phone) == ("Rosa", "")
        admitted = db.session.scalars(select(EventRow.data).where(EventRow.type == "patients.patient.admitted.v1"))
        assert admitted.all() == [{"patient_id": rosa, "clinic_id": Cast.arequipa}]
    assert finds(fabio, rosa)
    assert fabio.api("POST", "/api/patients/", ROSA).status_code == 409


@pytest.mark.usefixtures("apart")
def test_apart_a_therapist_is_not_brought_anybody(app: Flask, ana: Client, bruno: Client) -> None:
    rosa = register(ana)
    assert bruno.api("POST", "/api/patients/", ROSA).status_code == 409
    assert not finds(bruno, rosa)


@pytest.mark.usefixtures("apart")
def test_who_was_nowhere_yet_is_found_by_all(ana: Client, fabio: Client) -> None:
    assert finds(ana, Cast.clara)
    assert finds(fabio, Cast.clara)


def test_an_admin_of_all_clinics_keeps_them_apart(app: Flask, eva: Client) -> None:
    assert "Las sedes comparten" in eva.get("/admin/clinics").text
    assert eva.post("/admin/organization", {}).location == "/admin/clinics"
    with app.app_context():
        assert db.session.get_one(Organization, 1).shares_patients is False
    assert eva.post("/admin/organization", {"shares_patients": "y"}).status_code == 303
    with app.app_context():
        assert db.session.get_one(Organization, 1).shares_patients is True
        changed = db.session.scalars(select(EventRow.data).where(EventRow.type == "clinics.organization.changed.v1"))
        assert [row["fields"] for row in changed] == [["shares_patients"], ["shares_patients"]]


def test_an_admin_of_one_clinic_does_not(app: Flask, ana: Client, diego: Client) -> None:
    with app.app_context():
        build.membership(Cast.diego_user, Cast.miraflores, "admin")
    assert ana.post("/admin/organization", {}).status_code == 403
    assert "Las sedes comparten" not in diego.get("/admin/clinics").text
    assert diego.post("/admin/organization", {}).status_code == 403
    with app.app_context():
        assert db.session.get_one(Organization, 1).shares_patients is True
