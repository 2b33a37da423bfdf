"""What a request may cost before anything is parsed: its body's size, fields and time, its origin, its rate.

All of it is checked before the CSRF token, which would parse the form, and before any unit of work.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, current_app, request, session
from gevent import Timeout, monkey
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

from app.http import origin, tokens
from app.http.error_responses import is_json_request
from app.http.rates import RateLimiter
from app.kernel import ids
from app.kernel.errors import Forbidden, RateLimited, Unauthenticated
from app.kernel.i18n import N_

MAX_JSON_BYTES = MAX_FORM_BYTES = 256 * 1024
MAX_MULTIPART_BYTES = 1024 * 1024
MAX_FIELDS = 500
LONG_BODY = 64 * 1024
BODY_SECONDS, BYTES_PER_SECOND = 10.0, 100_000  # a body arrives within ten seconds, a long one at this pace
UNLIMITED = frozenset({"/healthz", "/api/health"})
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class CrossSite(Forbidden):
    """A second barrier behind the CSRF token and the SameSite cookie."""

    code = "CROSS_SITE"
    message = N_("La solicitud vino de otro sitio. No se cambió nada; ábralo desde MediConnect.")


def register(app: Flask) -> None:
    """Check every request; before CSRFProtect is."""
    settings = app.config["SETTINGS"]
    app.config["MAX_CONTENT_LENGTH"] = MAX_MULTIPART_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FIELDS
    broker = app.extensions["broker"]
    app.extensions["session_rate"] = RateLimiter(broker, settings.rate_per_session)
    app.extensions["address_rate"] = RateLimiter(broker, settings.rate_per_address)
    app.before_request(_check_rate)
    app.before_request(_check_origin)
    app.before_request(_check_address)
    app.before_request(_receive_body)


def _check_rate() -> None:
    """A budget for each session; for each address what comes without one."""
    if request.path in UNLIMITED:
        return
    try:
        charge(1)
    except RateLimited:
        _read_no_more()
        raise


def _read_no_more() -> None:
    """Of who floods, the server does not even receive the rest of a long body, which costs it more than the answer."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None and (request.content_length or 0) > LONG_BODY:
        connection.shutdown(socket.SHUT_RD)


def charge(requests: int) -> None:
    """Take from the budget what this many requests cost: a route does so for an answer that takes long to compute.

    Raises RateLimited.
    """
    who = _session_key()
    name, key = ("session_rate", who) if who else ("address_rate", address_key(request.remote_addr or ""))
    wait = current_app.extensions[name].wait(f"{name}:{key}", requests)
    if wait > 0:
        raise RateLimited(details={"retry_after": int(wait) + 1})


def _session_key() -> str | None:
    """The session that a request claims with a good signature; no query."""
    token = tokens.bearer()
    if token is not None:
        try:
            return str(tokens.read(token)["sid"])
        except Unauthenticated:
            return None
    cookie = session.get("_user_id")
    return ids.digest(cookie)[:16] if isinstance(cookie, str) else None


def address_key(address: str) -> str:
    """An IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))


def _check_origin() -> None:
    """A page's form comes from our own pages. The JSON API takes no cookie: any site may call it with a token."""
    if request.method not in UNSAFE_METHODS or is_json_request():
        return
    sent = request.headers.get("Origin")
    is_foreign = request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
    if is_foreign or (sent is not None and not origin.is_ours(sent)):
        raise CrossSite


def _check_address() -> None:
    if "\0" in request.path or b"%00" in request.query_string:
        raise BadRequest


def _receive_body() -> None:
    """Receive the whole body within its limits, so that parsing is cheap and no transaction waits for the network."""
    if request.method not in UNSAFE_METHODS:
        return
    is_json = is_json_request()
    is_multipart = request.mimetype == "multipart/form-data"
    request.max_content_length = MAX_JSON_BYTES if is_json else MAX_MULTIPART_BYTES if is_multipart else MAX_FORM_BYTES
    with _within(BODY_SECONDS + (request.content_length or 0) / BYTES_PER_SECOND):
        body = request.get_data(cache=True)
    if is_json or is_multipart:
        return  # the models and the parser's own limit of parts bound them
    if body.count(b"&") >= MAX_FIELDS:
        raise RequestEntityTooLarge
    if b"%00" in body or b"\0" in body:
        raise BadRequest


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Answer 408 to who sends too slowly. Without gevent a thread waits: the server's own timeout ends it."""
    if not monkey.is_module_patched("socket"):
        yield
        return
    with Timeout(seconds, RequestTimeout):
        yield
