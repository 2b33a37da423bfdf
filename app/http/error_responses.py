"""Error responses: a page, a toast for htmx, or a JSON problem from the blueprints of the API.

Never a traceback. The reference number on an error page is the request id of the log line.
"""

import logging
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, g, jsonify, make_response, redirect, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, DBAPIError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.http import page_context
from app.http.cycle import is_fragment_request
from app.kernel import errors
from app.kernel.db import unavailable, unit_of_work
from app.kernel.i18n import N_

log = logging.getLogger(__name__)

HTTP_ERRORS = {
    400: ("BAD_REQUEST", N_("La solicitud no se entiende.")),
    403: ("INSUFFICIENT_PERMISSIONS", N_("Permisos insuficientes")),
    404: ("NOT_FOUND", N_("No encontrado")),
    405: ("METHOD_NOT_ALLOWED", N_("Esta dirección no admite esa operación.")),
    408: ("REQUEST_TIMEOUT", N_("Lo enviado tardó demasiado en llegar. No se guardó nada; vuelva a intentar.")),
    413: ("PAYLOAD_TOO_LARGE", N_("Lo enviado es demasiado grande.")),
    415: ("UNSUPPORTED_MEDIA_TYPE", N_("El tipo de contenido no se admite; envíe JSON.")),
    429: ("RATE_LIMITED", N_("Demasiados intentos. Espere un momento y vuelva a intentar.")),
}


def sentence(error: errors.DomainError) -> str:
    """The error's sentence in the reader's language, filled with its parameters."""
    text = gettext(error.text)
    params = {n: gettext(value) if value and isinstance(value, str) else value for n, value in error.params.items()}
    return text % params if params else text


def problem(status: int, code: str, text: str, details: Mapping[str, object] | None = None) -> Response:
    """The JSON error shape of the API (D35)."""
    response = jsonify({"error": text, "code": code, "message": text, "details": details or {}})
    response.status_code = status
    add_retry_after(response, details)
    return response


def add_retry_after(response: Response, details: Mapping[str, object] | None = None) -> None:
    """Tell a 429 or 503 when to come back."""
    if response.status_code == 429:
        response.headers["Retry-After"] = str((details or {}).get("retry_after", 30))
    if response.status_code == 503:
        response.headers["Retry-After"] = "5"


def register(app: Flask) -> None:
    app.register_error_handler(errors.DomainError, _domain)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def page_status(error: errors.DomainError) -> int:
    """The status of a page: 422 for input and rules (JSON uses 400, D35), else the error's own."""
    return 422 if isinstance(error, errors.Invalid | errors.RuleBroken) else error.status


def problem_of(error: errors.DomainError) -> Response:
    """An error of the domain as JSON."""
    return problem(error.status, error.code, sentence(error), _details(error))


def _details(error: errors.DomainError) -> Mapping[str, object]:
    if isinstance(error, errors.Invalid):
        return field_messages(error)
    return {error.field: [sentence(error)], **error.details} if error.field else error.details


def field_messages(error: errors.Invalid) -> dict[str, list[str]]:
    """The messages of bad input per field, in the reader's language."""
    return {
        name: [gettext(line) % error.params if error.params else gettext(line) for line in lines]
        for name, lines in error.details.items()
    }


def _domain(error: errors.DomainError) -> Response:
    if is_json_request():
        return problem_of(error)
    if isinstance(error, errors.Unauthenticated):
        return _redirect_to_login()
    if isinstance(error, errors.PasswordChangeRequired) and request.method == "GET" and not is_fragment_request():
        return make_response(redirect("/account", 303))
    response = _error_response(page_status(error), error.code, sentence(error))
    add_retry_after(response, error.details)
    return response


def _redirect_to_login() -> Response:
    """Redirect to the sign-in page, which leads back to the present page."""
    if is_fragment_request():
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        response = make_response("", 401)
        response.headers["HX-Redirect"] = _login_url(f"{page.path}?{page.query}".rstrip("?"))
        return response
    path = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return make_response(redirect(_login_url(path), 303))


def _login_url(path: str) -> str:
    return f"/login?next={quote(path)}" if path not in {"", "/"} else "/login"


def _csrf(error: CSRFError) -> Response:
    if request.path == "/login":  # signed in or out in another tab meanwhile: show a new form
        return make_response(redirect(_login_url(request.form.get("next", "/")), 303))
    return _error_response(
        403, "CSRF", gettext("La página estuvo abierta demasiado tiempo. Recárguela y vuelva a intentar.")
    )


def _http(error: HTTPException) -> Response:
    if error.response is not None or (error.code or 500) < 400:
        return make_response(error.get_response())
    code, text = HTTP_ERRORS.get(error.code or 500, ("ERROR", N_("No se pudo completar la operación.")))
    response = _error_response(error.code or 500, code, gettext(text))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


def _unexpected(error: Exception) -> Response:
    if isinstance(error, DBAPIError) and (failure := unavailable(error)):
        return _domain(failure)
    if isinstance(error, OverflowError | DataError):  # a number, date or text out of the range of a column
        log.warning("request %s: value out of range", g.get("request_id"))
        return _error_response(400, HTTP_ERRORS[400][0], gettext(HTTP_ERRORS[400][1]))
    log.error("request %s failed", g.get("request_id"), exc_info=error)
    text = gettext("Error interno del servidor. No se guardó nada; vuelva a intentar o avise a soporte.")
    return _error_response(500, "DATABASE_ERROR" if isinstance(error, DBAPIError) else "INTERNAL_ERROR", text)


def is_json_request() -> bool:
    """Whether this request gets JSON: by its blueprint, or by its path where no route matches."""
    if request.blueprint is not None:
        return getattr(current_app.blueprints[request.blueprint], "answers_json", False)
    return request.path == "/api" or request.path.startswith("/api/")


def _error_response(status: int, code: str, text: str) -> Response:
    if is_json_request():
        return problem(status, code, text)
    if is_fragment_request():
        response = make_response(
            render_template("shared/_toast.html", kind="error", text=text, undo=None, about=None), status
        )
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "beforeend"
        return response
    return make_response(_error_page(status, code, text), status)


def _error_page(status: int, code: str, text: str) -> str:
    """The page of an error: inside the menu and the header for a user who went astray, else alone."""
    reference = str(g.get("request_id", ""))[:8]
    words = {"status": status, "code": code, "text": text, "page_title": text, "reference": reference}
    if status in (403, 404) and g.get("actor") is not None:
        with unit_of_work(write=False):
            return render_template("shared/failure.html", layout="base.html", **page_context.values(), **words)
    theme = request.cookies.get("theme")
    return render_template("shared/failure.html", layout="base_bare.html", theme=theme, **words)
