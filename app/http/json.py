"""JSON resources on the request cycle, with typed bodies and queries.

    api = ApiBlueprint("appointments", __name__)

    @api.post(
        "/api/appointments/", requires=permissions.BOOK, body=NewAppointment, answers=AppointmentResource, status=201
    )
    def create(body: NewAppointment) -> dict[str, Any]: ...

``requires`` may be a tuple: any one of the permissions is enough (a patient's own, the desk's). ``answers`` is the
shape of the answer with ``status``.
``/api/openapi.json`` is generated from these declarations.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request
from flask_babel import gettext
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from app.http import cycle, error_responses, tokens
from app.http.cycle import RouteSpec
from app.kernel import idempotency
from app.kernel.access import Actor, Permission
from app.kernel.errors import DomainError, Invalid
from app.kernel.i18n import N_

MAX_DEPTH = 20  # of objects and lists in each other

Requires = Permission | tuple[Permission, ...]


class BadJson(DomainError):
    code = "BAD_REQUEST"
    message = N_("El cuerpo no es un objeto JSON válido.")


class UnsupportedMedia(DomainError):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = N_("El tipo de contenido no se admite; envíe JSON.")


class ApiBlueprint(Blueprint):
    """A blueprint of JSON resources; ``signed_in=True`` opens a route to every signed-in user."""

    answers_json = True

    def route(  # type: ignore[override]
        self,
        rule: str,
        *,
        requires: Requires | None = None,
        public: str = "",
        signed_in: bool = False,
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        answers: type[BaseModel] | None = None,
        status: int = 200,
        prepare: Callable[..., dict[str, Any]] | None = None,
        repeatable: bool = False,
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        needed = requires if isinstance(requires, tuple) else (requires,) if requires else ()
        cycle.require_declaration(f"{self.name} {rule}", needed, public, signed_in)
        declared = dict[str, Any](body=body, query=query, answers=answers, status=status)
        declared |= {"prepare": prepare, "repeatable": repeatable}
        spec = RouteSpec(needed, public, signed_in, options=declared)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            handler = cycle.handler(view, spec, ADAPTER)
            self.add_url_rule(rule, options.pop("endpoint", view.__name__), handler, strict_slashes=False, **options)
            return view

        return decorate


class JsonAdapter:
    """Bearer tokens, pydantic models, the ``Idempotency-Key`` header, and problems as JSON."""

    channel = "api"

    def read_body(self) -> None:
        request.get_data(cache=True)

    def find_actor(self, spec: RouteSpec) -> Actor | None:
        # an expired token must not prevent signing in or refreshing the token
        actor = None if spec.public else tokens.find_actor()
        return actor and replace(actor, channel=self.channel)

    def parse(self, spec: RouteSpec, arguments: dict[str, Any]) -> None:
        if (query := spec.option("query")) is not None:
            arguments["query"] = parse(query, _query_values())
        if (body := spec.option("body")) is not None:
            arguments["body"] = parse(body, _json(request.get_data()))

    def submission(self) -> tuple[str, str] | None:
        token = request.headers.get("Idempotency-Key", "")[:200]
        if not token:
            return None
        path = request.path.rstrip("/").encode()
        key = str(current_app.secret_key).encode()  # so that no password of a body can be guessed from the row
        return token, idempotency.fingerprint(key, request.method.encode(), path, request.get_data())

    def respond(self, result: Any, spec: RouteSpec) -> Response:
        return to_response(result, spec.option("status"))

    def stored_headers(self, response: Response) -> dict[str, str]:
        return {"Content-Type": "application/json"}

    def refuse(self, error: DomainError, spec: RouteSpec, arguments: dict[str, Any]) -> Response:
        return error_responses.problem_of(error)


ADAPTER = JsonAdapter()


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
    if not isinstance(value, dict) or not _is_shallow(value, MAX_DEPTH):
        raise BadJson
    return value


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(part, levels - 1) for part in inner)


def _query_values() -> dict[str, str]:
    """The query string. Raises Invalid for a filter that is given twice."""
    twice = [name for name, values in request.args.lists() if len(values) > 1 and name not in REPEATABLE]
    if twice:
        raise Invalid(dict.fromkeys(twice, N_("Este filtro llegó dos veces.")))
    return request.args.to_dict()


REPEATABLE = frozenset({"payment_methods"})
FIELD_MESSAGES = {
    "missing": N_("Este dato es obligatorio."),
    "string_too_long": N_("El texto es demasiado largo."),
    "string_too_short": N_("El texto es demasiado corto."),
    "int_type": N_("Escriba un número entero."),
    "int_parsing": N_("Escriba un número entero."),
    "int_from_float": N_("Escriba un número entero."),
    "bool_parsing": N_("Escriba true o false."),
    "less_than": N_("El valor es demasiado grande."),
    "less_than_equal": N_("El valor es demasiado grande."),
    "greater_than_equal": N_("El valor es demasiado pequeño."),
}


def parse(model: type[BaseModel], values: Any) -> Any:
    """Values as ``model``. Raises Invalid with a sentence per field."""
    try:
        parsed = model.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        raise Invalid({_field_path(each["loc"]): _field_message(each, model) for each in wrong}) from error
    if out_of_range := dict(_out_of_range(parsed, ())):
        raise Invalid(out_of_range)
    return parsed


def _out_of_range(value: Any, path: tuple[int | str, ...]) -> Iterator[tuple[str, str]]:
    """What no column takes, on either database: numbers beyond 32 bits, texts with a NUL."""
    if isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            yield _field_path(path), FIELD_MESSAGES["less_than_equal" if value > 0 else "greater_than_equal"]
    elif isinstance(value, str):
        if "\0" in value:
            yield _field_path(path), N_("El texto tiene un carácter que no se admite.")
    elif isinstance(value, BaseModel):
        for name, inner in value:
            yield from _out_of_range(inner, (*path, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _out_of_range(name, (*path, "__all__"))
            yield from _out_of_range(inner, (*path, name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _out_of_range(inner, (*path, number))


def _field_path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location) or "__all__"


def _field_message(error: Any, model: type[BaseModel]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "literal_error":
        return gettext("Elija entre: %(names)s.", names=error["ctx"]["expected"].replace("'", ""))
    if error["type"] == "extra_forbidden":
        names = known_names(model, error["loc"][:-1])
        if error["loc"][-1] in names:
            return gettext("Este dato llegó dos veces, con dos nombres.")
        return gettext("Este dato o filtro no existe. Se admite: %(names)s.", names=", ".join(names) or "-")
    return FIELD_MESSAGES.get(error["type"], N_("El valor no es válido."))


def known_names(model: type[BaseModel], location: tuple[int | str, ...] = ()) -> list[str]:
    """The names that a model takes, aliases included; of the model at ``location`` inside it."""
    for step in location:
        inner = [field.annotation for name, field in model.model_fields.items() if step in _names(name, field)]
        model = next((found for found in inner if isinstance(found, type) and issubclass(found, BaseModel)), model)
    return [each for name, field in model.model_fields.items() for each in _names(name, field)]


def _names(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [choice for choice in alias.choices if isinstance(choice, str)]
    return [alias if isinstance(alias, str) else name]
