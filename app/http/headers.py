"""Headers of every response: security headers, no caching of health data, gzip, a request id."""

import gzip
import re
import uuid

from flask import Flask, Response, current_app, g, make_response, redirect, request

from app.http import assets
from app.kernel import context

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "frame-src 'none'; frame-ancestors 'none'"
)
HSTS = "max-age=63072000; includeSubDomains"
SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}
COMPRESSIBLE = ("text/html", "application/json", "text/csv")
OPEN_TO_HTTP = ("/healthz", "/api/health")
MIN_COMPRESSED_BYTES = 1024
CLIENT_ID = re.compile(r"[0-9a-f-]{8,36}")


def register(app: Flask) -> None:
    app.before_request(_set_request_context)
    app.after_request(_add_response_headers)
    app.teardown_request(_clear_request_context)
    secure = app.config["SESSION_COOKIE_SECURE"]
    if secure:
        app.before_request(_redirect_to_https)
    assets.register(app, SECURITY_HEADERS | ({"Strict-Transport-Security": HSTS} if secure else {}))


def _set_request_context() -> None:
    g.request_id = str(uuid.uuid4())
    client_id = request.headers.get("X-Client-Id", "")
    context.begin(context.Context(g.request_id, client_id if CLIENT_ID.fullmatch(client_id) else None))


def _redirect_to_https() -> Response | None:
    """Whoever came without TLS: no form is shown there. The supervisor asks for our health on this machine."""
    if request.is_secure or request.path in OPEN_TO_HTTP:
        return None
    base: str = current_app.config["SETTINGS"].public_url
    return make_response(redirect(base + request.full_path.rstrip("?"), 308))


def _clear_request_context(_error: BaseException | None) -> None:
    context.begin(context.Context())


def _add_response_headers(response: Response) -> Response:
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if request.is_secure:
        headers["Strict-Transport-Security"] = HSTS
    headers["X-Request-Id"] = g.get("request_id", "")
    headers.setdefault("Cache-Control", "no-store")
    response.vary.update(["HX-Request", "HX-Target", "Cookie", "Accept-Encoding"])
    _compress(response)
    return response


def _compress(response: Response) -> None:
    if (
        response.mimetype in COMPRESSIBLE
        and not response.direct_passthrough
        and "Content-Encoding" not in response.headers
        and "gzip" in request.headers.get("Accept-Encoding", "")
    ):
        body = response.get_data()
        if len(body) >= MIN_COMPRESSED_BYTES:
            response.set_data(gzip.compress(body, compresslevel=1))  # 33 KB in 0.05 ms
            response.headers["Content-Encoding"] = "gzip"
