"""Responses for report files: attachments that a browser does not execute."""

from collections.abc import Callable
from typing import Any

from flask import Response
from werkzeug.http import dump_options_header

from app.http import cycle
from app.kernel.errors import NotFound
from app.reports import registry, rules
from app.reports.registry import Report


def attachment(name: str, media_type: str, content: bytes) -> Response:
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = dump_options_header("attachment", {"filename": name})
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def note_reading(report: Report, clinic_id: int, *, run_id: int = 0, action: str = "exported") -> None:
    """Note who reads a report that names people; the subject is the report, with the run that made its file."""
    if report.names_people:
        cycle.note_reading(report.code, run_id, clinic_id=clinic_id, action=action)


def run_response(run: dict[str, Any], read: Callable[[str], bytes]) -> Response:
    """The file of a run as a response. Raises ReportNotReady while it is being built, NotFound without a file."""
    if run["status"] != "done":
        raise rules.ReportNotReady
    try:
        content = read(run["file_key"])
    except FileNotFoundError as error:
        raise NotFound from error
    note_reading(registry.find(run["report"]), run["clinic_id"], run_id=run["id"])
    return attachment(run["file_name"], rules.MEDIA_TYPES[rules.Format(run["format"])], content)
