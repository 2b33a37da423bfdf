"""Choosing and registering a person inside another form."""

import pytest
from flask import Flask

from app.kernel.db import db
from app.patients.models import Patient
from app.patients.rules import Details
from tests.client import Client
from tests.patients.conftest import Add
from tests.queries import count_queries

TARGET = "div#patient-picker"
QUICK = {
    "given_names": "Rosa",
    "paternal_surname": "Díaz",
    "document_type": "DNI",
    "document_number": "",
    "phone": "987111222",
    "form_id": "booking-form",
}


def test_options_show_eight_people_and_the_way_to_a_new_one(app: Flask, ana: Client, add_people: Add) -> None:
    add_people(*(Details(f"Nadia {n}", "Soto", document_number=f"4000000{n}") for n in range(9)))
    with count_queries(app) as sent:
        html = ana.fragment("/patients/options?q=nadia&form_id=booking-form", "ul#patient-options").text
    assert len(sent) <= 2, sent
    assert html.count("data-value=") == 8
    assert "Soto, Nadia 0 · DNI …0000" in html
    assert "40000000" not in html
    assert 'hx-get="/patients/quick?q=nadia&amp;form_id=booking-form"' in html
    assert ana.fragment("/patients/options?q=", "ul#patient-options").text.endswith("></ul>")


def test_a_therapist_finds_nobody_else_and_may_register(bruno: Client) -> None:
    html = bruno.fragment("/patients/options?q=clara", "ul#patient-options").text
    assert "Clara" not in html
    assert "/patients/quick?q=clara" in html


def test_the_quick_form_takes_over_what_was_typed(ana: Client) -> None:
    html = ana.fragment("/patients/quick?q=Rosa+Elena+Huamán+Díaz&form_id=booking-form", TARGET).text
    for value in ("Rosa Elena", "Huamán", "Díaz", "booking-form"):
        assert f'value="{value}"' in html
    assert 'hx-include="#quick-document_type, #quick-form_id"' in html
    html = ana.fragment("/patients/quick?q=CE001234567&form_id=booking-form", TARGET).text
    assert 'value="001234567"' in html
    assert '<option selected value="CE">' in html
    assert ana.get("/patients/quick").location == "/patients/new"


def test_a_quick_registration_chooses_the_person(app: Flask, ana: Client) -> None:
    answer = ana.post_fragment("/patients/quick", QUICK, TARGET)
    assert answer.status_code == 200
    assert 'name="patient_id" value="3" form="booking-form"' in answer.text
    assert "Díaz, Rosa · 987 111 222" in answer.text
    with app.app_context():
        rosa = db.session.get_one(Patient, 3)
        assert (rosa.document_number, rosa.phone, rosa.created_by) == (None, "+51987111222", 1)


def test_who_seems_to_be_known_is_chosen_or_registered_as_another_person(ana: Client) -> None:
    first = ana.post_fragment("/patients/quick", {**QUICK, "submission_id": "a"}, TARGET)
    asked = ana.post_fragment("/patients/quick", {**QUICK, "submission_id": "b"}, TARGET)
    second = ana.post_fragment("/patients/quick", {**QUICK, "allow_duplicate": "1", "submission_id": "b"}, TARGET)
    assert 'value="3"' in first.text
    assert asked.status_code == 409
    assert 'hx-get="/patients/picker?patient_id=3&amp;form_id=booking-form"' in asked.text
    assert "Es Rosa Díaz · 987 111 222" in asked.text
    assert 'value="4"' in second.text


def test_without_script_it_leads_to_the_new_person(ana: Client) -> None:
    ana.get("/patients/new")
    assert ana.post("/patients/quick", QUICK).location == "/patients/3"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("given_names", "", "obligatorio"), ("phone", "12", "teléfono válido"), ("document_number", "12", "8 dígitos")],
)
def test_it_rejects_bad_input(ana: Client, field: str, value: str, says: str) -> None:
    answer = ana.post_fragment("/patients/quick", {**QUICK, field: value}, TARGET)
    assert answer.status_code == 422
    assert says in answer.text
    assert 'value="Díaz"' in answer.text


def test_a_known_document_chooses_its_owner(ana: Client) -> None:
    path = "/patients/known?document_type=DNI&document_number=45.678.912&form_id=booking-form"
    html = ana.fragment(path, TARGET).text
    assert 'name="patient_id" value="1" form="booking-form"' in html
    assert "Ya tenía ficha" in html
    assert ana.fragment("/patients/known?document_number=40000000", TARGET).status_code == 204
    assert ana.fragment("/patients/known?document_number=4", TARGET).status_code == 204
    answer = ana.post_fragment("/patients/quick", {**QUICK, "document_number": "45678912"}, TARGET)
    assert answer.status_code == 409
    assert 'name="patient_id" value="1"' in answer.text


def test_an_archived_owner_is_named_not_chosen(ana: Client, diego: Client) -> None:
    diego.post("/patients/1/archiving")
    assert ana.fragment("/patients/known?document_number=45678912", TARGET).status_code == 204
    answer = ana.post_fragment("/patients/quick", {**QUICK, "document_number": "45678912"}, TARGET)
    assert answer.status_code == 409
    assert "ficha archivada" in answer.text
    assert 'name="patient_id"' not in answer.text


def test_a_form_id_is_a_plain_name(ana: Client) -> None:
    html = ana.fragment('/patients/picker?patient_id=1&form_id="><b>', TARGET).text
    assert "<b>" not in html
    assert "form=" not in html


def test_districts_by_any_word_order_and_accent(clara: Client) -> None:
    html = clara.fragment("/ubigeo/options?q=lima+breña", "ul#district-options").text
    assert 'data-value="150105" data-text="Breña, Lima, Lima"' in html
    assert clara.fragment("/ubigeo/options?q=%25", "ul#district-options").text.count("<li") == 0
    assert clara.fragment("/ubigeo/options?q=", "ul#district-options").text.count("<li") == 0


def test_all_districts_are_there(app: Flask) -> None:
    with app.app_context():
        assert db.session.execute(db.text("SELECT count(*) FROM ubigeo")).scalar_one() == 1893
