"""How fast passwords can be guessed, and who has to wait for it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.identity import login, rules
from app.identity.models import LoginAttempt
from app.kernel import passwords
from app.kernel.db import db, unit_of_work
from tests.cast import PASSWORD, Cast
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


def spend_the_address(client: Client) -> None:
    """As many wrong passwords for as many names as an address has; the next one waits."""
    for number in range(rules.MAX_FAILURES_PER_ADDRESS):
        body = {"email": f"name{number}@example.com", "password": "no es"}
        assert client.api("POST", "/api/auth/login/", body).status_code == 401
    assert client.api("POST", "/api/auth/login/", {**WRONG, "email": "bruno@example.com"}).status_code == 429


def tries(browser: Client, password: str = PASSWORD, email: str = "ana@example.com") -> int:
    browser.get("/login")
    return browser.post("/login", {"email": email, "password": password}).status_code


class TestKnownDevice:
    @pytest.fixture
    def desk(self, app: Flask) -> Client:
        """A browser on which Ana has signed in, and out again."""
        browser = Client(app).sign_in("ana@example.com")
        browser.post("/logout")
        return browser

    def test_others_wrong_passwords_at_the_same_address_keep_nobody_out(
        self, app: Flask, desk: Client, client: Client
    ) -> None:
        spend_the_address(client)
        assert tries(Client(app)) == 429
        assert tries(desk) == 303

    def test_an_account_at_its_pause_signs_in_from_its_device(self, app: Flask, desk: Client) -> None:
        stranger = Client(app)
        for _ in range(rules.FREE_FAILURES + 1):
            tries(stranger, "no es")
        assert tries(stranger) == 429
        assert tries(desk) == 303

    def test_it_has_a_pace_of_its_own(self, desk: Client, app: Flask) -> None:
        for _ in range(rules.FREE_FAILURES):
            assert tries(desk, "no es") == 422
        assert tries(desk) == 429
        assert tries(Client(app)) == 303

    def test_it_is_known_for_its_own_users_alone(self, desk: Client, client: Client) -> None:
        spend_the_address(client)
        assert tries(desk, email="diego@example.com") == 429

    def test_two_who_share_a_computer_are_both_known(self, desk: Client, client: Client) -> None:
        desk.sign_in("diego@example.com")
        desk.post("/logout")
        spend_the_address(client)
        assert tries(desk) == 303
        desk.post("/logout")
        assert tries(desk, email="diego@example.com") == 303

    def test_another_password_ends_it(self, app: Flask, desk: Client, eva: Client, cast: Cast, client: Client) -> None:
        eva.post(f"/admin/users/{cast.ana_user}/temporary-password")
        spend_the_address(client)
        assert tries(desk) == 429

    def test_ones_own_change_of_password_keeps_it(self, desk: Client, client: Client) -> None:
        desk.sign_in("ana@example.com")
        new = "otra frase bien larga"
        assert desk.post("/account/password", {"current": PASSWORD, "new": new, "again": new}).status_code == 303
        desk.post("/logout")
        spend_the_address(client)
        assert tries(desk, new) == 303

    def test_its_cookie_cannot_be_made_up_or_read_by_scripts(self, app: Flask, desk: Client, client: Client) -> None:
        cookie = desk.http.get_cookie("device")
        assert cookie is not None
        assert (cookie.http_only, cookie.same_site) == (True, "Lax")
        spend_the_address(client)
        forger = Client(app)
        forger.http.set_cookie("device", cookie.value[:-2] + "xx")
        assert tries(forger) == 429
        forger.http.set_cookie("device", "nonsense")
        assert tries(forger) == 429
