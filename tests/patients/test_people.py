"""The list, one patient, registering, changing, archiving."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel import clock
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.patients.models import Patient
from app.patients.rules import Details
from tests.cast import LONG_AGO, Cast
from tests.client import Client
from tests.patients.conftest import Add
from tests.patients.test_search import book
from tests.queries import count_queries

ROSA = {
    "given_names": "Rosa Elena",
    "paternal_surname": "Huamán",
    "maternal_surname": "Díaz",
    "document_type": "DNI",
    "document_number": "40112233",
    "birth_date": "1990-02-28",
    "sex": "F",
    "phone": "987 111 222",
    "email": "Rosa@Example.com",
    "q": "Miraflores, Lima, Lima",
    "ubigeo": "150122",
}


def patient(app: Flask, patient_id: int) -> Patient:
    with app.app_context():
        found = db.session.get_one(Patient, patient_id)
        db.session.expunge(found)
        return found


def events(app: Flask) -> list[tuple[str, dict[str, Any]]]:
    with app.app_context():
        rows = db.session.execute(
            select(EventRow.type, EventRow.data).where(EventRow.type.startswith("patients.")).order_by(EventRow.id)
        )
        return [(row.type, row.data) for row in rows]


def form_of(person: Client, patient_id: int, **changes: str) -> dict[str, str]:
    """What the edit form of a patient would send, with changes."""
    html = person.get(f"/patients/{patient_id}/edit").text
    version = re.search(r'name="version" value="([^"]+)"', html)
    assert version
    stored = {"given_names": "Clara Inés", "paternal_surname": "Núñez", "maternal_surname": "Quispe"}
    if patient_id == 2:
        stored = {"given_names": "Gloria", "paternal_surname": "Mamani", "maternal_surname": "Huamán"}
    return {**stored, "document_type": "DNI", "sex": "F", "version": version.group(1), **changes}


# ------------------------------------------------------------------ list and card


def test_it_works(app: Flask, ana: Client) -> None:
    answer = ana.post("/patients", ROSA)
    assert answer.status_code == 303
    rosa = patient(app, int(answer.location.rpartition("/")[2]))
    assert (rosa.full_name, rosa.phone, rosa.email) == ("Rosa Elena Huamán Díaz", "+51987111222", "rosa@example.com")
    assert (rosa.organization_id, rosa.ubigeo, rosa.version, rosa.created_by) == (1, "150122", 1, 1)
    assert rosa.search_text == " rosa elena huaman diaz 40112233 987111222 "
    card = ana.get(answer.location).text
    for words in ("Rosa Elena Huamán Díaz", "DNI 40112233", "987 111 222", "Miraflores, Lima, Lima", "28/02/1990"):
        assert words in card
    assert events(app) == [("patients.patient.registered.v1", {"patient_id": rosa.id, "origin": "desk"})]


def test_events_carry_no_names(app: Flask, ana: Client) -> None:
    ana.post("/patients", ROSA)
    ana.post("/patients/1/edit", form_of(ana, 1, occupation="Costurera"))
    with app.app_context():
        said = " ".join(f"{row.data} {row.changes}" for row in db.session.scalars(select(EventRow)))
    assert not re.search("Rosa|Huam|Clara|Costurera|40112233", said)


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/patients/1/edit"), ("post", "/patients/1/edit"),
     ("post", "/patients/1/archiving"), ("post", "/patients/1/restoration")],
)  # fmt: skip
def test_it_requires_the_desk(bruno: Client, clara: Client, client: Client, method: str, path: str) -> None:
    assert getattr(bruno, method)(path).status_code == 403
    assert getattr(clara, method)(path).status_code == 403
    client.get("/login")
    assert getattr(client, method)(path).location.startswith("/login")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/patients/new"), ("post", "/patients"), ("get", "/patients/quick"), ("post", "/patients/quick"),
     ("get", "/patients/known")],
)  # fmt: skip
def test_it_requires_the_staff_to_register(clara: Client, client: Client, method: str, path: str) -> None:
    assert getattr(clara, method)(path).status_code == 403
    client.get("/login")
    assert getattr(client, method)(path).location.startswith("/login")


@pytest.mark.parametrize("path", ["/patients", "/patients/1", "/patients/options?q=a", "/patients/picker"])
def test_it_requires_patient_read(clara: Client, path: str) -> None:
    assert clara.get(path).status_code == 403


def test_it_requires_patient_archive(ana: Client) -> None:
    assert ana.post("/patients/1/archiving").status_code == 403


@pytest.mark.prepares_in_test
def test_it_hides_another_organization(ana: Client, diego: Client, add_people: Add) -> None:
    (stranger,) = add_people(Details("Clara", "Forastera", document_number="49999999"), organization_id=2)
    paths = (f"/patients/{stranger}", f"/patients/{stranger}/edit", f"/patients/picker?patient_id={stranger}")
    assert [ana.get(path).status_code for path in paths] == [404, 404, 404]
    assert ana.post(f"/patients/{stranger}/edit", {**ROSA, "version": f"{stranger}-1"}).status_code == 404
    assert diego.post(f"/patients/{stranger}/archiving").status_code == 404
    assert ana.fragment("/patients/known?document_number=49999999", "div#patient-picker").status_code == 204
    # the same document may be registered here: organizations do not know of each other
    assert ana.post("/patients", {**ROSA, "document_number": "49999999"}).status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("given_names", "  ", "obligatorio"),
        ("paternal_surname", "x" * 61, "demasiado largo"),
        ("document_number", "123", "8 dígitos"),
        ("birth_date", "2126-01-01", "futura"),
        ("birth_date", "1899-01-01", "1900"),
        ("birth_date", "31/02/1990", "fecha"),
        ("phone", "12345", "teléfono válido"),
        ("email", "rosa@", "correo válido"),
        ("q", "Nínive", "distrito de la lista"),
        ("sex", "Z", "válida"),
    ],
)
def test_it_rejects_bad_input(app: Flask, ana: Client, field: str, value: str, says: str) -> None:
    answer = ana.post("/patients", {**ROSA, field: value})
    assert answer.status_code == 422
    assert says in answer.text
    assert "Huamán" in answer.text or field == "paternal_surname"  # what was typed is kept
    assert events(app) == []


def test_a_district_typed_without_script_is_found(app: Flask, ana: Client) -> None:
    answer = ana.post("/patients", {**ROSA, "q": "chachapoyas balsas", "ubigeo": ""})
    assert patient(app, int(answer.location.rpartition("/")[2])).ubigeo == "010103"
    again = ana.post(
        "/patients", {**ROSA, "document_number": "40112234", "q": "", "ubigeo": "150122", "allow_duplicate": "1"}
    )
    assert patient(app, int(again.location.rpartition("/")[2])).ubigeo is None


def test_a_known_document_is_named_and_nothing_is_made(app: Flask, ana: Client, cast: Cast) -> None:
    answer = ana.post("/patients", {**ROSA, "document_number": "45678912"})
    assert answer.status_code == 409
    assert f'href="/patients/{cast.clara}"' in answer.text
    assert "Clara Inés Núñez Quispe" in answer.text
    assert "Rosa Elena" in answer.text
    assert events(app) == []


@pytest.mark.parametrize(
    ("changes", "is_asked"),
    [
        ({}, True),  # the same names and birth date: the document may be mistyped
        ({"document_number": "", "given_names": "ROSA", "maternal_surname": ""}, True),
        ({"document_number": "", "birth_date": ""}, True),
        ({"birth_date": ""}, False),  # a namesake with a document of her own
        ({"birth_date": "1991-01-01", "document_number": ""}, False),
        (
            {"given_names": "Rossa", "paternal_surname": "Guamán"},
            True,
        ),  # misspelt; birth date and telephone are the same
        ({"given_names": "Rossa", "phone": "999888777"}, False),
    ],
)
def test_who_seems_to_be_known_is_asked_about(app: Flask, ana: Client, changes: dict[str, str], is_asked: bool) -> None:
    first = ana.post("/patients", ROSA).location
    form = {**ROSA, "document_number": "40112234", **changes}
    answer = ana.post("/patients", form)
    assert answer.status_code == (409 if is_asked else 303)
    if is_asked:
        assert "ya tiene ficha" in answer.text
        assert f'href="{first}"' in answer.text
        assert ana.post("/patients", {**form, "allow_duplicate": "1"}).status_code == 303
    assert len(events(app)) == 2


def test_all_errors_are_shown_at_once_above_the_fields_too(app: Flask, ana: Client) -> None:
    wrong = {"given_names": "", "document_number": "12", "phone": "1", "birth_date": "31/02/1990", "email": "rosa@"}
    html = ana.post("/patients", {**ROSA, **wrong}).text
    summary = html[html.index("data-error-summary") : html.index("</ul>", html.index("data-error-summary"))]
    for field in wrong:
        assert f'href="#{field}"' in summary
    assert html.count("autofocus") == 1  # the summary has it


def test_two_clicks_register_one_person(app: Flask, ana: Client) -> None:
    twice = {**ROSA, "document_number": "", "submission_id": "the-same-form"}
    assert ana.post("/patients", twice).location == ana.post("/patients", twice).location
    assert len(events(app)) == 1


def test_nobody_sets_what_the_form_does_not_offer(app: Flask, ana: Client) -> None:
    answer = ana.post(
        "/patients", {**ROSA, "id": "77", "organization_id": "2", "deleted_at": "2026-01-01", "full_name": "Otra"}
    )
    rosa = patient(app, int(answer.location.rpartition("/")[2]))
    assert (rosa.id, rosa.organization_id, rosa.deleted_at) == (3, 1, None)
    assert rosa.full_name == "Rosa Elena Huamán Díaz"


# ------------------------------------------------------------------ changing


def test_a_change_is_kept_and_said(app: Flask, ana: Client) -> None:
    form = form_of(ana, 1, phone="912 000 111", document_number="45678912", admin_note="Llega\r\ncon su hija")
    assert ana.post("/patients/1/edit", form).location == "/patients/1"
    clara = patient(app, 1)
    assert (clara.phone, clara.version, clara.admin_note) == ("+51912000111", 2, "Llega\ncon su hija")
    assert "912000111" in clara.search_text
    kind, data = events(app)[-1]
    assert kind == "patients.patient.updated.v1"
    assert set(data["fields"]) >= {"phone", "admin_note"}
    assert "given_names" not in data["fields"]


def test_a_stale_form_overwrites_nothing_and_shows_what_changed(app: Flask, ana: Client, diego: Client) -> None:
    mine = form_of(ana, 1, document_number="45678912", occupation="Costurera", phone="987654321")
    theirs = form_of(diego, 1, document_number="45678912", occupation="Docente", phone="987654321")
    assert diego.post("/patients/1/edit", theirs).status_code == 303
    answer = ana.post("/patients/1/edit", mine)
    assert answer.status_code == 409
    assert patient(app, 1).occupation == "Docente"
    assert "Docente" in answer.text
    assert 'value="Costurera"' in answer.text
    fresh = re.search(r'name="version" value="([^"]+)"', answer.text)
    assert fresh
    assert ana.post("/patients/1/edit", {**mine, "version": fresh.group(1)}).status_code == 303
    assert patient(app, 1).occupation == "Costurera"


def test_two_tabs_with_two_patients_do_not_mix(app: Flask, ana: Client) -> None:
    clara, gloria = form_of(ana, 1, occupation="Docente"), form_of(ana, 2, occupation="Contadora")
    answer = ana.post("/patients/2/edit", clara)  # Clara's form, Gloria's address
    assert answer.status_code == 409
    assert "otra persona" in answer.text
    assert patient(app, 2).full_name == "Gloria Mamani Huamán"
    assert ana.post("/patients/2/edit", gloria).status_code == 303
    assert ana.post("/patients/1/edit", clara).status_code == 303
    assert (patient(app, 1).occupation, patient(app, 2).occupation) == ("Docente", "Contadora")


@pytest.mark.parametrize("version", ["", "1", "1-", "1-x", "-1", "2-1"])
def test_a_forged_version_is_refused(ana: Client, version: str) -> None:
    assert ana.post("/patients/1/edit", {**ROSA, "version": version}).status_code == 409


def test_the_document_of_another_cannot_be_taken(app: Flask, ana: Client) -> None:
    answer = ana.post("/patients/2/edit", form_of(ana, 2, document_number="45678912"))
    assert answer.status_code == 409
    assert 'href="/patients/1"' in answer.text
    assert patient(app, 2).document_number == "41234567"


# ------------------------------------------------------------------ archiving


def test_archived_and_restored(app: Flask, ana: Client, diego: Client) -> None:
    assert diego.post("/patients/2/archiving").location == "/patients/2"
    assert ana.get("/patients/2").status_code == 404
    card = diego.get("/patients/2")
    assert "Ficha archivada" in card.text
    taken = ana.post("/patients", {**ROSA, "document_number": "41234567"})
    assert taken.status_code == 409
    assert "ficha archivada" in taken.text
    assert 'href="/patients/2"' not in taken.text  # she could not open it
    diego.post("/patients/2/archiving")
    assert diego.post("/patients/2/restoration").status_code == 303
    assert ana.get("/patients/2").status_code == 200
    kinds = [kind for kind, _data in events(app)]
    assert kinds == ["patients.patient.archived.v1", "patients.patient.restored.v1"]


def test_who_has_visits_ahead_is_not_archived(app: Flask, diego: Client) -> None:
    soon = clock.now() + timedelta(days=1)
    book(app, patient=2, therapist=1, starts_at=soon, ends_at=soon + timedelta(minutes=45))
    assert diego.post("/patients/2/archiving").status_code == 422
    assert patient(app, 2).deleted_at is None


def test_visits_behind_do_not_hold_anybody(app: Flask, diego: Client) -> None:
    book(app, patient=2, therapist=1, starts_at=LONG_AGO)
    assert diego.post("/patients/2/archiving").status_code == 303


# ------------------------------------------------------------------ what names may hold


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}"])
def test_names_are_shown_and_never_run(ana: Client, name: str) -> None:
    answer = ana.post("/patients", {**ROSA, "given_names": name})
    assert answer.status_code == 303
    for path in (answer.location, f"{answer.location}/edit", "/patients"):
        html = ana.get(path).text  # the inspector refuses inline scripts and handlers
        assert name not in html or name == "{{7*7}}"
        assert "49 Huam" not in html
    options = ana.fragment("/patients/options?q=huaman+diaz", "ul#patient-options").text
    assert name not in options or name == "{{7*7}}"


def test_formulas_stay_text(app: Flask, ana: Client) -> None:
    answer = ana.post("/patients", {**ROSA, "given_names": '=HYPERLINK("x")', "paternal_surname": "+51"})
    rosa = patient(app, int(answer.location.rpartition("/")[2]))
    assert (rosa.given_names, rosa.paternal_surname) == ('=HYPERLINK("x")', "+51")


# ------------------------------------------------------------------ fragments and cost


def test_fragment_equals_page_part(ana: Client) -> None:
    page = ana.get("/patients?q=clara").text
    fragment = ana.fragment("/patients?q=clara", "div#patient-list").text
    assert fragment.strip() in page
    assert "<html" not in fragment


def test_the_list_pages_and_says_when_it_is_empty(ana: Client, add_people: Add) -> None:
    add_people(*(Details(f"Nadia {n:02d}", "Soto") for n in range(60)))
    first, last = ana.get("/patients?q=nadia"), ana.get("/patients?q=nadia&page=3")
    assert "Nadia 24 Soto" in first.text
    assert "Nadia 25 Soto" not in first.text
    assert "51 a 60 de 60" in last.text
    nobody = ana.get("/patients?q=xyz")
    assert "Nadie coincide con «xyz»" in nobody.text
    assert 'href="/patients/new?q=xyz"' in nobody.text


@pytest.mark.parametrize("people", [2, 24])
def test_the_list_costs_the_same_for_many(app: Flask, ana: Client, add_people: Add, people: int) -> None:
    add_people(*(Details(f"Nadia {n}", "Soto") for n in range(people)))
    ana.get("/patients?q=nadia")
    with count_queries(app) as sent:
        ana.fragment("/patients?q=nadia", "div#patient-list")
    assert len(sent) <= 2, sent  # session, people


def test_the_card_costs_two_queries_beside_the_frame(app: Flask, ana: Client) -> None:
    ana.get("/patients/1")
    with count_queries(app) as sent:
        ana.get("/patients/1")
    assert sum("patient" in statement and "user_session" not in statement for statement in sent) == 1, sent


def test_upper_domains_add_their_parts_by_address(app: Flask, ana: Client, diego: Client) -> None:
    book(app, patient=1, therapist=1)
    slot = '<div id="patient-appointments" hx-get="/patients/1/appointments"'
    assert slot in ana.get("/patients/1").text
    assert 'href="/appointments/new?patient_id=1"' in ana.get("/patients/1").text
    part = ana.fragment("/patients/1/appointments", "div#patient-appointments")
    assert part.status_code == 200
    assert 'id="patient-appointments"' in part.text
    diego.post("/patients/2/archiving")
    assert 'href="/appointments/new' not in diego.get("/patients/2").text
