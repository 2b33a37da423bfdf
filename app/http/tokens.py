"""Access tokens: ten minutes, one pinned algorithm, tied to a session row that is read every time."""

from datetime import datetime, timedelta
from typing import Any

import jwt
from flask import Flask, current_app, g, request

from app.kernel import access, ids
from app.kernel.access import Actor
from app.kernel.broker import broker
from app.kernel.errors import Unauthenticated
from app.kernel.i18n import N_

LIFETIME = timedelta(minutes=10)
TICKET_LIFETIME = timedelta(seconds=60)
ACCESS, TICKET = "access", "socket"
AUDIENCE = "mediconnect-api"
ALGORITHM = "HS256"


class TokenExpired(Unauthenticated):
    code = "TOKEN_EXPIRED"
    message = N_("Token expirado")


class BadToken(Unauthenticated):
    code = "INVALID_TOKEN"
    message = N_("Token inválido")


def register(app: Flask, load: access.SessionLoader) -> None:
    """``load`` finds the actor of a session row."""
    app.extensions["session_loader"] = load


def issue(*, user_id: int, session_id: int, now: datetime) -> str:
    """A signed access token for a session row."""
    return _sign(ACCESS, LIFETIME, user_id, session_id, now)


def issue_ticket(*, user_id: int, session_id: int, now: datetime) -> str:
    """A ticket that opens one socket within a minute (D4): it may stand in an address, a token should not."""
    return _sign(TICKET, TICKET_LIFETIME, user_id, session_id, now)


def _sign(kind: str, lifetime: timedelta, user_id: int, session_id: int, now: datetime) -> str:
    claims = {
        "sub": str(user_id),
        "sid": session_id,
        "aud": AUDIENCE,
        "typ": kind,
        "jti": ids.uid(),
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    return jwt.encode(claims, _key(), algorithm=ALGORITHM)


def read(token: str, kind: str = ACCESS) -> dict[str, Any]:
    """The claims of a token, checked once in a request. Raises TokenExpired or BadToken."""
    known: tuple[str, dict[str, Any]] | None = g.get("read_token")
    if known is None or known[0] != token:
        known = g.read_token = (token, _read(token))
    if known[1]["typ"] != kind:
        raise BadToken
    return known[1]


def _read(token: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["exp", "iat", "sub", "sid", "aud", "typ"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired from error
    except jwt.InvalidTokenError as error:
        raise BadToken from error
    if not _is_row_number(claims["sid"]):
        raise BadToken
    return claims


def _is_row_number(value: object) -> bool:
    return isinstance(value, int) and 0 < value < 2**31


def _key() -> str:
    return str(current_app.config["SECRET_KEY"]) + ":api-tokens"


def bearer() -> str | None:
    """The token of the Authorization header; the API reads no cookie, so it needs no CSRF token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def find_actor() -> Actor | None:
    """The actor of the request's token. Raises TokenExpired or BadToken (also for a revoked session)."""
    token = bearer()
    return None if token is None else actor_of(token)


def actor_of(token: str) -> Actor:
    """The actor of an access token. Raises TokenExpired, or BadToken also when its session is over."""
    return _actor_of(read(token))


def actor_of_ticket(ticket: str) -> Actor:
    """The actor of a ticket, which is spent by this. Raises TokenExpired or BadToken."""
    claims = read(ticket, TICKET)
    if not _spend(str(claims.get("jti"))):
        raise BadToken
    return _actor_of(claims)


def _spend(ticket_id: str) -> bool:
    """Whether nobody used this ticket before. Without Redis, which carries what sockets send, none is accepted."""
    seconds = int(TICKET_LIFETIME.total_seconds())
    return bool(broker().attempt(lambda redis: redis.set(f"ticket:{ticket_id}", 1, nx=True, ex=seconds)))


def _actor_of(claims: dict[str, Any]) -> Actor:
    g.claims = claims
    load: access.SessionLoader = current_app.extensions["session_loader"]
    found = load(session_id=g.claims["sid"])
    if found is None or str(found.user_id) != g.claims["sub"]:
        raise BadToken
    return found
