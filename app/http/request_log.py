"""One log line for each request: method, route, status, milliseconds.

The route is its template (``/patients/<int:patient_id>``): addresses hold numbers of people and what was searched for.
Static files are served before the application and have no line.
"""

import logging
import time

from flask import Flask, Response, g, request

log = logging.getLogger("request")

QUIET_PATHS = ("/healthz", "/api/health")  # asked every few seconds by whoever watches


def register(app: Flask) -> None:
    """Before every other hook, so that the time is that of the whole request."""
    app.before_request(_start)
    app.after_request(_write)


def _start() -> None:
    g.started_at = time.perf_counter()


def _write(response: Response) -> Response:
    level = logging.DEBUG if request.path in QUIET_PATHS and response.status_code == 200 else logging.INFO
    if log.isEnabledFor(level):
        route = request.url_rule.rule if request.url_rule else "(no route)"
        milliseconds = round((time.perf_counter() - g.get("started_at", time.perf_counter())) * 1000)
        log.log(level, "%s %s %s %s ms", request.method, route, response.status_code, milliseconds)
    return response
