"""``/api/openapi.json``: generated from the declarations of the routes; ``/api/docs`` shows it to who is signed in."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, current_app, jsonify, make_response
from pydantic.json_schema import models_json_schema
from werkzeug.routing import IntegerConverter

from app.http import fragments
from app.http.cycle import RouteSpec
from app.http.html import PageBlueprint
from app.http.json import ApiBlueprint
from app.http.resources import Problem

api = ApiBlueprint("openapi", __name__)
pages = PageBlueprint("api_docs", __name__)

PROBLEMS = {
    400: "A field or filter is wrong; details has a sentence per field.",
    401: "No access token, or one that has ended.",
    403: "The permission is missing.",
    404: "It does not exist, or not for who asks.",
    409: "The present state forbids it; details may name the next step.",
    429: "Too many requests; Retry-After says when to come back.",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key gives the same answer; with another body 409 IDEMPOTENCY_MISMATCH.",
}


@api.get("/api/openapi.json", signed_in=True)
def openapi() -> dict[str, Any]:
    return document()


@pages.get("/api/docs", signed_in=True)
def docs() -> Response:
    return fragments.page("http/docs.html", document=document())


@pages.get("/api/docs/openapi.json", signed_in=True)
def docs_document() -> Response:
    """The same document for a browser, which has a cookie and no token."""
    return make_response(jsonify(document()))


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of every route under ``/api``; made once per application."""
    made: dict[str, Any] | None = current_app.extensions.get("openapi")
    if made is None:
        made = current_app.extensions["openapi"] = _document()
    return made


def _document() -> dict[str, Any]:
    own = {f"{pages.name}.docs", f"{pages.name}.docs_document"}
    routes = [r for r in current_app.url_map.iter_rules() if r.rule.startswith("/api/") and r.endpoint not in own]
    models = dict.fromkeys(m for rule in routes for m in map(_spec(rule).option, ("body", "answers")) if m)
    references, schemas = models_json_schema(
        [(model, "validation") for model in (*models, Problem)], ref_template="#/components/schemas/{model}"
    )
    schema_of = {model: reference for (model, _mode), reference in references.items()}
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(routes, key=lambda r: r.rule):
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in sorted(rule.methods or ()):
            if method in {"GET", "POST", "PUT", "PATCH", "DELETE"}:
                paths.setdefault(path, {})[method.lower()] = _operation(rule, method, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MediConnect",
            "version": "1",
            "description": "Todas las horas en UTC; montos como texto decimal.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _spec(rule: Any) -> RouteSpec:
    spec: RouteSpec = current_app.view_functions[rule.endpoint].__dict__["spec"]
    return spec


def _operation(rule: Any, method: str, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    view = current_app.view_functions[rule.endpoint]
    spec = _spec(rule)
    operation: dict[str, Any] = {
        "operationId": f"{rule.endpoint}.{method.lower()}",
        "summary": (view.__doc__ or view.__name__.replace("_", " ")).strip().split("\n")[0],
        "parameters": list(_parameters(rule, method)),
        "responses": _responses(rule, method, schema_of),
    }
    if spec.public:
        operation["security"] = []
    if spec.requires:
        operation["x-permissions"] = [permission.code for permission in spec.requires]
    if (body := spec.option("body")) and method != "GET":
        operation["requestBody"] = {"required": True, "content": _json(schema_of[body])}
    return operation


def _parameters(rule: Any, method: str) -> Iterator[dict[str, Any]]:
    spec = _spec(rule)
    for name, converter in rule._converters.items():
        kind = "integer" if isinstance(converter, IntegerConverter) else "string"
        yield {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
    if query := spec.option("query"):
        schema = query.model_json_schema()
        for name, value in schema["properties"].items():
            yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": value}
    if method == "POST" and (not spec.public or spec.option("repeatable")):
        yield IDEMPOTENCY_KEY


def _responses(rule: Any, method: str, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    """The answer, and the problems that a route can meet by what it declares."""
    spec = _spec(rule)
    answer: dict[str, Any] = {"description": "OK"}
    if model := spec.option("answers"):
        answer["content"] = _json(schema_of[model])
    met = {
        400: bool(spec.option("query") or spec.option("body")),
        401: not spec.public,
        403: bool(spec.requires),
        404: bool(rule._converters),
        409: method != "GET",
        429: True,
    }
    problem = _json(schema_of[Problem])
    problems = {str(status): {"description": PROBLEMS[status], "content": problem} for status in met if met[status]}
    return {
        str(spec.option("status") or 200): answer,
        **problems,
        "default": {"description": "Another problem, of the same shape.", "content": problem},
    }


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


BLUEPRINTS = (api,)
