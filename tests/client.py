"""A browser without a screen: signs in, sends CSRF tokens, speaks as htmx, inspects every answer."""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

from flask import Flask
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from app.identity.models import UserSession
from app.kernel import clock
from app.kernel.db import db
from tests.cast import PASSWORD
from tests.inspector import inspect, inspect_json

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class SavedSession:
    """A session that was opened by the sign-in form: its cookie's content, its row, a token of its pages."""

    email: str
    cookie: dict[str, Any]
    row: dict[str, Any]
    csrf_token: str
    saved_at: datetime


class Client:
    """``get``/``post`` as a browser, ``fragment``/``post_fragment`` as htmx, ``api`` as a program."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.http = app.test_client()
        self._csrf = ""
        self._bearer = ""
        self.email = ""
        self.page_id = secrets.token_hex(16)  # of the page open in it, as live.js makes one

    def sign_in(self, email: str, password: str = PASSWORD) -> "Client":
        """Fill in the sign-in form and send it with the token of its page."""
        self.email = email
        self.get("/login")
        answer = self.post("/login", {"email": email, "password": password})
        assert answer.status_code == 303, answer.text
        self._csrf = ""  # the one of the sign-in page went with its session
        return self

    def save(self) -> SavedSession:
        """This person's session, for ``resume`` in another test."""
        csrf_token = self._token()
        with self.http.session_transaction() as session:
            cookie = dict(session)
        with self.app.app_context():
            row = db.session.execute(select(UserSession.__table__).order_by(UserSession.id.desc()).limit(1)).one()
            values = {name: value for name, value in row._mapping.items() if name != "id"}
            db.session.rollback()
            return SavedSession(self.email, cookie, values, csrf_token, clock.now())

    def resume(self, saved: SavedSession) -> "Client":
        """Go on with a saved session as if it had been opened at this instant; its sign-in costs 30 ms."""
        passed = clock.now() - saved.saved_at
        row = {name: value + passed if isinstance(value, datetime) else value for name, value in saved.row.items()}
        with self.app.app_context():
            db.session.execute(insert(UserSession), row)
            db.session.commit()
        with self.http.session_transaction() as cookie:
            cookie.update(saved.cookie)
        self.email, self._csrf = saved.email, saved.csrf_token
        return self

    def _token(self) -> str:
        """The CSRF token of the page seen last; a person who has seen none looks at one."""
        if not self._csrf and self.email:
            self.get("/account")
        return self._csrf

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._seen(self.http.get(path, **options), path, is_page=True)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """A plain form post; the redirect is not followed."""
        sent = {"csrf_token": self._token(), **(data or {})}
        return self._seen(self.http.post(path, data=sent, **options), path, is_page=True)

    def fragment(self, path: str, target: str, **options: Any) -> TestResponse:
        """A GET as htmx sends it for the element ``target`` (``section#agenda-day``)."""
        return self._seen(self.http.get(path, headers=self._htmx(target), **options), path, is_page=False)

    def post_fragment(self, path: str, data: dict[str, Any] | None = None, target: str = "body") -> TestResponse:
        headers = {**self._htmx(target), "X-CSRFToken": self._token()}
        return self._seen(self.http.post(path, data=data or {}, headers=headers), path, is_page=False)

    def _htmx(self, target: str) -> dict[str, str]:
        return {
            "HX-Request": "true",
            "HX-Target": target,
            "HX-Request-Type": "partial",
            "X-Client-Id": self.page_id,
        }

    def _seen(self, answer: TestResponse, path: str, is_page: bool) -> TestResponse:
        if answer.mimetype == "text/html" and answer.data:
            html = answer.text
            if answer.status_code < 300 or answer.status_code >= 400:
                inspect(html, is_page=is_page and "<html" in html, path=path)
            if found := TOKEN.search(html):
                self._csrf = found.group(1)
        return answer

    def triggers(self, answer: TestResponse) -> dict[str, Any]:
        """The browser events that a response fires, with their details."""
        events: dict[str, Any] = json.loads(answer.headers.get("HX-Trigger", "{}"))
        return events

    def tree(self, answer: TestResponse) -> Element:
        return inspect(answer.text, is_page="<html" in answer.text, path="")

    def api(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        """A JSON request with this person's bearer token (signed in at the first call)."""
        if not self._bearer and self.email:
            fresh = self.app.test_client().post("/api/auth/login/", json={"email": self.email, "password": PASSWORD})
            self._bearer = fresh.get_json()["access"]
        sent = {"Authorization": f"Bearer {self._bearer}"} if self._bearer else {}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.app.test_client().open(path, method=method, json=json, headers=sent)
        inspect_json(answer, self.app)
        return answer
