"""Flask-Login on the rows of ``user_session``: the cookie carries a secret, the row decides whether it is valid."""

import logging
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, request, session
from flask_login import LoginManager, UserMixin, login_user

from app.identity import actions, queries, rules
from app.identity.actions import attempts
from app.identity.actions.attempts import Attempt, KnownDevice
from app.kernel import clock, db, passwords
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


def begin(sign_in: actions.SignIn) -> None:
    """Put a fresh session into the cookie; the data of the previous session is cleared."""
    session.clear()
    login_user(SessionUser(sign_in.actor, sign_in.token))


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
    found = queries.actors.actor_of_token(token, now=now)
    if found is None:
        return None
    actor, last_seen_at = found
    # requests that a page makes by itself do not count as activity
    if BACKGROUND_HEADER not in request.headers and now - last_seen_at > rules.TOUCH_EVERY:
        g.touch = (actor.session_id, now)
    return SessionUser(actor, token)


def load_by_session(*, session_id: int) -> Actor | None:
    now = g.get("now") or clock.now()
    found = queries.actors.actor_of_session(session_id, now=now)
    if found is None:
        return None
    actor, last_seen_at = found
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
