"""Browsers of other sites: the JSON API for the origins in ``CORS_ORIGINS``, nothing else, never with cookies."""

from flask import Flask, Response, current_app, request

ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, X-Client-Id",
    "Access-Control-Max-Age": "600",
}
EXPOSED = "Retry-After, X-Request-Id, Location, Content-Disposition, ETag"


def register(app: Flask) -> None:
    app.before_request(_answer_preflight)
    app.after_request(_add_headers)


def _allowed_origin() -> str | None:
    origin = request.headers.get("Origin", "")
    is_api = request.path == "/api" or request.path.startswith("/api/")
    return origin if is_api and origin in current_app.config["SETTINGS"].cors_origins else None


def _answer_preflight() -> Response | None:
    is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    return Response(status=204, headers=ALLOWED) if is_preflight and _allowed_origin() else None


def _add_headers(response: Response) -> Response:
    if current_app.config["SETTINGS"].cors_origins:
        response.vary.add("Origin")
    origin = _allowed_origin()
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
