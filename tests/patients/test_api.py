"""``/api/patients``: register, read, change."""

from flask import Flask
from sqlalchemy import update

from app.clinics.models import Settings
from app.kernel.db import db
from tests.cast import Cast
from tests.client import Client

ROSA = {
    "given_names": "Rosa",
    "paternal_surname": "Díaz",
    "document_number": "40112233",
    "phone": "987111222",
    "birth_date": "1990-02-28",
    "ubigeo": "150122",
}


def test_it_works(ana: Client) -> None:
    answer = ana.api("POST", "/api/patients/", ROSA)
    assert answer.status_code == 201
    made = answer.get_json()
    assert (made["full_name"], made["phone"], made["version"]) == ("Rosa Díaz", "+51987111222", 1)
    assert made["district"] == "Miraflores, Lima, Lima"
    assert ana.api("GET", f"/api/patients/{made['id']}/").get_json() == made
    assert ana.api("GET", f"/api/users/patients/{made['id']}").get_json() == made


def test_a_known_document_is_a_conflict(ana: Client, cast: Cast) -> None:
    answer = ana.api("POST", "/api/patients/", {**ROSA, "document_number": "45678912"})
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "PATIENT_EXISTS"
    assert answer.get_json()["details"]["patient_id"] == cast.clara


def test_who_seems_to_be_known_is_a_conflict_with_candidates(ana: Client) -> None:
    first = ana.api("POST", "/api/patients/", ROSA).get_json()
    again = {**ROSA, "document_number": None}
    asked = ana.api("POST", "/api/patients/", again)
    assert (asked.status_code, asked.get_json()["code"]) == (409, "POSSIBLE_DUPLICATE")
    (candidate,) = asked.get_json()["details"]["candidates"]
    assert candidate == {key: first[key] for key in candidate}
    assert ana.api("POST", "/api/patients/", {**again, "allow_duplicate": True}).status_code == 201


def test_a_therapist_is_asked_about_own_patients_alone(ana: Client, bruno: Client) -> None:
    ana.api("POST", "/api/patients/", ROSA)
    again = {**ROSA, "document_number": None}
    assert bruno.api("POST", "/api/patients/", again).status_code == 201
    assert bruno.api("POST", "/api/patients/", again).get_json()["code"] == "POSSIBLE_DUPLICATE"


def test_patch_keeps_what_is_not_sent_and_put_does_not(ana: Client, cast: Cast) -> None:
    path = f"/api/patients/{cast.clara}/"
    patched = ana.api("PATCH", path, {"occupation": "Docente"}).get_json()
    assert (patched["occupation"], patched["document_number"], patched["version"]) == ("Docente", "45678912", 2)
    put = ana.api("PUT", path, {"given_names": "Clara", "paternal_surname": "Núñez"}).get_json()
    assert (put["full_name"], put["occupation"], put["document_number"]) == ("Clara Núñez", "", None)


def test_a_local_landline_gets_the_area_code_of_the_clinic(app: Flask, ana: Client) -> None:
    with app.app_context():
        db.session.execute(update(Settings).where(Settings.clinic_id == 1).values(phone="+5154281111"))
        db.session.commit()
    made = ana.api("POST", "/api/patients/", {**ROSA, "phone": "281-234"}).get_json()
    assert made["phone"] == "+5154281234"
    for typed in ("281234", "054 281234", "%2B51 54 281 234"):
        found = ana.api("GET", f"/api/patients/?search={typed}").get_json()["results"]
        assert [row["id"] for row in found] == [made["id"]], typed


def test_a_short_document_is_answered_with_its_zeros(ana: Client) -> None:
    answer = ana.api("POST", "/api/patients/", {**ROSA, "document_number": "0141286"})
    assert answer.status_code == 400
    assert "escriba 00141286" in answer.get_json()["details"]["document_number"][0]


def test_a_stale_version_is_a_conflict(ana: Client, cast: Cast) -> None:
    path = f"/api/patients/{cast.clara}/"
    assert ana.api("PATCH", path, {"occupation": "Docente", "version": 1}).status_code == 200
    answer = ana.api("PATCH", path, {"occupation": "Costurera", "version": 1})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "STALE_VERSION")
    assert ana.api("GET", path).get_json()["occupation"] == "Docente"


def test_it_requires_permission(bruno: Client, clara: Client, client: Client, cast: Cast) -> None:
    assert clara.api("POST", "/api/patients/", ROSA).status_code == 403
    for person in (bruno, clara):
        assert person.api("PATCH", f"/api/patients/{cast.clara}/", {"phone": ""}).status_code == 403
    assert client.api("GET", "/api/patients/").status_code == 401


def test_patients_do_not_read_the_desks_note(ana: Client, clara: Client, cast: Cast) -> None:
    ana.api("PATCH", f"/api/patients/{cast.clara}/", {"admin_note": "Paga tarde"})
    assert ana.api("GET", f"/api/patients/{cast.clara}/").get_json()["admin_note"] == "Paga tarde"
    assert "admin_note" not in clara.api("GET", f"/api/patients/{cast.clara}/").get_json()


def test_it_rejects_bad_input(ana: Client) -> None:
    answer = ana.api("POST", "/api/patients/", {**ROSA, "given_names": "", "phone": "1", "ubigeo": None})
    assert answer.status_code == 400
    assert set(answer.get_json()["details"]) == {"given_names", "phone"}
    assert ana.api("POST", "/api/patients/", {**ROSA, "ubigeo": "999999"}).get_json()["details"].keys() == {"ubigeo"}
    assert ana.api("POST", "/api/patients/", {**ROSA, "birth_date": "ayer"}).status_code == 400


def test_what_a_client_must_not_set_is_refused(ana: Client) -> None:
    answer = ana.api("POST", "/api/patients/", {**ROSA, "id": 77, "organization_id": 2, "full_name": "Otra"})
    assert (answer.status_code, set(answer.get_json()["details"])) == (400, {"id", "organization_id", "full_name"})
