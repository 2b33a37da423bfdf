"""How every JSON resource runs: the same life as a page, with typed bodies and queries.

    api = Api("appointments", __name__)

    @api.post("/api/appointments/", requires=permissions.BOOK, body=NewAppointment, status=201)
    def create(body: NewAppointment): ...

``requires`` may be a tuple: any one of the permissions opens the door (a patient's own, the desk's).
What a route declares is also what ``/api/openapi.json`` says of it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from flask import Blueprint, Response, g, request
from pydantic import BaseModel, ValidationError

from app.api import tokens
from app.kernel import access, clock, db, once
from app.kernel.access import Actor, Permission
from app.kernel.errors import DomainError, Forbidden, Invalid, Unauthenticated
from app.kernel.words import N_
from app.web import shell as web

Requires = Permission | tuple[Permission, ...]


class BadJson(DomainError):
    code = "BAD_REQUEST"
    message = N_("El cuerpo no es un objeto JSON válido.")


class UnsupportedMedia(DomainError):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = N_("El tipo de contenido no se admite; envíe JSON.")


class Api(Blueprint):
    """A blueprint of JSON resources; ``signed_in=True`` opens a route to every signed-in user."""

    def route(  # type: ignore[override]
        self,
        rule: str,
        *,
        requires: Requires | None = None,
        public: str | None = None,
        signed_in: bool = False,
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        status: int = 200,
        answers: Any = None,
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        if sum((requires is not None, public is not None, signed_in)) != 1:
            raise web.UndeclaredRoute(f"{self.name} {rule}: say requires=, public= or signed_in=, one of them")

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            needed = requires if isinstance(requires, tuple) else (requires,) if requires else ()
            handler = _handler(view, needed, bool(public), body, query, status)
            first = needed[0] if needed else None
            web.declared(handler, first, public or ("every signed-in user" if signed_in else None))
            handler.__dict__.update(needed=needed, body=body, query=query, status=status, answers=answers)
            self.add_url_rule(rule, options.pop("endpoint", view.__name__), handler, strict_slashes=False, **options)
            return view

        return decorate


def _handler(
    view: Callable[..., Any],
    needed: tuple[Permission, ...],
    is_public: bool,
    body: type[BaseModel] | None,
    query: type[BaseModel] | None,
    status: int,
) -> Callable[..., Response]:
    @wraps(view)
    def handler(**arguments: Any) -> Response:
        writes = request.method not in web.SAFE
        raw = request.get_data(cache=True) if writes else b""  # before the transaction: it may wait
        g.now = clock.now()
        with db.unit_of_work(write=writes):
            # a stale token must not keep anybody from signing in or from asking for the next one
            g.actor = None if is_public else tokens.find_actor()
            if not is_public:
                if g.actor is None:
                    raise Unauthenticated
                if needed and not any(access.can(g.actor, permission) for permission in needed):
                    raise Forbidden
            if query is not None:
                arguments["query"] = parse(query, request.args.to_dict())
            if body is not None:
                arguments["body"] = parse(body, _json(raw))
            response = _answer_once(view, arguments, raw, status) if writes else to_response(view(**arguments), status)
            if not is_public and response.status_code >= 400:
                db.db.session.rollback()  # an answer that refuses has changed nothing
            return response

    return handler


def _answer_once(view: Callable[..., Any], arguments: dict[str, Any], raw: bytes, status: int) -> Response:
    key = request.headers.get("Idempotency-Key", "")[:200]
    found: Actor | None = g.actor
    if not key or found is None:
        return to_response(view(**arguments), status)
    owner = f"api:{found.user_id}"
    print_ = once.fingerprint(request.method.encode(), request.path.rstrip("/").encode(), raw)
    first = once.begin(owner, key, print_, now=g.now)
    if first is not None:
        return Response(first.body, first.status, first.headers)
    response = to_response(view(**arguments), status)
    if response.status_code >= 400:
        return response
    once.finish(
        owner,
        key,
        once.Answer(response.status_code, {"Content-Type": "application/json"}, response.get_data()),
    )
    return response


def to_response(result: Any, status: int) -> Response:
    """A view's dict (or ``(dict, status)``, or a finished Response) as JSON; instants as UTC with ``Z``."""
    if isinstance(result, Response):
        return result
    if isinstance(result, tuple):
        result, status = result
    text = orjson.dumps(result, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    return Response(text, status, content_type="application/json")


def _json(raw: bytes) -> Any:
    if not raw:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMedia
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadJson from error
    if not isinstance(value, dict):
        raise BadJson
    return value


WORDS = {
    "missing": N_("Este dato es obligatorio."),
    "extra_forbidden": N_("Este dato o filtro no existe."),
    "string_too_long": N_("El texto es demasiado largo."),
    "string_too_short": N_("El texto es demasiado corto."),
    "int_parsing": N_("Escriba un número entero."),
    "date_from_datetime_parsing": N_("Escriba una fecha como 2026-11-24."),
    "less_than": N_("El valor es demasiado grande."),
    "less_than_equal": N_("El valor es demasiado grande."),
    "greater_than_equal": N_("El valor es demasiado pequeño."),
}


def parse(model: type[BaseModel], values: Any) -> Any:
    """Values as ``model``. Raises Invalid with a sentence per field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Invalid({_place(e["loc"]): _word(e) for e in error.errors(include_url=False)}) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location) or "__all__"


def _word(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return WORDS.get(error["type"], N_("El valor no es válido."))
