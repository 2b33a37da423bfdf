"""Who treats, as admins and supervisors change it."""

import re

import pytest
from flask import Flask
from sqlalchemy import insert, select

from app.clinics import queries, rules
from app.clinics.models import Specialty, Therapist, therapist_service, therapist_specialty
from app.identity.models import User
from app.kernel.db import db
from tests import build
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

NEW = {
    "given_names": "Julia Rosa",
    "surnames": "Ponce Díaz",
    "licence_number": "CTMP 4521",
    "specialty_ids": ["1", "2"],
    "service_ids": ["1", "3"],
}


def links(app: Flask, therapist_id: int) -> tuple[set[int], set[int]]:
    with app.app_context():
        return (
            set(
                db.session.scalars(
                    select(therapist_specialty.c.specialty_id).where(therapist_specialty.c.therapist_id == therapist_id)
                )
            ),
            set(
                db.session.scalars(
                    select(therapist_service.c.service_id).where(therapist_service.c.therapist_id == therapist_id)
                )
            ),
        )


def test_it_works(eva: Client, app: Flask) -> None:
    listed = eva.get("/admin/therapists").text
    assert "Salas Rojas, Bruno" in listed
    assert "Flores Quispe, Inés" in listed
    assert eva.get("/admin/therapists/new").status_code == 200
    answer = eva.post("/admin/therapists", NEW)
    assert answer.location == "/admin/therapists/4/hours"
    with app.app_context():
        julia = db.session.get_one(Therapist, 4)
    assert (julia.display_name, julia.licence_number) == ("Julia Ponce", "CTMP 4521")
    assert links(app, 4) == ({1, 2}, {1, 3})
    changed = {**NEW, "display_name": "Julia P.", "specialty_ids": "2", "service_ids": "1"}
    assert eva.post("/admin/therapists/4", changed).status_code == 303
    assert links(app, 4) == ({2}, {1})
    assert "Julia P." in eva.get("/admin/therapists/4").text


def test_the_default_service_is_chosen_in_the_form(eva: Client, app: Flask, cast: Cast) -> None:
    answer = eva.post("/admin/therapists", {**NEW, "default_service_id": "3"})
    assert answer.status_code == 303
    shown = eva.tree(eva.get("/admin/therapists/4"))
    chosen = [o.get("value") for o in shown.iter("option") if o.get("selected") is not None]
    assert chosen == ["3"]
    not_given = eva.post("/admin/therapists/4", {**NEW, "default_service_id": "2"})
    assert not_given.status_code == 422
    assert "Elija uno de los servicios que atiende." in not_given.text
    with app.app_context():
        link = therapist_service.c
        default = select(link.service_id).where(link.therapist_id == 4, link.is_default)
        assert db.session.scalars(default).all() == [cast.massage]


def test_a_supervisor_manages_the_therapists_of_the_clinic(diego: Client, app: Flask) -> None:
    listed = diego.get("/admin/therapists").text
    assert "Bruno" in listed
    assert "Inés" not in listed
    assert diego.post("/admin/therapists", {**NEW, "service_ids": "1"}).status_code == 303
    assert diego.post("/admin/therapists", {**NEW, "service_ids": "3"}).status_code == 422  # of Arequipa


def test_services_of_other_clinics_stay(diego: Client, app: Flask, cast: Cast) -> None:
    with app.app_context():
        db.session.execute(insert(therapist_service).values(therapist_id=cast.bruno, service_id=cast.massage))
        db.session.commit()
    form = {"given_names": "Bruno", "surnames": "Salas Rojas", "service_ids": "1"}
    assert diego.post(f"/admin/therapists/{cast.bruno}", form).status_code == 303
    assert links(app, cast.bruno) == (set(), {cast.reflexology, cast.massage})
    answer = diego.post(f"/admin/therapists/{cast.bruno}/retirement")
    assert answer.status_code == 422
    assert "sede que usted no administra" in answer.text


def test_they_leave_and_come_back(eva: Client, app: Flask, cast: Cast) -> None:
    assert eva.post(f"/admin/therapists/{cast.bruno}/retirement").status_code == 303
    with app.app_context():
        assert [t.name for t in queries.therapists_of(1)] == ["Hugo Paredes"]
        assert not queries.therapist(cast.bruno).is_active
        assert not queries.offers(cast.bruno, cast.reflexology)
    assert "Salas Rojas, Bruno" not in eva.get("/admin/therapists").text
    assert "Salas Rojas, Bruno" in eva.get("/admin/therapists?retired=1").text
    assert "Está retirado" in eva.get(f"/admin/therapists/{cast.bruno}").text
    assert eva.post(f"/admin/therapists/{cast.bruno}/restoration").status_code == 303
    with app.app_context():
        assert queries.offers(cast.bruno, cast.reflexology)


def test_an_account_comes_with_the_role_in_their_clinics(eva: Client, app: Flask, cast: Cast) -> None:
    path = f"/admin/therapists/{cast.ines}/account"
    answer = eva.post(path, {"email": "ines@example.com"})
    assert answer.status_code == 200, answer.text
    password = re.search(r'id="temporary-password">([^<]+)<', answer.text).group(1)
    Client(app).sign_in("ines@example.com", password)
    with app.app_context():
        user = db.session.scalar(select(User).where(User.email == "ines@example.com"))
        assert build.roles_of(user.id) == {(cast.arequipa, "therapist")}
        assert db.session.scalar(select(Therapist.user_id).where(Therapist.id == cast.ines)) == user.id
    assert "ines@example.com" in eva.get(f"/admin/therapists/{cast.ines}").text
    assert eva.post(path, {"email": "otra@example.com"}).status_code == 409
    bruno = eva.post(f"/admin/therapists/{cast.bruno}/account", {"email": ""})
    assert bruno.status_code == 422


@pytest.mark.parametrize("path", ["/admin/therapists", "/admin/therapists/new", "/admin/therapists/1"])
def test_it_requires_therapist_manage(path: str, ana: Client, bruno: Client, clara: Client) -> None:
    assert [who.get(path).status_code for who in (ana, bruno, clara)] == [403, 403, 403]


@pytest.mark.parametrize("path", ["therapists", "therapists/1", "therapists/1/retirement", "specialties"])
def test_writing_requires_therapist_manage(path: str, ana: Client) -> None:
    assert ana.post(f"/admin/{path}", NEW).status_code == 403


def test_an_account_requires_user_manage(diego: Client) -> None:
    assert diego.post("/admin/therapists/1/account", {"email": "x@example.com"}).status_code == 403


def test_it_hides_other_clinics(eva: Client, diego: Client, neighbours: int, cast: Cast) -> None:
    assert "Vera" not in eva.get("/admin/therapists").text
    for who, foreign in ((eva, neighbours), (diego, cast.ines)):
        assert who.get(f"/admin/therapists/{foreign}").status_code == 404
        for verb in ("", "/retirement", "/restoration"):
            assert who.post(f"/admin/therapists/{foreign}{verb}", NEW).status_code == 404
    assert eva.post(f"/admin/therapists/{neighbours}/account", {"email": "v@example.com"}).status_code == 404


def test_therapists_without_services_belong_to_the_clinic_that_had_them(
    app: Flask, eva: Client, diego: Client, cast: Cast
) -> None:
    """Whose services are gone belongs to the clinic that had them, not to everybody."""
    eva.api("PATCH", f"/api/therapists/{cast.ines}/", {"service_ids": []})
    assert "Inés" in eva.get("/admin/therapists").text
    assert eva.get(f"/admin/therapists/{cast.ines}/hours").status_code == 200
    with app.app_context():
        assert db.session.get_one(Therapist, cast.ines).home_clinic_id == cast.arequipa
    assert "Inés" not in diego.get("/admin/therapists").text
    assert "Inés" not in diego.api("GET", "/api/therapists/").text
    assert diego.api("GET", f"/api/therapists/{cast.ines}/").status_code == 404
    for path in ("", "/hours"):
        assert diego.get(f"/admin/therapists/{cast.ines}{path}").status_code == 404
    for verb in ("", "/retirement", "/restoration", "/hours", "/time-off"):
        assert diego.post(f"/admin/therapists/{cast.ines}{verb}", NEW).status_code == 404


def test_who_has_a_role_in_a_clinic_belongs_to_it(app: Flask, eva: Client, diego: Client, cast: Cast) -> None:
    eva.api("PATCH", f"/api/therapists/{cast.ines}/", {"service_ids": []})
    with app.app_context():
        build.membership(cast.clara_user, cast.miraflores, "therapist")
        db.session.get_one(Therapist, cast.ines).user_id = cast.clara_user
        db.session.commit()
    assert diego.get(f"/admin/therapists/{cast.ines}").status_code == 200


def test_a_new_therapist_without_services_belongs_to_the_clinic_of_who_adds_them(
    app: Flask, eva: Client, diego: Client, cast: Cast
) -> None:
    names = {"given_names": "Julia", "surnames": "Ponce"}
    here = eva.api("POST", "/api/therapists/", names).get_json()["id"]
    there = eva.api("POST", "/api/therapists/", {**names, "clinic_id": cast.arequipa}).get_json()["id"]
    assert diego.get(f"/admin/therapists/{here}").status_code == 200
    assert diego.get(f"/admin/therapists/{there}").status_code == 404
    assert diego.api("POST", "/api/therapists/", {**names, "clinic_id": cast.arequipa}).status_code == 403


@pytest.mark.parametrize(
    ("home", "before", "after", "expected"),
    [(1, {1}, {1, 2}, 1), (1, {1}, {2}, 2), (1, {1}, set(), 1), (None, {2, 3}, set(), 2), (None, set(), set(), None)],
)
def test_the_home_clinic_follows_the_services(
    home: int | None, before: set[int], after: set[int], expected: int | None
) -> None:
    assert rules.home_clinic(home, before, after) == expected


def test_it_rejects_bad_input(eva: Client, neighbours: int) -> None:
    answer = eva.post("/admin/therapists", {**NEW, "given_names": "", "surnames": " "})
    assert answer.status_code == 422
    assert "Escriba los nombres." in answer.text
    assert "CTMP 4521" in answer.text
    assert eva.post("/admin/therapists", {**NEW, "service_ids": str(neighbours)}).status_code == 422
    assert eva.post("/admin/therapists", {**NEW, "specialty_ids": str(neighbours)}).status_code == 422


def test_specialties_are_added_once(eva: Client, app: Flask) -> None:
    for _twice in range(2):
        assert eva.post("/admin/specialties", {"name": "Psicología"}).status_code == 303
    with app.app_context():
        assert db.session.scalars(select(Specialty.name).where(Specialty.name == "Psicología")).all() == ["Psicología"]
    assert "Psicología" in eva.get("/admin/therapists").text


def test_a_specialty_needs_a_name(eva: Client, app: Flask) -> None:
    answer = eva.post("/admin/specialties", {"name": " "})
    assert answer.status_code == 422
    assert "Escriba el nombre de la especialidad." in answer.text
    with app.app_context():
        assert db.session.scalars(select(Specialty.name).where(Specialty.name == "")).all() == []


def test_fragment_equals_page_part(eva: Client) -> None:
    part = eva.fragment("/admin/therapists?q=salas", "div#therapists").text.strip()
    assert "Bruno" in part
    assert "Hugo" not in part
    assert part in eva.get("/admin/therapists?q=salas").text


def test_the_list_takes_few_queries(eva: Client, app: Flask) -> None:
    with count_queries(app) as sent:
        eva.fragment("/admin/therapists", "div#therapists")
    assert len(sent) <= 5  # the actor, therapists, their specialties, their services, all specialties
