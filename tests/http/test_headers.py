"""What every answer carries."""

import pytest

from tests.client import Client


@pytest.mark.any_engine
def test_pages_are_strict_and_never_stored(ana: Client) -> None:
    headers = ana.get("/account").headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "HX-Request" in headers["Vary"]
    cookie = ana.http.get_cookie("sid")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"


@pytest.mark.any_engine
def test_an_unknown_address_is_a_page_or_a_problem(client: Client) -> None:
    assert client.get("/nowhere").status_code == 404
    answer = client.api("GET", "/api/nowhere/")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.any_engine
def test_the_description_of_the_api_is_for_who_is_signed_in(ana: Client, client: Client) -> None:
    assert client.get("/api/docs").location == "/login?next=/api/docs"
    assert client.api("GET", "/api/openapi.json").status_code == 401
    assert "/api/patients/" in ana.get("/api/docs").text
    described = ana.api("GET", "/api/openapi.json").get_json()
    assert described == ana.get("/api/docs/openapi.json").get_json()
    assert "/api/docs" not in described["paths"]
