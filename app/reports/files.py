"""Responses for report files: attachments that a browser does not execute."""

from collections.abc import Callable
from typing import Any

from flask import Response
from werkzeug.http import dump_options_header

from app.kernel.errors import NotFound
from app.reports import rules


def attachment(name: str, media_type: str, content: bytes) -> Response:
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = dump_options_header("attachment", {"filename": name})
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def run_response(run: dict[str, Any], read: Callable[[str], bytes]) -> Response:
    """The file of a run as a response. Raises ReportNotReady while it is being built, NotFound without a file."""
    if run["status"] != "done":
        raise rules.ReportNotReady
    try:
        content = read(run["file_key"])
    except FileNotFoundError as error:
        raise NotFound from error
    return attachment(run["file_name"], rules.MEDIA_TYPES[rules.Format(run["format"])], content)
