"""Finding people: accents, order, numbers, wildcards, and who finds whom."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert

from app.kernel.db import db
from app.patients.rules import Details
from app.scheduling.models import Appointment
from tests import build
from tests.cast import LONG_AGO, Cast
from tests.client import Client
from tests.patients.conftest import Add
from tests.queries import count_queries


def found(person: Client, text: str, **more: object) -> list[str]:
    answer = person.http.get("/patients", query_string={"q": text})
    assert answer.status_code == 200
    json = person.api("GET", f"/api/patients/?search={text.replace('%', '%25').replace('+', '%2B')}").get_json()
    assert answer.text.count('<tr id="patient-') == json["count"]
    return [row["full_name"] for row in json["results"]]


@pytest.mark.parametrize(
    "text",
    ["nunez", "NÚÑEZ", "quispe clara", "nuñ cla qui", "Núñez Quispe, Clara Inés", "45678912", "4567", "987 654 321",
     "+51987654321", "clara 4567", "ines"],
)  # fmt: skip
def test_words_in_any_order_with_or_without_accents(ana: Client, text: str) -> None:
    assert found(ana, text) == ["Clara Inés Núñez Quispe"]


@pytest.mark.parametrize("text", ["%", "_", "%%", "cl_ra", "clara%quispe%x", "uñez", "567891", "clara gloria", "'--"])
def test_what_finds_nobody(ana: Client, text: str) -> None:
    assert found(ana, text) == []


def test_wildcards_in_names_are_letters_like_others(ana: Client, add_people: Add) -> None:
    add_people(Details("Cien%", "Porciento"))
    assert found(ana, "cien%") == ["Cien% Porciento"]


def test_names_that_begin_with_the_word_come_first(ana: Client, add_people: Add) -> None:
    add_people(Details("Rosa", "Álvarez"), Details("Álvaro", "Zegarra"), Details("Beto", "Alva"))
    assert found(ana, "alv") == ["Álvaro Zegarra", "Beto Alva", "Rosa Álvarez"]


def test_the_list_is_in_the_order_of_names_without_accents(ana: Client, add_people: Add) -> None:
    add_people(Details("Ángel", "Soto"), Details("Zoila", "Soto"), Details("Ñusta", "Soto"))
    names = [row["full_name"] for row in ana.api("GET", "/api/patients/").get_json()["results"]]
    assert names == ["Ángel Soto", "Clara Inés Núñez Quispe", "Gloria Mamani Huamán", "Ñusta Soto", "Zoila Soto"]


def test_another_organization_is_invisible(ana: Client, eva: Client, cast: Cast, add_people: Add) -> None:
    (stranger,) = add_people(Details("Clara", "Forastera"), organization_id=2)
    assert found(ana, "clara") == ["Clara Inés Núñez Quispe"]
    for person in (ana, eva):
        elsewhere = person.api("GET", f"/api/patients/{stranger}/")
        nowhere = person.api("GET", "/api/patients/99999/")
        assert elsewhere.status_code == nowhere.status_code == 404
        assert elsewhere.get_json() == nowhere.get_json()
        assert person.get(f"/patients/{stranger}").status_code == 404


def test_the_other_clinic_shares_the_organizations_people(fabio: Client) -> None:
    assert found(fabio, "clara") == ["Clara Inés Núñez Quispe"]


def test_a_therapist_finds_who_has_an_appointment_with_them(app: Flask, bruno: Client, cast: Cast) -> None:
    assert found(bruno, "clara") == []
    assert bruno.get("/patients/1").status_code == 404
    book(app, patient=cast.clara, therapist=cast.bruno)
    book(app, patient=cast.gloria, therapist=cast.hugo)
    assert found(bruno, "") == ["Clara Inés Núñez Quispe"]
    assert bruno.get("/patients/1").status_code == 200
    assert bruno.get("/patients/2").status_code == 404


def book(app: Flask, *, patient: int, therapist: int, **columns: object) -> None:
    visit = {
        "uid": f"visit-{patient}-{therapist}",
        "organization_id": 1,
        "clinic_id": 1,
        "patient_id": patient,
        "therapist_id": therapist,
        "service_id": 1,
        "status": "booked",
        "starts_at": LONG_AGO,
        "ends_at": LONG_AGO + timedelta(minutes=45),
        "status_since": LONG_AGO,
        "created_at": LONG_AGO,
    }
    with app.app_context():
        db.session.execute(insert(Appointment).values(**{**visit, **columns}))
        build.care_relation(patient, therapist, since=LONG_AGO)
        db.session.commit()


def test_patients_find_themselves_only(clara: Client, cast: Cast) -> None:
    names = [row["full_name"] for row in clara.api("GET", "/api/patients/?search=a").get_json()["results"]]
    assert names == []
    assert [r["id"] for r in clara.api("GET", "/api/patients/").get_json()["results"]] == [cast.clara]
    assert clara.api("GET", f"/api/users/patients/{cast.clara}/").status_code == 200
    assert clara.api("GET", f"/api/patients/{cast.gloria}/").status_code == 404
    assert clara.get("/patients").status_code == 403


def test_archived_people_are_not_found(ana: Client, add_people: Add) -> None:
    (gone,) = add_people(Details("Ida", "Ausente"), deleted_at=LONG_AGO)
    assert found(ana, "ida") == []
    assert ana.get(f"/patients/{gone}").status_code == 404


@pytest.mark.parametrize("rows", [1, 20])
def test_a_search_is_one_query_beside_the_session(app: Flask, ana: Client, add_people: Add, rows: int) -> None:
    add_people(*(Details(f"Nadia {n}", "Soto") for n in range(rows)))
    ana.api("GET", "/api/patients/")  # signs in
    with count_queries(app) as sent:
        answer = ana.api("GET", "/api/patients/?search=nadia")
    assert answer.get_json()["count"] == rows
    assert len(sent) <= 2, sent


def test_pages_of_the_json_list(ana: Client, add_people: Add) -> None:
    add_people(*(Details(f"Nadia {n:02d}", "Soto") for n in range(23)))
    first = ana.api("GET", "/api/patients/?search=nadia").get_json()
    second = ana.api("GET", first["next"]).get_json()
    assert (first["count"], len(first["results"]), first["previous"]) == (23, 20, None)
    assert (second["count"], len(second["results"]), second["next"]) == (23, 3, None)
    beyond = ana.api("GET", "/api/patients/?search=nadia&page=9").get_json()
    assert (beyond["count"], beyond["results"]) == (23, [])


def test_it_rejects_bad_input(ana: Client) -> None:
    for query in ("nombre=x", "page=0", "page_size=101", "ordering=phone"):
        assert ana.api("GET", f"/api/patients/?{query}").status_code == 400
    newest = ana.api("GET", "/api/patients/?ordering=-id").get_json()["results"]
    assert [row["id"] for row in newest] == [2, 1]
