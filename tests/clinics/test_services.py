"""What a clinic offers, as its admin changes it."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.clinics import queries
from app.clinics.models import Service
from app.kernel.db import db
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

NEW = {
    "name": "Drenaje linfático",
    "duration_minutes": "50",
    "price_cents": "95.50",
    "specialty_id": "1",
    "colour": "3",
    "is_online": "y",
    "clinic_id": "1",
}


def service(app: Flask, name: str) -> Any:
    with app.app_context():
        return db.session.scalar(select(Service).where(Service.name == name))


def test_it_works(eva: Client, app: Flask) -> None:
    listed = eva.get("/admin/services?clinic_id=1").text
    assert "Reflexología podal" in listed
    assert "Masaje" not in listed
    assert "Masaje" in eva.get("/admin/services?clinic_id=2").text
    assert eva.get("/admin/services/new?clinic_id=1").status_code == 200
    assert eva.post("/admin/services", NEW).status_code == 303
    made = service(app, "Drenaje linfático")
    assert (made.clinic_id, made.duration_minutes, made.price_cents, made.colour) == (1, 50, 9550, 3)
    changed = {**NEW, "price_cents": "100", "is_online": ""}
    assert eva.post(f"/admin/services/{made.id}", {k: v for k, v in changed.items() if v}).status_code == 303
    again = service(app, "Drenaje linfático")
    assert (again.price_cents, again.is_online) == (10000, False)
    assert 'value="100.00"' in eva.get(f"/admin/services/{made.id}").text


def test_it_is_retired_and_offered_again(eva: Client, app: Flask, cast: Cast) -> None:
    assert eva.post(f"/admin/services/{cast.reflexology}/retirement").status_code == 303
    with app.app_context():
        assert [s.name for s in queries.services_of(1)] == ["Fisioterapia"]
        assert not queries.offers(cast.bruno, cast.reflexology)
        assert queries.service(cast.reflexology).name == "Reflexología podal"
    assert "Retirado" in eva.get("/admin/services?clinic_id=1").text
    assert eva.post(f"/admin/services/{cast.reflexology}/restoration").status_code == 303
    with app.app_context():
        assert queries.offers(cast.bruno, cast.reflexology)


@pytest.mark.parametrize("path", ["/admin/services", "/admin/services/new", "/admin/services/1"])
def test_it_requires_service_manage(path: str, ana: Client, diego: Client, clara: Client) -> None:
    assert [who.get(path).status_code for who in (ana, diego, clara)] == [403, 403, 403]


@pytest.mark.parametrize("path", ["", "/1", "/1/retirement", "/1/restoration"])
def test_writing_requires_service_manage(path: str, diego: Client) -> None:
    assert diego.post(f"/admin/services{path}", NEW).status_code == 403


def test_it_hides_other_clinics(eva: Client, local_admin: Client, neighbours: int, app: Flask, cast: Cast) -> None:
    for who, clinic, foreign in ((eva, neighbours, neighbours), (local_admin, cast.arequipa, cast.massage)):
        assert who.get(f"/admin/services?clinic_id={clinic}").status_code == 404
        assert who.get(f"/admin/services/new?clinic_id={clinic}").status_code == 404
        assert who.get(f"/admin/services/{foreign}").status_code == 404
        assert who.post("/admin/services", {**NEW, "clinic_id": str(clinic)}).status_code == 404
        for verb in ("", "/retirement", "/restoration"):
            assert who.post(f"/admin/services/{foreign}{verb}", NEW).status_code == 404
    assert service(app, "Drenaje linfático") is None


def test_it_rejects_bad_input(eva: Client, app: Flask) -> None:
    bad = {**NEW, "name": "", "duration_minutes": "7", "price_cents": "8.123"}
    answer = eva.post("/admin/services", bad)
    assert answer.status_code == 422
    assert "Escriba el nombre del servicio." in answer.text
    assert "dos decimales" in answer.text
    assert 'value="8.123"' in answer.text
    odd = eva.post("/admin/services", {**NEW, "duration_minutes": "7"})
    assert "múltiplo de 5" in odd.text
    taken = eva.post("/admin/services", {**NEW, "name": "Fisioterapia"})
    assert "Ya hay otro con este nombre" in taken.text
    foreign = eva.post("/admin/services", {**NEW, "specialty_id": "77"})
    assert foreign.status_code == 422
    assert service(app, "Drenaje linfático") is None


def test_fragment_equals_page_part(eva: Client) -> None:
    part = eva.fragment("/admin/services?clinic_id=1", "div#services").text.strip()
    assert part.startswith('<div id="services">')
    assert part in eva.get("/admin/services?clinic_id=1").text


def test_the_list_takes_few_queries(eva: Client, app: Flask) -> None:
    with count_queries(app) as sent:
        eva.fragment("/admin/services?clinic_id=1", "div#services")
    assert len(sent) <= 3  # the actor, the clinic, the services
