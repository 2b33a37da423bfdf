"""Every role against every route: the table of permissions is the only truth, and it is obeyed."""

import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app.http.cycle import RouteSpec
from app.kernel import access
from tests.client import Client

ROLES = ("ana", "bruno", "clara", "diego", "eva", "fabio")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")

ENDS_SESSIONS = ("/logout", "/sessions/others/revocation")  # the tests' own too


def rules_of(app: Flask) -> list[tuple[Rule, RouteSpec, str]]:
    """Every route but the one that ends the session, with what it declared and an address of nothing."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.rule.startswith("/ws") or rule.rule.rstrip("/").endswith(ENDS_SESSIONS):
            continue
        path = re.sub(r"<int:[^>]+>", "999999", rule.rule)
        path = re.sub(r"<[^>]+>", "nothing", path)
        found.append((rule, app.view_functions[rule.endpoint].__dict__["spec"], path))
    return found


def test_every_route_declares_its_permission(app: Flask) -> None:
    for rule, spec, _path in rules_of(app):
        assert spec.requires or spec.signed_in or spec.public, rule


def test_every_permission_is_granted_to_somebody_and_used_words(app: Flask) -> None:
    with app.app_context():
        granted = frozenset().union(*access.builtin_roles().values())
        assert set(access.vocabulary()) == granted


@pytest.mark.parametrize("name", ROLES)
def test_who_lacks_the_permission_gets_403_and_who_has_it_does_not(name: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(name)
    me = client.api("GET", "/api/auth/permissions/").get_json()["permissions"]
    wrong = []
    for rule, spec, path in rules_of(client.app):
        codes = [p.code for p in spec.requires]
        if not codes:
            continue
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            status = _status(client, method, path)
            allowed = any(code in me for code in codes)
            if allowed == (status == 403) or status >= 500:
                wrong.append((method, path, status, codes))
    assert not wrong


def _status(client: Client, method: str, path: str) -> int:
    if path.startswith("/api/"):
        body = {} if method in UNSAFE else None
        return client.api(method, path, body).status_code
    if method == "GET":
        return client.http.get(path).status_code
    return client.post(path).status_code


def test_nobody_without_a_session_gets_in(client: Client) -> None:
    wrong = []
    for rule, spec, path in rules_of(client.app):
        if spec.public:
            continue
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            is_program = getattr(client.app.blueprints[rule.endpoint.partition(".")[0]], "answers_json", False)
            expected = 401 if is_program else 303
            client.get("/login")
            status = _status(client, method, path)
            if status != expected:
                wrong.append((method, path, status))
    assert not wrong


def test_getting_never_changes_anything(eva: Client) -> None:
    """A GET crawl of every page leaves the event log and every table but the sessions as they were."""
    before = _fingerprint(eva.app)
    for rule, _spec, path in rules_of(eva.app):
        if "GET" in rule.methods:
            _status(eva, "GET", path)
    assert _fingerprint(eva.app) == before


def _fingerprint(app: Flask) -> dict[str, int]:
    from sqlalchemy import func, select

    from app.kernel.db import Base, db

    skip = {"user_session", "refresh_generation", "refresh_token", "login_attempt"}
    with app.app_context():
        return {
            table.name: db.session.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
            if table.name not in skip and not table.name.startswith("event_")
        }
