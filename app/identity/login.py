"""Flask-Login on the rows of ``user_session``: the cookie carries a secret, the row decides whether it is valid."""

import logging
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, after_this_request, current_app, g, request, session
from flask_login import LoginManager, UserMixin, login_user
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.identity import actions, queries, rules
from app.identity.actions import attempts
from app.identity.actions.attempts import Attempt, KnownDevice
from app.kernel import clock, db, ids, passwords
from app.kernel.access import Actor
from app.kernel.errors import Unavailable

log = logging.getLogger(__name__)

BACKGROUND_HEADER = "X-Background"


class SessionUser(UserMixin):
    """The user of Flask-Login: an actor and the secret of their session."""

    def __init__(self, actor: Actor, token: str) -> None:
        self.actor = actor
        self.token = token

    def get_id(self) -> str:
        return self.token


def register(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = None  # sessions are validated server-side, against their row
    manager.user_loader(_load)
    app.after_request(_touch)


def begin(sign_in: actions.SignIn, *, password_hash: str) -> None:
    """Put a fresh session into the cookie; the data of the previous session is cleared. The device is known now."""
    session.clear()
    login_user(SessionUser(sign_in.actor, sign_in.token))
    remember_device(sign_in.actor.person_id, password_hash)


def remember_device(user_id: int, password_hash: str) -> None:
    """Let this browser prove later that the user signed in on it with this password (``attempts.KnownDevice``)."""
    content = _device_content()
    users = {str(user_id): attempts.proof(password_hash), **content.get("users", {})}
    users[str(user_id)] = attempts.proof(password_hash)
    kept = dict(list(users.items())[: rules.MAX_USERS_PER_DEVICE])
    value = _device_serializer().dumps({"id": content.get("id") or ids.uid(), "users": kept})

    @after_this_request
    def set_cookie(response: Response) -> Response:
        secure = current_app.config["SESSION_COOKIE_SECURE"]
        max_age = int(rules.DEVICE_LIFETIME.total_seconds())
        response.set_cookie(_device_cookie(), value, max_age=max_age, secure=secure, httponly=True, samesite="Lax")
        return response


def known_devices() -> tuple[KnownDevice, ...]:
    """What this browser proves: the users who signed in on it."""
    content = _device_content()
    return tuple(KnownDevice(int(user), content["id"], proof) for user, proof in content.get("users", {}).items())


def _device_content() -> dict[str, Any]:
    max_age = int(rules.DEVICE_LIFETIME.total_seconds())
    try:
        return dict(_device_serializer().loads(request.cookies.get(_device_cookie(), ""), max_age=max_age))
    except BadSignature:
        return {}


def _device_serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="known-device")


def _device_cookie() -> str:
    return "__Host-device" if current_app.config["SESSION_COOKIE_SECURE"] else "device"


def check_password(name: str, password: str, *, devices: tuple[KnownDevice, ...] = ()) -> actions.Verified:
    """Check an e-mail or user name and a password, outside of any transaction.

    The attempt is counted, and stays counted when the password is wrong. Raises WrongCredentials, RateLimited.
    """
    with passwords.place():
        with db.unit_of_work(write=True):
            attempt = attempts.reserve_sign_in(
                login=name, address=request.remote_addr or "", devices=devices, now=clock.now()
            )
        if not passwords.verify(attempt.password_hash, password):
            raise actions.WrongCredentials
        return actions.Verified(attempt, passwords.renewed(attempt.password_hash or "", password))


def check_own_password(actor: Actor, password: str) -> Attempt:
    """The same for the present password of who is signed in. Raises WrongPassword, RateLimited."""
    with passwords.place():
        with db.unit_of_work(write=True):
            attempt = attempts.reserve_password_check(actor.person_id, now=clock.now())
        if not passwords.verify(attempt.password_hash, password):
            raise actions.WrongPassword
        return attempt


def hash_password(password: str) -> str:
    """The hash of a new password. Raises RateLimited when as many as allowed are being made."""
    with passwords.place():
        return passwords.hash_password(password)


@dataclass(frozen=True, slots=True)
class TemporaryPassword:
    """A random password, in clear only until the response that shows it."""

    text: str
    hash: str


def new_temporary_password(**_arguments: Any) -> dict[str, TemporaryPassword]:
    """What a route prepares that gives somebody a temporary password."""
    text = rules.temporary_password()
    return {"temporary": TemporaryPassword(text, hash_password(text))}


def _load(token: str) -> SessionUser | None:
    now = g.get("now") or clock.now()
    session_actor = queries.actors.actor_of_token(token, now=now)
    if session_actor is None:
        return None
    actor, last_seen_at = session_actor
    # requests that a page makes by itself do not count as activity
    if BACKGROUND_HEADER not in request.headers and now - last_seen_at > rules.TOUCH_EVERY:
        g.touch = (actor.session_id, now)
    return SessionUser(actor, token)


def load_by_session(*, session_id: int) -> Actor | None:
    now = g.get("now") or clock.now()
    session_actor = queries.actors.actor_of_session(session_id, now=now)
    if session_actor is None:
        return None
    actor, last_seen_at = session_actor
    if now - last_seen_at > rules.TOUCH_EVERY:
        g.touch = (session_id, now)
    return actor


def _touch(response: Response) -> Response:
    touch = g.pop("touch", None)
    if touch is not None:
        try:
            with db.unit_of_work(write=True):
                actions.touch_session(touch[0], now=touch[1])
        except Unavailable:  # the response is sent all the same; the next request touches the session
            log.warning("a session could not be touched: the database is busy")
    return response
