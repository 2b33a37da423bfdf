"""Which passwords are refused, and that a password is what was typed."""

import itertools

import pytest
from flask import Flask

from app.identity import rules
from tests.cast import PASSWORD
from tests.client import Client

LENGTH = rules.MIN_PASSWORD_LENGTH
OWN = ("ana.torres@example.com", "Ana Torres", "Centro Miraflores", "Manos que Curan")


def is_refused(password: str, words: tuple[str, ...] = OWN) -> bool:
    try:
        rules.check_password(password, words=words)
    except rules.WeakPassword:
        return True
    return False


@pytest.mark.parametrize(
    "password",
    [
        "once letras",
        "contraseña123",
        "Contraseña2026!",
        "P4ssw0rd2024!",
        "peru2026peru2026",
        "futbol12futbol12",
        "machupicchu2026",
        "AlianzaLima1901",
        "universitario",
        "miamor123456",
        "jesusteamo777",
        "123456789012",
        "987654321098",
        "aaaaaaaaaaaa",
        "qwertyqwerty",
        "letmeindragon",
        "anatorres2026",
        "Torres-Miraflores",
        "miraflores2026",
        "manosquecuran1",
        "password12345",
        "x" * 129,
    ],
)
def test_known_and_own_ones_are_refused(password: str) -> None:
    assert is_refused(password)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "una frase propia",
        "otra frase bien larga",
        "  clave con espacios 77  ",
        "k7wp-3mqz-hx9t-4bne",
        "el gato duerme en abril",
        "correct horse battery staple",
        "ñandú-que-corre-lejos",
        "torres de papel mojado",
        "x7!" * 3 + "unas palabras",
    ],
)
def test_phrases_and_random_ones_are_accepted(password: str) -> None:
    assert not is_refused(password)


def test_more_than_three_thousand_common_ones_of_good_length_are_refused() -> None:
    common = sorted(rules._common())
    made = (f"{word}{tail}" for word, tail in itertools.product(common, ("", "1", "123", "2026", "1234!")))
    long_enough = [password for password in made if len(password) >= LENGTH][:4_000]
    assert len(long_enough) > 3_000
    assert [password for password in long_enough if not is_refused(password)] == []


def test_the_rule_is_the_same_at_every_door(app: Flask, ana: Client, client: Client) -> None:
    short = "once letra5"
    body = {"first_name": "Rosa", "last_name": "Díaz", "email": "rosa@example.com", "password": short}
    assert client.api("POST", "/api/auth/register/", body).get_json()["code"] == "WEAK_PASSWORD"
    form = {"given_names": "Rosa", "paternal_surname": "Díaz", "email": "rosa@example.com", "password": short}
    client.get("/register")
    pages = [
        client.post("/register", form),
        ana.post("/account/password", {"current": PASSWORD, "new": short, "again": short}),
    ]
    for page in pages:
        assert page.status_code == 422
        assert "12 caracteres" in page.text
    told = app.test_cli_runner().invoke(
        args=["admin", "create", "--email", "a@example.com", "--name", "A B", "--password", short]
    )
    assert told.exit_code == 2


def test_blanks_at_the_ends_belong_to_the_password_at_every_door(app: Flask, client: Client) -> None:
    password = "  clave con espacios 77  "
    body = {"first_name": "Rosa", "last_name": "Díaz", "email": " rosa@example.com ", "password": password}
    assert client.api("POST", "/api/auth/register/", body).status_code == 201
    Client(app).sign_in("rosa@example.com", password)
    for typed, status in ((password, 200), (password.strip(), 401)):
        sent = {"email": "rosa@example.com", "password": typed}
        assert client.api("POST", "/api/auth/login/", sent).status_code == status
    page = Client(app)
    page.get("/login")
    assert page.post("/login", {"email": "rosa@example.com", "password": password.strip()}).status_code == 422
