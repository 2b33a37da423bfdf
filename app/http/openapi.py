"""``/api/openapi.json``: generated from the declarations of the routes; ``/api/docs`` shows it to who is signed in."""

import re
from typing import Any

from flask import Response, current_app, jsonify, make_response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.http import fragments
from app.http.cycle import RouteSpec
from app.http.html import PageBlueprint
from app.http.json import ApiBlueprint

api = ApiBlueprint("openapi", __name__)
pages = PageBlueprint("api_docs", __name__)

PROBLEM = {
    "type": "object",
    "required": ["error", "code", "message", "details"],
    "properties": {
        "error": {"type": "string"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "details": {"type": "object"},
    },
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
    models = _models(routes)
    schemas = models_json_schema([(m, "validation") for m in models], ref_template="#/components/schemas/{model}")[1]
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(routes, key=lambda r: r.rule):
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in sorted(rule.methods or ()):
            if method in {"GET", "POST", "PUT", "PATCH", "DELETE"}:
                paths.setdefault(path, {})[method.lower()] = _operation(rule, method)
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
            "schemas": {**schemas.get("$defs", {}), "Problem": PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _models(routes: list[Any]) -> list[type[BaseModel]]:
    bodies = (_spec(rule).option("body") for rule in routes)
    return list({model.__name__: model for model in bodies if model}.values())


def _spec(rule: Any) -> RouteSpec:
    spec: RouteSpec = current_app.view_functions[rule.endpoint].__dict__["spec"]
    return spec


def _operation(rule: Any, method: str) -> dict[str, Any]:
    view = current_app.view_functions[rule.endpoint]
    spec = _spec(rule)
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if kind == "IntegerConverter" else "string"},
        }
        for name, kind in ((n, type(c).__name__) for n, c in rule._converters.items())
    ]
    if query := spec.option("query"):
        schema = query.model_json_schema()
        parameters += [
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": value}
            for name, value in schema["properties"].items()
        ]
    if method == "POST" and (not spec.public or spec.option("repeatable")):
        parameters.append(IDEMPOTENCY_KEY)
    operation: dict[str, Any] = {
        "operationId": f"{rule.endpoint}.{method.lower()}",
        "summary": (view.__doc__ or view.__name__.replace("_", " ")).strip().split("\n")[0],
        "parameters": parameters,
        "responses": {
            str(spec.option("status") or 200): {"description": "OK"},
            "default": {
                "description": "Problem",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }
    if spec.public:
        operation["security"] = []
    if spec.requires:
        operation["x-permissions"] = [permission.code for permission in spec.requires]
    if (body := spec.option("body")) and method != "GET":
        reference = {"$ref": f"#/components/schemas/{body.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return operation


BLUEPRINTS = (api,)
