"""Clinics, therapists and services as programs see them."""

import pytest
from flask import Flask

from tests.cast import Cast
from tests.client import Client


def names(client: Client, path: str) -> list[str]:
    answer = client.api("GET", path)
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.get_json()["results"]]


def test_clinics_of_staff_and_of_patients(eva: Client, ana: Client, clara: Client, neighbours: int) -> None:
    assert names(ana, "/api/clinics/") == ["Centro Miraflores"]
    assert names(eva, "/api/clinics/") == ["Centro Arequipa", "Centro Miraflores"]
    assert names(clara, "/api/clinics") == ["Centro Arequipa", "Centro Miraflores"]


def test_a_clinic_tells_its_tax_rate(ana: Client, cast: Cast) -> None:
    clinic = ana.api("GET", f"/api/clinics/{cast.miraflores}/").get_json()
    assert clinic["settings"]["tax_rate"] == "18.00"
    assert clinic["currency"] == "PEN"
    assert "difference_limit_cents" not in clinic["settings"]


def test_doctors_carry_a_consultation_fee(ana: Client, cast: Cast) -> None:
    doctors = ana.api("GET", f"/api/clinics/{cast.miraflores}/doctors/").get_json()
    assert [d["name"] for d in doctors["results"]] == ["Bruno Salas", "Hugo Paredes"]
    assert [d["consultation_fee"] for d in doctors["results"]] == ["80.00", "60.00"]
    assert doctors["count"] == 2


def test_the_default_service_is_one_that_the_therapist_gives(eva: Client, cast: Cast) -> None:
    path = f"/api/therapists/{cast.bruno}/"
    assert eva.api("GET", path).get_json()["default_service_id"] == cast.reflexology
    changed = eva.api("PATCH", path, {"default_service_id": cast.physiotherapy}).get_json()
    assert changed["default_service_id"] == cast.physiotherapy
    doctors = eva.api("GET", f"/api/clinics/{cast.miraflores}/doctors/?ordering=id").get_json()["results"]
    assert doctors[0]["consultation_fee"] == "60.00"
    assert eva.api("PATCH", path, {"phone": "987654321"}).get_json()["default_service_id"] == cast.physiotherapy
    foreign = eva.api("PATCH", path, {"default_service_id": cast.massage})
    assert (foreign.status_code, set(foreign.get_json()["details"])) == (400, {"default_service_id"})
    assert eva.api("PATCH", path, {"default_service_id": None}).get_json()["default_service_id"] is None
    doctors = eva.api("GET", f"/api/clinics/{cast.miraflores}/doctors/?ordering=id").get_json()["results"]
    assert doctors[0]["consultation_fee"] is None
    one = eva.api("PATCH", path, {"service_ids": [cast.physiotherapy]}).get_json()
    assert one["default_service_id"] == cast.physiotherapy  # the only one needs no choice


def test_therapists_are_filtered_and_searched(eva: Client, cast: Cast) -> None:
    assert names(eva, "/api/therapists/") == ["Bruno Salas", "Hugo Paredes", "Inés Flores"]
    assert names(eva, f"/api/therapists/?clinic_id={cast.arequipa}") == ["Inés Flores"]
    assert names(eva, f"/api/therapists/?service_id={cast.massage}") == ["Inés Flores"]
    assert names(eva, "/api/therapists/?search=hugo") == ["Hugo Paredes"]
    assert names(eva, "/api/therapists/?ordering=-name")[0] == "Inés Flores"


def test_patients_see_no_addresses_of_therapists(clara: Client, ana: Client, cast: Cast) -> None:
    seen = clara.api("GET", f"/api/therapists/{cast.bruno}/").get_json()
    assert seen["name"] == "Bruno Salas"
    assert not {"email", "phone", "document_number"} & set(seen)
    assert "phone" in ana.api("GET", f"/api/therapists/{cast.bruno}/").get_json()


def test_services_carry_price_and_currency(ana: Client, cast: Cast) -> None:
    services = ana.api("GET", "/api/services/").get_json()["results"]
    assert [(s["name"], s["price"], s["currency"]) for s in services] == [
        ("Fisioterapia", "60.00", "PEN"),
        ("Reflexología podal", "80.00", "PEN"),
    ]
    assert names(ana, f"/api/services/?therapist_id={cast.ines}") == []


def test_an_admin_makes_and_changes_services(eva: Client, cast: Cast) -> None:
    body = {"clinic_id": 1, "name": "Drenaje", "duration_minutes": 50, "price": "95.50"}
    made = eva.api("POST", "/api/services/", body)
    assert made.status_code == 201
    assert made.get_json()["price"] == "95.50"
    path = f"/api/services/{made.get_json()['id']}/"
    changed = eva.api("PATCH", path, {"price": "100"}).get_json()
    assert (changed["price"], changed["name"], changed["duration_minutes"]) == ("100.00", "Drenaje", 50)
    assert eva.api("PATCH", path, {"is_active": False}).get_json()["is_active"] is False
    assert "Drenaje" not in names(eva, "/api/services/")


def test_therapists_are_made_changed_and_retired(eva: Client, diego: Client, cast: Cast) -> None:
    body = {"given_names": "Julia", "surnames": "Ponce", "service_ids": [1], "specialty_ids": [2]}
    made = diego.api("POST", "/api/therapists/", body)
    assert made.status_code == 201, made.text
    path = f"/api/therapists/{made.get_json()['id']}/"
    changed = diego.api("PATCH", path, {"licence_number": "CTMP 1"}).get_json()
    assert (changed["licence_number"], changed["given_names"]) == ("CTMP 1", "Julia")
    assert [s["id"] for s in changed["services"]] == [1]
    assert diego.api("PATCH", path, {"is_active": False}).get_json()["is_active"] is False
    assert "Julia Ponce" not in names(eva, "/api/therapists/")
    assert diego.api("PATCH", path, {"is_active": True}).get_json()["is_active"] is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/services/"),
        ("PATCH", "/api/services/1/"),
        ("POST", "/api/therapists/"),
        ("PATCH", "/api/therapists/1/"),
    ],
)
def test_writing_requires_the_permission(method: str, path: str, ana: Client, clara: Client, client: Client) -> None:
    body = {"clinic_id": 1, "name": "X", "duration_minutes": 50, "price": "1", "given_names": "A", "surnames": "B"}
    assert ana.api(method, path, body).status_code == 403
    assert clara.api(method, path, body).status_code == 403
    assert client.api(method, path, body).status_code == 401


def test_it_hides_other_clinics(eva: Client, fabio: Client, clara: Client, neighbours: int, cast: Cast) -> None:
    assert names(fabio, "/api/therapists/") == ["Inés Flores"]
    assert names(fabio, "/api/services/") == ["Masaje terapéutico"]
    foreign = (
        (fabio, cast.miraflores, cast.bruno, cast.reflexology),
        (eva, neighbours, neighbours, neighbours),
        (clara, neighbours, neighbours, neighbours),
    )
    for who, clinic, therapist, service in foreign:
        for path in (
            f"clinics/{clinic}",
            f"clinics/{clinic}/doctors",
            f"therapists/{therapist}",
            f"services/{service}",
        ):
            assert who.api("GET", f"/api/{path}/").status_code == 404, path
    assert eva.api("PATCH", f"/api/therapists/{neighbours}/", {"phone": "1"}).status_code == 404
    assert eva.api("PATCH", f"/api/services/{neighbours}/", {"price": "1"}).status_code == 404
    body = {"clinic_id": neighbours, "name": "X", "duration_minutes": 30, "price": "1"}
    assert eva.api("POST", "/api/services/", body).status_code == 404


def test_it_rejects_bad_input(eva: Client, app: Flask) -> None:
    assert eva.api("GET", "/api/therapists/?colour=red").status_code == 400
    assert eva.api("GET", "/api/services/?ordering=secret").status_code == 400
    bad = eva.api("POST", "/api/services/", {"clinic_id": 1, "name": "X", "duration_minutes": 7, "price": "1"})
    assert bad.status_code == 400
    assert "duration_minutes" in bad.get_json()["details"]
    price = eva.api("POST", "/api/services/", {"clinic_id": 1, "name": "X", "duration_minutes": 30, "price": 8.5})
    assert price.status_code == 400
    assert "price" in price.get_json()["details"]
    assert eva.api("POST", "/api/therapists/", {"given_names": "Julia"}).status_code == 400
