"""What a request may cost: body, fields, rate, origin; and which other sites may call."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

import config
from app.http import limits
from app.http.rates import BURST_SECONDS, RateLimiter
from tests.client import Client

FORM = "application/x-www-form-urlencoded"
pytestmark = pytest.mark.any_engine


class TestBodies:
    def test_a_form_has_so_many_fields_and_no_more(self, client: Client) -> None:
        many = "&".join(f"f{number}=1" for number in range(20_000))
        answer = client.http.post("/login", data=many, content_type=FORM)
        assert answer.status_code == 413
        assert client.http.post("/login", data=many[:3_000], content_type=FORM).status_code == 303  # a token is missing

    def test_a_form_is_not_longer_than_a_form(self, client: Client) -> None:
        answer = client.http.post("/login", data="a=" + "x" * limits.MAX_FORM_BYTES, content_type=FORM)
        assert answer.status_code == 413

    def test_many_parts_are_refused(self, client: Client) -> None:
        data = {f"f{number}": "1" for number in range(limits.MAX_FIELDS + 1)}
        assert client.http.post("/login", data=data, content_type="multipart/form-data").status_code == 413

    def test_a_json_body_is_bounded_in_size_and_depth(self, client: Client) -> None:
        path = "/api/auth/login/"
        long = client.api("POST", path, {"email": "x" * limits.MAX_JSON_BYTES})
        assert (long.status_code, long.get_json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
        deep: Any = []
        for _level in range(30):
            deep = [deep]
        answer = client.api("POST", path, {"email": "a", "password": "b", "x": deep})
        assert (answer.status_code, answer.get_json()["code"]) == (400, "BAD_REQUEST")
        answer = client.api("POST", path, {"email": "a", "password": "b", "x": [[[1]]]})
        assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION_ERROR")


class TestValues:
    @pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**30, "99999999999", 99999999999.0])
    def test_numbers_that_no_column_holds_are_refused_at_their_field(self, ana: Client, value: object) -> None:
        body = {"patient_id": value, "therapist_id": 1, "service_id": 1, "starts_at": "2026-12-07T16:15:00Z"}
        answer = ana.api("POST", "/api/appointments/", body)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION_ERROR")
        assert "patient_id" in answer.get_json()["details"]

    def test_amounts_too(self, ana: Client) -> None:
        answer = ana.api("POST", "/api/till-sessions/", {"till_id": 1, "opening_float": "21474836.48"})
        assert (answer.status_code, "opening_float" in answer.get_json()["details"]) == (400, True)

    def test_queries_too(self, ana: Client) -> None:
        assert ana.api("GET", "/api/appointments/?therapist_id=99999999999").status_code == 400

    def test_a_nul_is_no_text(self, ana: Client) -> None:
        answer = ana.api("POST", "/api/patients/", {"given_names": "A\0na", "paternal_surname": "B"})
        assert (answer.status_code, "given_names" in answer.get_json()["details"]) == (400, True)
        assert ana.get("/patients?q=%00").status_code == 400
        assert ana.http.post("/login", data="email=a%00b&password=c", content_type=FORM).status_code == 400


class TestOrigin:
    PATH, FORM = "/account/preferences", {"locale": "es_PE", "theme": ""}

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        ],
    )
    def test_a_good_token_from_another_site_changes_nothing(self, ana: Client, headers: dict[str, str]) -> None:
        answer = ana.post(self.PATH, self.FORM, headers=headers)
        assert answer.status_code == 403
        assert "otro sitio" in answer.text

    def test_our_own_pages_pass(self, ana: Client) -> None:
        ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        assert ana.post(self.PATH, self.FORM, headers=ours).status_code == 303
        public = {"Origin": ana.app.config["SETTINGS"].public_url}
        assert ana.post(self.PATH, self.FORM, headers=public).status_code == 303


@pytest.fixture
def limited(app: Flask) -> Flask:
    """The application with a rate of two a second for a session and one for an address."""
    broker = app.extensions["broker"]
    app.extensions["session_rate"] = RateLimiter(broker, 2)
    app.extensions["address_rate"] = RateLimiter(broker, 1)
    return app


class TestRate:
    def test_a_session_has_a_budget_of_its_own(self, limited: Flask, ana: Client, diego: Client) -> None:
        statuses = [ana.http.get("/account").status_code for _ in range(2 * BURST_SECONDS + 3)]
        assert statuses == [200] * 2 * BURST_SECONDS + [429] * 3
        answer = ana.http.get("/account")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "Demasiados intentos" in answer.text
        assert diego.http.get("/account").status_code == 200

    def test_programs_are_told_in_json(self, limited: Flask, ana: Client) -> None:
        statuses = [ana.api("GET", "/api/auth/user/").status_code for _ in range(2 * BURST_SECONDS + 1)]
        assert statuses.count(429) == 1
        answer = ana.api("GET", "/api/auth/user/")
        assert (answer.get_json()["code"], int(answer.headers["Retry-After"]) >= 1) == ("RATE_LIMITED", True)

    def test_an_address_has_one_for_what_has_no_session(self, limited: Flask, client: Client) -> None:
        forged = {"Authorization": "Bearer nonsense"}
        client.http.get("/api/auth/user/", headers=forged)
        for _ in range(BURST_SECONDS - 1):
            assert client.http.get("/login").status_code == 200
        assert client.http.get("/login").status_code == 429
        assert client.http.get("/healthz").status_code == 200

    def test_processes_share_a_budget_through_redis(self, app: Flask) -> None:
        processes = [RateLimiter(app.extensions["broker"], 1) for _ in range(4)]
        passed = sum(limiter.wait("x") == 0 for _ in range(10) for limiter in processes)
        assert BURST_SECONDS <= passed <= 3 * BURST_SECONDS  # each for itself: four times

    def test_without_redis_each_process_counts_for_itself(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        broker = app.extensions["broker"]
        monkeypatch.setattr(broker, "attempt", lambda command: None)
        now = [0.0]
        limiter = RateLimiter(broker, 2, clock=lambda: now[0])
        assert sum(limiter.wait("x") == 0 for _ in range(40)) == 2 * BURST_SECONDS
        now[0] = 1.0
        assert sum(limiter.wait("x") == 0 for _ in range(40)) == 2

    @pytest.mark.parametrize(
        ("address", "key"),
        [("10.0.0.7", "10.0.0.7"), ("2001:db8::1:2:3:4", "2001:db8::/64"), ("", "unknown"), ("unix", "unknown")],
    )
    def test_what_an_address_is(self, address: str, key: str) -> None:
        assert limits.address_key(address) == key


class TestOtherSites:
    ORIGIN = "https://app.example.com"

    @pytest.fixture
    def open_to_one(self, worker: Any, app: Flask) -> Flask:
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], cors_origins=(self.ORIGIN,))
        return app

    def ask(self, app: Flask, path: str, origin: str) -> Any:
        wanted = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return app.test_client().options(path, headers=wanted)

    def test_a_known_origin_may_call_the_api(self, open_to_one: Flask) -> None:
        answer = self.ask(open_to_one, "/api/auth/login/", self.ORIGIN)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, self.ORIGIN)
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        called = open_to_one.test_client().get("/api/auth/login/", headers={"Origin": self.ORIGIN})
        assert called.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        assert called.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Access-Control-Allow-Credentials" not in called.headers
        assert "Origin" in called.headers["Vary"]

    def test_nobody_else_may_and_no_page_is_open(self, open_to_one: Flask) -> None:
        for path, origin in (("/api/auth/login/", "https://evil.example"), ("/login", self.ORIGIN)):
            answer = self.ask(open_to_one, path, origin)
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"

    def test_by_default_no_other_site_may(self, app: Flask) -> None:
        assert "Access-Control-Allow-Origin" not in self.ask(app, "/api/auth/login/", self.ORIGIN).headers

    @pytest.mark.parametrize("value", ["*", "https://*.example.com", "app.example.com", "https://a.example/", "x://y"])
    def test_an_origin_is_named_exactly(self, value: str, tmp_path: Any) -> None:
        with pytest.raises(config.BadSetting, match="CORS_ORIGINS"):
            config.load({"CORS_ORIGINS": value, "DATA_DIR": str(tmp_path)})
