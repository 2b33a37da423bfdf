"""Refresh tokens: honest clients of every kind stay signed in, a stolen token ends the session (D41)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.http import tokens
from app.identity import rules
from app.identity.models import RefreshToken, UserSession
from app.kernel import clock
from app.kernel.db import db
from app.kernel.outbox import EventRow
from tests.cast import PASSWORD
from tests.client import Client

START = clock.now()


class Program:
    """An API client of Bruno's. ``use`` refreshes with a token at a second of the story."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        with time_machine.travel(START, tick=False):
            body = {"email": "bruno@example.com", "password": PASSWORD}
            self.first = app.test_client().post("/api/auth/login/", json=body).get_json()

    def use(self, token: str, second: float) -> str | None:
        """The next token, or None for a 401."""
        with time_machine.travel(START + timedelta(seconds=second), tick=False):
            answer = self.app.test_client().post("/api/auth/refresh/", json={"refresh": token})
        assert answer.status_code in {200, 401}
        return answer.get_json()["refresh"] if answer.status_code == 200 else None

    def is_open(self) -> bool:
        with self.app.app_context():
            return db.session.scalars(select(UserSession).where(UserSession.kind == "api")).one().revoked_at is None


@pytest.fixture
def program(app: Flask) -> Program:
    return Program(app)


def test_each_token_gives_the_next_one(program: Program) -> None:
    token = program.first["refresh"]
    for minute in range(5):
        following = program.use(token, minute * 600)
        assert following
        assert following != token
        token = following


def test_a_client_that_never_stores_the_new_token_stays_signed_in(program: Program) -> None:
    for refresh in range(1, 30):
        assert program.use(program.first["refresh"], refresh * 600)
    assert program.is_open()


def test_three_tabs_that_refresh_at_once_stay_signed_in(program: Program) -> None:
    token = program.first["refresh"]
    for refresh in range(6):
        successors = [program.use(token, refresh * 600 + late) for late in (0, 3, 9)]
        assert all(successors)
        token = successors[refresh % 3]  # any of them may be the last to write the store
        assert all(program.use(other, refresh * 600 + 20) for other in successors)
        token = program.use(token, refresh * 600 + 21)
        assert token
    assert program.is_open()


def test_a_lost_answer_costs_nothing(program: Program) -> None:
    program.use(program.first["refresh"], 600)
    again = program.use(program.first["refresh"], 900)
    assert again
    assert program.use(again, 1500)


@pytest.mark.parametrize("rotations", [2, 3, 8])
def test_a_thief_who_rotates_is_noticed_when_the_owner_comes(program: Program, app: Flask, rotations: int) -> None:
    stolen = token = program.first["refresh"]
    for turn in range(1, rotations + 1):
        token = program.use(token, turn * 20)
        assert token
    assert program.use(stolen, 7200) is None
    assert program.use(token, 7210) is None
    assert not program.is_open()
    client = app.test_client()
    access = {"Authorization": f"Bearer {program.first['access']}"}
    with time_machine.travel(START + timedelta(seconds=30), tick=False):
        assert client.get("/api/auth/user/", headers=access).status_code == 401
    with app.app_context():
        assert "identity.session.revoked.v1" in set(db.session.scalars(select(EventRow.type)))


def test_a_thief_who_waits_is_noticed_at_the_first_use(program: Program) -> None:
    stolen = program.first["refresh"]
    own = program.use(stolen, 600)
    assert program.use(own, 1200)
    assert program.use(stolen, 5_000_000) is None  # weeks later, still within the life of the session
    assert not program.is_open()


def test_the_sisters_of_a_used_generation_are_spent(program: Program) -> None:
    early, late = program.use(program.first["refresh"], 0), program.use(program.first["refresh"], 60)
    assert program.use(late, 120)
    assert program.use(early, 130) is None
    assert not program.is_open()


def test_a_slow_stream_of_successors_is_not_one_generation(program: Program) -> None:
    first = program.use(program.first["refresh"], 0)
    later = [program.use(program.first["refresh"], second) for second in (6, 12)]
    assert program.use(later[1], 20)
    assert program.use(first, 21) is None


def test_an_unknown_token_ends_nothing(program: Program) -> None:
    assert program.use("nothing", 10) is None
    assert program.is_open()


def test_the_session_ends_at_its_absolute_end_whatever_is_used(program: Program) -> None:
    days = rules.REFRESH_IDLE.days * 4
    for day in range(10, days, 10):
        assert program.use(program.first["refresh"], day * 86400)
    assert program.use(program.first["refresh"], days * 86400 + 1) is None


def test_at_the_same_instant_every_use_gives_a_token_of_one_generation(program: Program, app: Flask) -> None:
    token = program.first["refresh"]

    def use(_number: int) -> str | None:
        answer = app.test_client().post("/api/auth/refresh/", json={"refresh": token})
        return answer.get_json().get("refresh")

    with ThreadPoolExecutor(8) as pool:
        successors = list(pool.map(use, range(16)))
    assert all(successors)
    with app.app_context():
        assert len(set(db.session.scalars(select(RefreshToken.generation_id)))) == 2


def test_at_the_same_instant_an_old_token_and_a_new_one_end_the_session_or_both_pass(
    program: Program, app: Flask
) -> None:
    old = program.first["refresh"]
    new = app.test_client().post("/api/auth/refresh/", json={"refresh": old}).get_json()["refresh"]

    def use(token: str) -> int:
        return app.test_client().post("/api/auth/refresh/", json={"refresh": token}).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(use, [old, new]))
    assert sorted(statuses) in ([200, 200], [200, 401])
    assert program.is_open() == (statuses == [200, 200])


@pytest.mark.parametrize("claims", [{"sid": "abc"}, {"sid": None}, {"sid": [1]}, {"sid": 2**70}, {"sub": "999"}])
def test_signed_nonsense_in_an_access_token_is_a_401(app: Flask, claims: dict[str, object]) -> None:
    client = Client(app)
    client.email = "bruno@example.com"
    client.api("GET", "/api/auth/user/")
    with app.app_context():
        good = tokens.read(client._bearer)
        forged = jwt.encode({**good, **claims}, tokens._key(), algorithm=tokens.ALGORITHM)
    answer = app.test_client().get("/api/auth/user/", headers={"Authorization": f"Bearer {forged}"})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "INVALID_TOKEN")
