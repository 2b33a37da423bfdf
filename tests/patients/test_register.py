"""A patient's own registration, by page and by program: nobody learns who is known."""

import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.identity.models import User
from app.kernel.db import db
from app.notifications.models import Delivery
from app.patients.actions import MAX_REGISTRATIONS
from app.patients.models import Patient, PossibleDuplicate
from tests.cast import PASSWORD
from tests.client import Client

FORM = {
    "given_names": "Rosa Elena",
    "paternal_surname": "Huamán",
    "maternal_surname": "Díaz",
    "document_type": "DNI",
    "document_number": "40112233",
    "phone": "987 111 222",
    "has_consented": "y",
    "email": "Rosa@Example.com",
    "password": "una frase propia",
}


def register(client: Client, **changes: str) -> tuple[int, str | None, str]:
    client.get("/register")
    answer = client.post("/register", {**FORM, **changes})
    without_tokens = re.sub(r'"[\w.-]{20,}"', '""', answer.text)
    return answer.status_code, answer.location, re.sub(r"\w+@example\.com", "", without_tokens, flags=re.I)


def count(app: Flask, model: type) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_it_works(app: Flask, client: Client) -> None:
    assert 'href="/register"' in client.get("/login").text
    status, _location, html = register(client)
    assert status == 200
    assert "Escriba su contraseña para entrar" in html
    rosa = Client(app)
    rosa.sign_in("rosa@example.com", FORM["password"])
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == "rosa@example.com")).one()
        patient = db.session.scalars(select(Patient).where(Patient.user_id == user.id)).one()
        assert patient.full_name == "Rosa Elena Huamán Díaz"
        assert patient.phone == "+51987111222"
        assert (patient.organization_id, patient.document_number) == (user.organization_id, "40112233")
        assert patient.consented_at is not None


def test_a_key_answers_an_equal_registration_once(app: Flask, client: Client) -> None:
    first, again = (client.api("POST", "/api/auth/register/", FORM, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, first.data) == (again.status_code, again.data)
    other = client.api("POST", "/api/auth/register/", {**FORM, "email": "otra@example.com"}, Idempotency_Key="k")
    assert (other.status_code, other.get_json()["code"]) == (409, "IDEMPOTENCY_MISMATCH")
    with app.app_context():
        assert len(db.session.scalars(select(Patient).where(Patient.given_names == "Rosa Elena")).all()) == 1


def test_no_key_makes_a_sign_in_answer_twice(client: Client) -> None:
    credentials = {"email": "clara@example.com", "password": PASSWORD}
    first, second = (client.api("POST", "/api/auth/login/", credentials, Idempotency_Key="k") for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.get_json()["refresh"] != second.get_json()["refresh"]


def test_a_known_address_opens_nothing_and_its_owner_gets_a_mail(app: Flask, client: Client) -> None:
    before = count(app, User), count(app, Patient)
    status, _location, html = register(client, email="CLARA@example.com")
    assert status == 200
    assert client.get("/account").status_code == 303
    other = register(client, email="nueva@example.com", document_number="40112299")[2]
    assert html == other
    assert (count(app, User), count(app, Patient)) == (before[0] + 1, before[1] + 1)  # of the other one
    with app.app_context():
        mail = db.session.scalars(select(Delivery)).one()
        assert mail.address == "clara@example.com"
        assert "una frase propia" not in mail.text
    register(client, email="clara@example.com")
    assert count(app, Delivery) == 1  # one a day


def test_programs_get_the_same_answer_too(app: Flask, client: Client) -> None:
    body = {"first_name": "Rosa", "last_name": "Díaz", "email": "rosa@example.com", "password": "una frase propia"}
    fresh = client.api("POST", "/api/auth/register/", body)
    again = client.api("POST", "/api/auth/register/", body)
    assert fresh.status_code == again.status_code == 201
    assert fresh.get_json() == again.get_json()
    assert count(app, User) == 9
    signed_in = client.api("POST", "/api/auth/login/", {"email": body["email"], "password": body["password"]})
    assert signed_in.get_json()["user"]["role"] == "patient"


def test_nobody_makes_themselves_more_than_a_patient(app: Flask, client: Client) -> None:
    register(client, role="admin", organization_id="2", document_number="45678912", admin_note="x", patient_id="1")
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == "rosa@example.com")).one()
        patient = db.session.scalars(select(Patient).where(Patient.user_id == user.id)).one()
        assert patient.id == 3
        assert (patient.admin_note, patient.document_number) == ("", None)


def test_a_patient_who_registers_again_is_proposed_to_the_desk_and_told_nothing(
    app: Flask, client: Client, diego: Client, ana: Client
) -> None:
    """Clara's document and names; Gloria's names and telephone; a stranger: the answer is the same."""
    stranger = register(client)
    clara = {"given_names": "CLARA", "paternal_surname": "nuñez", "maternal_surname": "Quispe"}
    known = register(client, **clara, document_number="45678912", email="c@example.com")
    assert stranger == known
    with app.app_context():
        new = db.session.scalars(select(Patient).where(Patient.email == "c@example.com")).one()
        assert new.document_number is None  # Clara's stays hers
        (pair,) = db.session.scalars(select(PossibleDuplicate))
        assert (pair.patient_id, pair.other_id, pair.settled_at) == (new.id, 1, None)
    page = diego.get("/patients/duplicates").text
    assert f'href="/patients/{new.id}"' in page
    assert 'href="/patients/1"' in page
    assert ana.get("/patients/duplicates").status_code == 403
    diego.post(f"/patients/duplicates/{pair.id}/dismissal")
    assert "Nada por revisar" in diego.get("/patients/duplicates").text
    assert diego.post(f"/patients/duplicates/{pair.id}/dismissal").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("phone", "", "Escriba su teléfono"), ("document_number", "", "número de su documento"),
     ("document_number", "0141286", "escriba 00141286"), ("has_consented", "", "Sin su aceptación")],
)  # fmt: skip
def test_the_form_asks_for_document_phone_and_consent(client: Client, field: str, value: str, says: str) -> None:
    status, _location, html = register(client, **{field: value})
    assert status == 422
    assert says in html


def test_it_rejects_bad_input(app: Flask, client: Client) -> None:
    assert register(client, email="rosa")[0] == 422
    assert register(client, phone="1")[0] == 422
    assert register(client, given_names=" ")[0] == 422
    weak = register(client, password="12345678")
    assert weak[0] == 422
    assert "Rosa Elena" in weak[2]
    # a weak password is refused before anybody is looked for
    assert register(client, password="12345678", email="clara@example.com")[0] == 422
    assert client.api("POST", "/api/auth/register/", {"email": "x"}).status_code == 400
    assert count(app, User) == 8


def test_an_address_registers_so_many_and_no_more(app: Flask, client: Client) -> None:
    body = {"first_name": "Rosa", "last_name": "Díaz", "email": "clara@example.com", "password": "una frase propia"}
    for _ in range(MAX_REGISTRATIONS):
        assert client.api("POST", "/api/auth/register/", body).status_code == 201
    answer = client.api("POST", "/api/auth/register/", body)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]
    assert register(client)[0] == 429
