"""Flask-Login on the rows of ``user_session``: the cookie carries a secret, the row decides whether it is valid."""

import logging

from flask import Flask, Response, g, request, session
from flask_login import LoginManager, UserMixin, login_user

from app.identity import actions, queries, rules
from app.kernel import clock, db
from app.kernel.access import Actor
from app.kernel.errors import Unavailable

log = logging.getLogger(__name__)

BACKGROUND_HEADER = "X-Background"


class SignedIn(UserMixin):
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
    login_user(SignedIn(sign_in.actor, sign_in.token))


def _load(token: str) -> SignedIn | None:
    now = g.get("now") or clock.now()
    found = queries.actors.actor_of_token(token, now=now)
    if found is None:
        return None
    actor, last_seen_at = found
    # requests that a page makes by itself do not count as activity
    if BACKGROUND_HEADER not in request.headers and now - last_seen_at > rules.TOUCH_EVERY:
        g.touch = (actor.session_id, now)
    return SignedIn(actor, token)


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
