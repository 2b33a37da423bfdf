"""How fast passwords can be guessed, and who has to wait for it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.identity import login, rules
from app.identity.models import LoginAttempt
from app.kernel import passwords
from app.kernel.db import db, unit_of_work
from tests.cast import PASSWORD
from tests.client import Client

WRONG = {"email": "ana@example.com", "password": "no es"}


def attempts(app: Flask, **having: object) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(LoginAttempt).filter_by(**having)) or 0


@pytest.mark.parametrize("work", [lambda: passwords.hash_password("x"), lambda: passwords.verify(None, "x")])
def test_no_password_is_hashed_inside_a_transaction(app: Flask, work: object) -> None:
    with app.app_context():
        with unit_of_work(write=False), pytest.raises(RuntimeError, match="before the transaction"):
            work()
        work()


def test_a_long_password_is_never_hashed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(passwords, "_matches", lambda _hash, password: hashed.append(password))
    answer = Client(app).api("POST", "/api/auth/login/", {"email": "ana@example.com", "password": "x" * 900})
    assert (answer.status_code, hashed) == (401, [])


def test_who_finds_the_queue_full_comes_back_and_nothing_was_counted(
    app: Flask, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = passwords.Places(1)
    monkeypatch.setattr(passwords, "PLACES", places)
    client.get("/login")
    with places.take():
        program = client.api("POST", "/api/auth/login/", WRONG)
        page = client.post("/login", WRONG)
    assert (program.status_code, program.headers["Retry-After"]) == (429, "2")
    assert (page.status_code, page.headers["Retry-After"]) == (429, "2")
    assert attempts(app) == 0
    assert client.post("/login", {**WRONG, "password": PASSWORD}).status_code == 303


def test_guesses_in_parallel_are_counted_as_if_they_came_one_by_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "PLACES", passwords.Places(50))
    body = {"email": "ana@example.com", "password": "no es"}

    def guess(_number: int) -> int:
        return app.test_client().post("/api/auth/login/", json=body).status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(guess, range(30)))
    assert statuses.count(401) == rules.FREE_FAILURES
    assert statuses.count(429) == 30 - rules.FREE_FAILURES
    assert attempts(app, succeeded=False) == rules.FREE_FAILURES


def test_a_stolen_session_cannot_guess_the_password(ana: Client) -> None:
    form = {"current": "no es", "new": "otra frase bien larga", "again": "otra frase bien larga"}
    answers = [ana.post("/account/password", form) for _ in range(rules.FREE_FAILURES + 1)]
    assert [answer.status_code for answer in answers] == [422] * rules.FREE_FAILURES + [429]
    assert "Demasiados intentos" in answers[-1].text
    form["current"] = PASSWORD
    assert ana.post("/account/password", form).status_code == 429


def test_the_same_change_of_password_sent_twice_is_made_once(ana: Client) -> None:
    form = {
        "current": PASSWORD,
        "new": "otra frase bien larga",
        "again": "otra frase bien larga",
        "submission_id": "a1",
    }
    assert [ana.post("/account/password", form).status_code for _ in range(2)] == [303, 303]


def test_a_password_changed_between_check_and_session_opens_none(
    app: Flask, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = login.check_password

    def check_and_lose(*arguments: object, **options: object) -> object:
        verified = check(*arguments, **options)
        with unit_of_work(write=True):
            db.session.execute(db.text("UPDATE user_account SET password_hash = 'other'"))
        return verified

    monkeypatch.setattr("app.identity.api.check_password", check_and_lose)
    answer = client.api("POST", "/api/auth/login/", {"email": "ana@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_CREDENTIALS")
