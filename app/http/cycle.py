"""The request cycle: how every page and every JSON resource runs.

Find the actor, require the route's permission and parse the input in a reading unit; prepare outside of any
transaction what takes long (passwords are hashed there); then run the view in one unit of work, committed when it
returns, rolled back when it raises. The stored response of an earlier, equal submission is sent again instead.
Domain errors are rendered in one place (``Adapter.refuse``).

A route that declares neither a permission nor why it is public does not start.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Protocol

from flask import Flask, Response, current_app, g, request, session
from werkzeug.routing import IntegerConverter, Map, Rule

from app.kernel import access, access_log, clock, db, idempotency, ids
from app.kernel.access import Actor, Permission
from app.kernel.errors import DomainError, Forbidden, NotFound, PasswordChangeRequired, Unauthenticated

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class RowNumber(IntegerConverter):
    """``<int:…>`` in a path: an id within the range of the column; a larger one is a 404."""

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:
        super().__init__(map, *args, **{"max": 2**31 - 1, **options})


class LazyRule(Rule):
    """A rule that compiles its builder of addresses when one is first asked for.

    Werkzeug compiles two functions per rule at once: 0.2 s of CPU, and each report's process starts anew.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_builder = super()._compile_builder
        compiled: list[Callable[..., tuple[str, str]]] = []

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_builder(append_unknown))
            return compiled[0](rule, **values)

        return build


class UndeclaredRoute(RuntimeError):
    """A route declares neither a required permission nor why it is public."""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """What a route declares. ``requires``: any one of them is enough; empty with ``signed_in`` or ``public``.

    ``options`` are the adapter's own: the form of a page, the body, query and response models of JSON. One is the
    cycle's: ``prepare(**arguments)`` runs between the two units and returns further arguments of the view.
    """

    requires: tuple[Permission, ...] = ()
    public: str = ""
    signed_in: bool = False
    options: Mapping[str, Any] | None = None

    def option(self, name: str) -> Any:
        return (self.options or {}).get(name)


@dataclass(frozen=True, slots=True)
class AfterRead:
    """What a GET returns when its response is made after the reading unit has ended: a file that takes long to
    render, or with ``write`` a row that has to be written."""

    run: Callable[[], Any]
    write: bool = False


class Adapter(Protocol):
    """What differs between pages and JSON."""

    channel: str

    def read_body(self) -> None:
        """Receive the whole body before a unit of work opens: none may wait for the network."""

    def find_actor(self, spec: RouteSpec) -> Actor | None: ...

    def parse(self, spec: RouteSpec, arguments: dict[str, Any]) -> None:
        """Add the typed input to the view's arguments. Raises Invalid."""

    def submission(self) -> tuple[str, str] | None:
        """The idempotency token of this request and the fingerprint of its content."""

    def respond(self, result: Any, spec: RouteSpec) -> Response: ...

    def stored_headers(self, response: Response) -> dict[str, str]:
        """The headers that an equal request gets again."""

    def refuse(self, error: DomainError, spec: RouteSpec, arguments: dict[str, Any]) -> Response:
        """The response to an error of the domain; the transaction has been rolled back."""


def require_declaration(rule: str, requires: tuple[Permission, ...], public: str, signed_in: bool) -> None:
    """Raise UndeclaredRoute unless a route declares exactly one of the three."""
    if sum((bool(requires), bool(public), signed_in)) != 1:
        raise UndeclaredRoute(f"{rule}: say one of requires=, public= and signed_in=")


def declare(view: Callable[..., Any], spec: RouteSpec) -> Callable[..., Any]:
    """Attach a route's declaration: the start-up check, OpenAPI and the tests read it."""
    view.__dict__["spec"] = spec
    return view


def handler(view: Callable[..., Any], spec: RouteSpec, adapter: Adapter) -> Callable[..., Response]:
    """``view`` inside the request cycle."""

    @wraps(view)
    def handle(**arguments: Any) -> Response:
        try:
            return _run(view, spec, adapter, arguments)
        except DomainError as error:
            return adapter.refuse(error, spec, arguments)

    return declare(handle, spec)


def _run(view: Callable[..., Any], spec: RouteSpec, adapter: Adapter, arguments: dict[str, Any]) -> Response:
    adapter.read_body()
    g.now = clock.now()
    if request.method in SAFE_METHODS:
        with db.unit_of_work(write=False):
            _admit(spec, adapter, arguments)
            result = view(**arguments)
            if not isinstance(result, AfterRead):
                return adapter.respond(result, spec)
        with db.unit_of_work(write=True) if result.write else nullcontext():
            return adapter.respond(result.run(), spec)
    with db.unit_of_work(write=False):  # unauthorized and invalid requests never take the write lock
        _admit(spec, adapter, arguments)
        stored = _stored_response(spec, adapter) if spec.option("prepare") else None
    if stored is not None:
        return stored
    prepared = _prepare(spec, arguments)
    with db.unit_of_work(write=True):
        response = _respond_once(view, spec, adapter, {**arguments, **prepared})
        if response.status_code >= 400 and not spec.public:
            db.db.session.rollback()  # an error response must change nothing (attempts on public routes are counted)
        return response


def _admit(spec: RouteSpec, adapter: Adapter, arguments: dict[str, Any]) -> None:
    g.actor = adapter.find_actor(spec)
    if not spec.public:
        if g.actor is None:
            raise Unauthenticated
        if spec.requires and not any(access.can_anywhere(g.actor, permission) for permission in spec.requires):
            raise PasswordChangeRequired if g.actor.has_temporary_password else Forbidden
    adapter.parse(spec, arguments)


def _prepare(spec: RouteSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """What takes too long for a transaction (hashing a password): between the two units, never inside one."""
    prepare = spec.option("prepare")
    return {} if prepare is None else prepare(**arguments)


def _submission(spec: RouteSpec, adapter: Adapter) -> tuple[str, str] | None:
    """The token and fingerprint of a request that is answered once. A public route has to declare it
    (``repeatable``): an answer with a secret in it is given to nobody twice."""
    return adapter.submission() if g.actor is not None or spec.option("repeatable") else None


def _stored_response(spec: RouteSpec, adapter: Adapter) -> Response | None:
    """The response of an earlier, equal submission, so that it is not prepared again."""
    submission = _submission(spec, adapter)
    if submission is None:
        return None
    stored = idempotency.find(_owner(adapter), *submission)
    return None if stored is None else Response(stored.body, stored.status, stored.headers)


def _owner(adapter: Adapter) -> str:
    """Whose token it is: of a user, or of an address where nobody has signed in."""
    if g.actor is None:
        return f"{adapter.channel}:{ids.digest(request.remote_addr or '')[:32]}"
    return f"{adapter.channel}:{g.actor.user_id}"


def before_commit(app: Flask, hook: Callable[[Response], None]) -> None:
    """Run ``hook(response)`` on each successful response to a change, in its unit of work.

    What it adds is stored with the response: an equal request gets it again.
    """
    app.extensions.setdefault("before_commit", []).append(hook)


def _respond(view: Callable[..., Any], spec: RouteSpec, adapter: Adapter, arguments: dict[str, Any]) -> Response:
    response = adapter.respond(view(**arguments), spec)
    if response.status_code < 400:
        for hook in current_app.extensions.get("before_commit", ()):
            hook(response)
    return response


def _respond_once(view: Callable[..., Any], spec: RouteSpec, adapter: Adapter, arguments: dict[str, Any]) -> Response:
    submission = _submission(spec, adapter)
    if submission is None:
        return _respond(view, spec, adapter, arguments)
    token, fingerprint = submission
    owner = _owner(adapter)
    stored = idempotency.claim(owner, token, fingerprint, now=g.now)
    if stored is not None:
        return Response(stored.body, stored.status, stored.headers)
    response = _respond(view, spec, adapter, arguments)
    kept = g.pop("repeated_response", response)
    if response.status_code < 400:  # else rolled back with its claim: the token stays free for the corrected form
        idempotency.store_response(
            owner,
            token,
            idempotency.StoredResponse(kept.status_code, adapter.stored_headers(kept), kept.get_data()),
        )
    return response


def repeat_with(response: Response) -> None:
    """Give an equal submission this response instead of the first one, which is stored nowhere: it shows a secret."""
    g.repeated_response = response


def actor() -> Actor:
    """Who acts in this request. Raises Unauthenticated on a public page without a session."""
    actor: Actor | None = g.actor
    if actor is None:
        raise Unauthenticated
    return actor


def maybe_actor() -> Actor | None:
    actor: Actor | None = g.get("actor")
    return actor


def now() -> datetime:
    """The instant of this request."""
    instant: datetime = g.now
    return instant


def note_reading(subject_type: str, subject_id: int = 0, **details: Any) -> None:
    """Note for the audit that the actor reads a person's data (``kernel.access_log.note``); 0 is a list or a search."""
    access_log.note(subject_type, subject_id, actor=actor(), now=now(), **details)


def clinic_id(permission: Permission) -> int:
    """The clinic this request is about: named in the request, else the one last chosen, else the first.

    Raises NotFound for a clinic in which the actor does not hold ``permission``.
    """
    scope = actor().clinics_with(permission)
    requested = request.values.get("clinic_id", type=int)
    if requested is not None:
        if requested not in scope:
            raise NotFound
        session["clinic_id"] = requested  # a preference of this browser; checked at each use
        return requested
    last_chosen = session.get("clinic_id")
    if last_chosen in scope:
        return int(last_chosen)
    if not scope:
        raise NotFound
    return min(scope)


def is_fragment_request() -> bool:
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def check_every_route(skip: frozenset[str] = frozenset({"static"})) -> None:
    """Refuse to start when a route bypasses the request cycle."""
    for endpoint, view in current_app.view_functions.items():
        if endpoint not in skip and "spec" not in view.__dict__:
            raise UndeclaredRoute(f"endpoint {endpoint!r} declares no permission")
