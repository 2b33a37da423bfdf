"""A browser without a screen: signs in, sends CSRF tokens, speaks as htmx, inspects every HTML answer."""

import re
import secrets
from typing import Any
from xml.etree.ElementTree import Element

from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from tests.cast import PASSWORD
from tests.inspector import inspect

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Client:
    """``get``/``post`` as a browser, ``fragment``/``post_fragment`` as htmx, ``api`` as a program."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.http = app.test_client()
        self._csrf = ""
        self._bearer = ""
        self.email = ""

    def sign_in(self, email: str, password: str = PASSWORD) -> "Client":
        self.email = email
        self.get("/login")
        answer = self.post("/login", {"email": email, "password": password})
        assert answer.status_code == 303, answer.text
        self._csrf = self._new_token()  # the one of the sign-in page went with its session
        return self

    def _new_token(self) -> str:
        """A CSRF token of this browser's session, made as any page of it would."""
        with self.http.session_transaction() as session:
            raw = session.setdefault("csrf_token", secrets.token_hex(20))
        return str(URLSafeTimedSerializer(self.app.secret_key or "", salt="wtf-csrf-token").dumps(raw))

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._seen(self.http.get(path, **options), path, is_page=True)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """A plain form post; the redirect is not followed."""
        return self._seen(self.http.post(path, data={"csrf_token": self._csrf, **(data or {})}, **options), path, True)

    def fragment(self, path: str, target: str, **options: Any) -> TestResponse:
        """A GET as htmx sends it for the element ``target`` (``section#agenda-day``)."""
        return self._seen(self.http.get(path, headers=self._htmx(target), **options), path, is_page=False)

    def post_fragment(self, path: str, data: dict[str, Any] | None = None, target: str = "body") -> TestResponse:
        headers = {**self._htmx(target), "X-CSRFToken": self._csrf}
        return self._seen(self.http.post(path, data=data or {}, headers=headers), path, is_page=False)

    def _htmx(self, target: str) -> dict[str, str]:
        return {"HX-Request": "true", "HX-Target": target, "HX-Request-Type": "partial"}

    def _seen(self, answer: TestResponse, path: str, is_page: bool) -> TestResponse:
        if answer.mimetype == "text/html" and answer.data:
            html = answer.text
            if answer.status_code < 300 or answer.status_code >= 400:
                inspect(html, is_page=is_page and "<html" in html, path=path)
            if found := TOKEN.search(html):
                self._csrf = found.group(1)
        return answer

    def tree(self, answer: TestResponse) -> Element:
        return inspect(answer.text, is_page="<html" in answer.text, path="")

    def api(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        """A JSON request with this person's bearer token (signed in at the first call)."""
        if not self._bearer and self.email:
            fresh = self.app.test_client().post("/api/auth/login/", json={"email": self.email, "password": PASSWORD})
            self._bearer = fresh.get_json()["access"]
        sent = {"Authorization": f"Bearer {self._bearer}"} if self._bearer else {}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.app.test_client().open(path, method=method, json=json, headers=sent)
