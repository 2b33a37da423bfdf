"""How every page runs: actor, permission, one transaction, first answer kept, commit, wake-up.

    pages = Pages("scheduling", __name__)

    @pages.get("/agenda", requires=permissions.READ_AGENDA)
    def agenda(): ...

A route without ``requires=`` or a ``public=`` reason does not start. Views take the actor, the instant
and the clinic from here and stay translations between HTTP and ``actions``/``queries``.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from flask import Blueprint, Response, current_app, g, make_response, request, session
from flask_login import current_user
from werkzeug.routing import IntegerConverter, Map

from app.kernel import access, clock, db, once
from app.kernel.access import Actor, Permission
from app.kernel.errors import NotFound, Unauthenticated

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
KEPT_HEADERS = (
    "Location",
    "Content-Type",
    "HX-Trigger",
    "HX-Redirect",
    "HX-Location",
    "HX-Retarget",
    "HX-Reswap",
)


class RowNumber(IntegerConverter):
    """``<int:…>`` in a path: a number that a row can have. A larger one is not found, like any other."""

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:
        super().__init__(map, *args, **{"max": 2**31 - 1, **options})


class UndeclaredRoute(RuntimeError):
    """A route says neither which permission it requires nor why it is public."""


class Pages(Blueprint):
    """A blueprint of pages; every rule declares its permission."""

    def route(  # type: ignore[override]
        self, rule: str, *, requires: Permission | None = None, public: str | None = None, **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        if (requires is None) == (public is None):
            raise UndeclaredRoute(f"{self.name} {rule}: say requires= or public=, one of them")

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            endpoint = options.pop("endpoint", view.__name__)
            self.add_url_rule(rule, endpoint, _handler(view, requires, public), **options)
            return view

        return decorate


def declared(view: Callable[..., Any], requires: Permission | None, public: str | None) -> Callable[..., Any]:
    """Write on a handler what its route declared: the start-up check and the tests read it."""
    view.__dict__.update(requires=requires, public=public, guarded=True)
    return view


def _handler(view: Callable[..., Any], requires: Permission | None, public: str | None) -> Callable[..., Response]:
    @wraps(view)
    def handler(**arguments: Any) -> Response:
        writes = request.method not in SAFE
        if writes:
            request.form  # noqa: B018 - read the body before the transaction: nothing may wait inside it
        g.now = clock.now()
        with db.unit_of_work(write=writes):
            g.actor = current_user.actor if current_user.is_authenticated else None
            if requires is not None:
                if g.actor is None:
                    raise Unauthenticated
                access.require(g.actor, requires)
            response = _answer_once(view, arguments) if writes else make_response(view(**arguments))
            if requires is not None and response.status_code >= 400:
                db.db.session.rollback()  # an answer that refuses has changed nothing (public tries are counted)
            return response

    return declared(handler, requires, public)


def _answer_once(view: Callable[..., Any], arguments: dict[str, Any]) -> Response:
    token = request.form.get("submission_id", "")[:64]
    if not token or g.actor is None:
        return make_response(view(**arguments))
    owner = f"user:{g.actor.user_id}"
    said = sorted((k, v) for k, v in request.form.items(multi=True) if k not in {"csrf_token", "submission_id"})
    first = once.begin(owner, token, once.fingerprint(request.path.encode(), repr(said).encode()), now=g.now)
    if first is not None:
        return Response(first.body, first.status, first.headers)
    response = make_response(view(**arguments))
    if response.status_code >= 400:
        return response  # rolled back with its claim: the token stays free for the corrected form
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    once.finish(owner, token, once.Answer(response.status_code, headers, response.get_data()))
    return response


def actor() -> Actor:
    """Who acts in this request. Raises Unauthenticated on a public page without a session."""
    found: Actor | None = g.actor
    if found is None:
        raise Unauthenticated
    return found


def maybe_actor() -> Actor | None:
    found: Actor | None = g.get("actor")
    return found


def now() -> datetime:
    """The instant of this request."""
    instant: datetime = g.now
    return instant


def clinic_id(permission: Permission) -> int:
    """The clinic this request is about: named in the request, else the one last chosen, else the first.

    Raises NotFound for a clinic in which the actor does not hold ``permission``.
    """
    scope = actor().clinics_with(permission)
    named = request.values.get("clinic_id", type=int)
    if named is not None:
        if named not in scope:
            raise NotFound
        session["clinic_id"] = named  # a preference of this browser; checked at each use
        return named
    chosen = session.get("clinic_id")
    if chosen in scope:
        return int(chosen)
    if not scope:
        raise NotFound
    return min(scope)


def is_fragment_request() -> bool:
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def check_every_route(skip: frozenset[str] = frozenset({"static"})) -> None:
    """Refuse to start when a route went around the shells."""
    for endpoint, view in current_app.view_functions.items():
        if endpoint not in skip and not view.__dict__.get("guarded"):
            raise UndeclaredRoute(f"endpoint {endpoint!r} declares no permission")
