"""The users of the clinics, as their admin sees and changes them."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.identity import rules
from app.identity.models import User
from app.kernel import clock
from app.kernel.db import db
from app.kernel.idempotency import Submission
from app.kernel.outbox import EventRow
from tests import build
from tests.cast import Cast
from tests.client import Client

NEW = {"full_name": "Karla Meza", "email": "Karla@Example.com", "roles": "1:receptionist"}


@pytest.fixture
def one_clinic_admin(app: Flask, cast: Cast) -> Client:
    """Diego made admin of Miraflores alone."""
    with app.app_context():
        build.membership(cast.diego_user, cast.miraflores, "admin")
    return Client(app).sign_in("diego@example.com")


def password_on(page: str) -> str:
    found = re.search(r'id="temporary-password">([^<]+)<', page)
    assert found
    return found.group(1)


def stored_anywhere(app: Flask, client: Client) -> str:
    """Cookies and the rows that hold responses."""
    with app.app_context():
        rows = db.session.execute(select(Submission.headers, Submission.body)).all()
    with client.http.session_transaction() as session:
        return f"{rows} {dict(session)}"


def roles_of(app: Flask, user_id: int) -> set[tuple[int, str]]:
    with app.app_context():
        return build.roles_of(user_id)


def test_it_works(eva: Client, app: Flask) -> None:
    listed = eva.get("/admin/users")
    assert listed.status_code == 200
    assert "Ana Torres" in listed.text
    assert "Centro Arequipa: Recepción" in listed.text
    assert eva.get("/admin/users/new").status_code == 200
    answer = eva.post("/admin/users", {**NEW, "submission_id": "once"})
    assert answer.status_code == 200, answer.text
    password = password_on(answer.text)
    again = eva.post("/admin/users", {**NEW, "submission_id": "once"})
    assert again.status_code == 303  # the page was loaded again: shown once
    assert password not in eva.get(again.location).text
    assert password not in stored_anywhere(app, eva)
    karla = Client(app).sign_in("karla@example.com", password)
    assert karla.get("/admin/users").status_code == 303
    with app.app_context():
        hashed = db.session.scalar(select(User.password_hash).where(User.email == "karla@example.com"))
        facts = set(db.session.scalars(select(EventRow.type)))
    assert hashed.startswith("$argon2id$")
    assert {"identity.user.created.v1", "identity.roles.changed.v1"} <= facts


@pytest.mark.parametrize("path", ["/admin/users", "/admin/users/new", "/admin/users/1"])
def test_it_requires_user_manage(path: str, ana: Client, diego: Client, clara: Client, client: Client) -> None:
    assert [who.get(path).status_code for who in (ana, diego, clara)] == [403, 403, 403]
    assert client.get(path).status_code == 303


def test_writing_requires_user_manage(diego: Client, cast: Cast, app: Flask) -> None:
    for path in ("", "/1", "/1/closing", "/1/reopening", "/1/temporary-password"):
        assert diego.post(f"/admin/users{path}", NEW).status_code == 403
    assert roles_of(app, cast.ana_user) == {(1, "receptionist")}


def test_it_hides_other_clinics(one_clinic_admin: Client, cast: Cast, app: Flask) -> None:
    listed = one_clinic_admin.get("/admin/users").text
    assert "Ana Torres" in listed
    assert "Fabio Luna" not in listed
    assert "Arequipa" not in listed
    assert one_clinic_admin.get(f"/admin/users/{cast.fabio_user}").status_code == 404
    for verb in ("", "/closing", "/temporary-password"):
        assert one_clinic_admin.post(f"/admin/users/{cast.fabio_user}{verb}", NEW).status_code == 404
    assert one_clinic_admin.post("/admin/users", {**NEW, "roles": "2:receptionist"}).status_code == 422
    assert roles_of(app, cast.fabio_user) == {(2, "receptionist")}


def test_an_admin_of_one_clinic_does_not_take_over_who_works_in_two(one_clinic_admin: Client, cast: Cast) -> None:
    for verb in ("closing", "temporary-password"):
        assert one_clinic_admin.post(f"/admin/users/{cast.eva_user}/{verb}").status_code == 422


def test_it_rejects_bad_input(eva: Client) -> None:
    answer = eva.post("/admin/users", {"full_name": "", "email": "no es"})
    assert answer.status_code == 422
    assert "Escriba el nombre." in answer.text
    assert "Escriba un correo válido." in answer.text
    taken = eva.post("/admin/users", {**NEW, "email": "ana@example.com"})
    assert taken.status_code == 422
    assert "Ya hay una cuenta con este correo." in taken.text
    assert "Karla Meza" in taken.text
    nobody = eva.post("/admin/users", {"full_name": "Karla Meza", "email": "karla@example.com"})
    assert "Elija al menos un rol" in nobody.text
    therapist = eva.post("/admin/users", {**NEW, "roles": "1:therapist"})
    assert therapist.status_code == 422


def test_fragment_equals_page_part(eva: Client) -> None:
    part = eva.fragment("/admin/users?q=torres", "div#users").text.strip()
    assert "Ana Torres" in part
    assert "Fabio" not in part
    assert part in eva.get("/admin/users?q=torres").text


def test_changed_roles_end_the_sessions_and_count_at_the_next_sign_in(
    eva: Client, ana: Client, app: Flask, cast: Cast
) -> None:
    form = {"full_name": "Ana Torres", "email": "ana@example.com", "roles": ["1:receptionist", "1:supervisor"]}
    assert eva.post(f"/admin/users/{cast.ana_user}", form).status_code == 303
    assert roles_of(app, cast.ana_user) == {(1, "receptionist"), (1, "supervisor")}
    assert ana.get("/account").status_code == 303
    assert eva.get("/account").status_code == 200


def test_the_same_roles_again_end_nothing(eva: Client, ana: Client, cast: Cast) -> None:
    form = {"full_name": "Ana Torres Paz", "email": "ana@example.com", "roles": "1:receptionist"}
    assert eva.post(f"/admin/users/{cast.ana_user}", form).status_code == 303
    assert "Ana Torres Paz" in ana.get("/account").text


def test_nobody_locks_themselves_out(eva: Client, app: Flask, cast: Cast) -> None:
    form = {"full_name": "Eva Castillo", "email": "eva@example.com", "roles": ["1:admin", "2:receptionist"]}
    answer = eva.post(f"/admin/users/{cast.eva_user}", form)
    assert answer.status_code == 422
    assert "No puede quitarse a sí mismo" in answer.text
    assert roles_of(app, cast.eva_user) == {(1, "admin"), (2, "admin")}
    assert eva.post(f"/admin/users/{cast.eva_user}/closing").status_code == 422


def test_a_closed_account_stays_out_until_it_is_opened(eva: Client, ana: Client, app: Flask, cast: Cast) -> None:
    assert eva.post(f"/admin/users/{cast.ana_user}/closing").status_code == 303
    assert ana.get("/account").status_code == 303
    assert "Ana Torres" not in eva.get("/admin/users").text
    assert "Ana Torres" in eva.get("/admin/users?closed=1").text
    assert "Cuenta cerrada" in eva.get(f"/admin/users/{cast.ana_user}").text
    assert eva.post(f"/admin/users/{cast.ana_user}/reopening").status_code == 303
    Client(app).sign_in("ana@example.com")


def test_a_temporary_password_replaces_the_old_one(eva: Client, ana: Client, app: Flask, cast: Cast) -> None:
    answer = eva.post(f"/admin/users/{cast.ana_user}/temporary-password")
    password = password_on(answer.text)
    assert ana.get("/account").status_code == 303
    fresh = Client(app)
    fresh.get("/login")
    assert fresh.post("/login", {"email": "ana@example.com", "password": cast.password}).status_code == 422
    Client(app).sign_in("ana@example.com", password)


class TestTemporaryPassword:
    @pytest.fixture
    def password(self, eva: Client, cast: Cast) -> str:
        return password_on(eva.post(f"/admin/users/{cast.ana_user}/temporary-password").text)

    def test_it_has_to_be_changed_first(self, app: Flask, password: str) -> None:
        ana = Client(app).sign_in("ana@example.com", password)
        assert ana.get("/").location == "/account"
        assert ana.get("/front-desk").location == "/account"
        assert ana.post("/patients", {}).status_code == 403
        assert "temporal" in ana.get("/account").text
        new = "otra frase bien larga"
        answer = ana.post("/account/password", {"current": password, "new": new, "again": new})
        assert answer.location == "/"
        assert ana.get("/").location == "/front-desk"
        assert ana.get("/front-desk").status_code == 200

    def test_it_gives_a_program_no_right(self, app: Flask, password: str) -> None:
        http = app.test_client()
        opened = http.post("/api/auth/login/", json={"email": "ana@example.com", "password": password}).get_json()
        assert opened["permissions"] == ["account.own"]
        answer = http.get("/api/patients/", headers={"Authorization": f"Bearer {opened['access']}"})
        assert (answer.status_code, answer.get_json()["code"]) == (403, "PASSWORD_CHANGE_REQUIRED")

    def test_it_ends_in_a_day(self, app: Flask, password: str) -> None:
        late = clock.now() + rules.TEMPORARY_PASSWORD + timedelta(seconds=1)
        with time_machine.travel(late, tick=False):
            ana = Client(app)
            ana.get("/login")
            answer = ana.post("/login", {"email": "ana@example.com", "password": password})
        assert answer.status_code == 422
        assert "ya venció" in answer.text


def test_permissions_are_told_to_oneself_and_to_the_admin(
    eva: Client, ana: Client, one_clinic_admin: Client, cast: Cast
) -> None:
    path = f"/api/permissions/user/{cast.ana_user}/"
    own = ana.api("GET", path).get_json()
    assert [(row["clinic_id"], row["role"]) for row in own["results"]] == [(1, "receptionist")]
    assert "clinic.read" in own["results"][0]["permissions"]
    assert eva.api("GET", path).get_json()["results"] == own["results"]
    assert ana.api("GET", f"/api/permissions/user/{cast.eva_user}/").status_code == 403
    assert one_clinic_admin.api("GET", f"/api/permissions/user/{cast.fabio_user}/").status_code == 404
