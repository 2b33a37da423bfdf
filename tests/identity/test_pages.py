"""Sign in, sign out, one's own account."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.identity.models import LoginAttempt, UserSession
from app.kernel import clock
from app.kernel.db import db
from tests.cast import PASSWORD
from tests.client import Client


def test_it_works(client: Client) -> None:
    assert client.get("/").location == "/login"
    client.get("/login")
    answer = client.post("/login", {"email": "ana@example.com", "password": "una frase para probar"})
    assert answer.status_code == 303
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("ana", "/front-desk"),
        ("bruno", "/my-day"),
        ("clara", "/my"),
        ("diego", "/till"),
        ("eva", "/admin"),
        ("fabio", "/front-desk"),
    ],
)
def test_every_role_signs_in_with_the_token_of_the_form(app: Flask, client: Client, name: str, home: str) -> None:
    without_token = client.http.post("/login", data={"email": f"{name}@example.com", "password": PASSWORD})
    assert without_token.location == "/login"
    with app.app_context():
        assert db.session.scalars(select(UserSession)).all() == []
    client.sign_in(f"{name}@example.com")
    assert client.get("/").location == home
    with app.app_context():
        session = db.session.scalars(select(UserSession)).one()
        assert (session.kind, session.revoked_at) == ("browser", None)


def test_wrong_password_says_the_same_for_known_and_unknown_people(client: Client) -> None:
    client.get("/login")
    known = client.post("/login", {"email": "ana@example.com", "password": "no es"})
    unknown = client.post("/login", {"email": "nadie@example.com", "password": "no es"})
    assert known.status_code == unknown.status_code == 422
    assert "no son correctos" in known.text
    assert "no son correctos" in unknown.text
    with client.app.app_context():
        assert len(db.session.scalars(select(LoginAttempt)).all()) == 2


def test_the_account_rests_after_many_wrong_passwords(client: Client) -> None:
    client.get("/login")
    for _ in range(8):
        answer = client.post("/login", {"email": "ana@example.com", "password": "no es"})
    assert answer.status_code == 429


def test_signing_in_gives_a_new_session_and_signing_out_ends_it(app: Flask, ana: Client) -> None:
    cookie = ana.http.get_cookie("sid").value
    ana.post("/logout")
    thief = Client(app)
    thief.http.set_cookie("sid", cookie)
    assert thief.get("/account").location == "/login?next=/account"


def test_a_session_idles_out_and_background_requests_do_not_keep_it(ana: Client) -> None:
    start = clock.now()
    with time_machine.travel(start + timedelta(minutes=20), tick=False):
        assert ana.get("/account", headers={"X-Background": "1"}).status_code == 200
    with time_machine.travel(start + timedelta(minutes=40), tick=False):
        assert ana.get("/account").status_code == 303


def test_a_person_at_work_stays_signed_in(ana: Client) -> None:
    start = clock.now()
    for minutes in (20, 40, 60):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            assert ana.get("/account").status_code == 200


def test_changing_the_password_ends_the_other_sessions(app: Flask, ana: Client) -> None:
    other = Client(app).sign_in("ana@example.com")
    form = {"current": "una frase para probar", "new": "otra frase bien larga", "again": "otra frase bien larga"}
    assert ana.post("/account/password", form).status_code == 303
    assert other.get("/account").status_code == 303
    assert ana.get("/account").status_code == 200
    with app.app_context():
        assert db.session.scalars(select(UserSession).where(UserSession.revoked_at.is_not(None))).all()


def test_it_rejects_bad_input(ana: Client) -> None:
    answer = ana.post("/account/password", {"current": "no es", "new": "corta", "again": "otra"})
    assert answer.status_code == 422
    assert "No coincide" in answer.text


def test_next_leads_nowhere_else(client: Client) -> None:
    client.get("/login")
    form = {"email": "ana@example.com", "password": "una frase para probar", "next": "//evil.example"}
    location = client.post("/login", form).location
    assert location.startswith("/")
    assert "evil" not in location


def test_a_post_without_token_changes_nothing(ana: Client) -> None:
    assert ana.http.post("/account/preferences", data={"locale": "en", "theme": ""}).status_code == 403


def test_open_sessions_are_named_as_people_call_them_and_close_at_once(ana: Client, app: Flask) -> None:
    edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143.0"
    other = Client(app)
    other.http.environ_base["HTTP_USER_AGENT"] = edge
    other.sign_in("ana@example.com")
    shown = ana.get("/account").text
    assert "Edge en Windows" in shown
    assert "Último uso: hace 1 minuto" in shown
    assert ana.post("/account/sessions/others/revocation").status_code == 303
    assert other.get("/account").status_code == 303
    assert ana.get("/account").status_code == 200
    assert "Cerrar las demás" not in ana.get("/account").text
