"""Renderers of a loaded report: PDF, workbook, CSV, JSON. They run no queries."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.reports import registry
from app.reports.registry import Params, Provenance, Report
from app.reports.renderers import pdf, plain
from app.reports.rules import MEDIA_TYPES, Format

Progress = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class File:
    name: str
    media_type: str
    content: bytes


def prepare(format_: Format) -> AbstractContextManager[pdf.Printer | None]:
    """What takes time to start and can start before the data is loaded: the process that prints; else nothing."""
    return pdf.start() if format_ is Format.PDF else nullcontext()


def render(
    report: Report,
    data: Any,
    format_: Format,
    *,
    by: str,
    params: Params,
    now: datetime,
    printer: pdf.Printer | None = None,
    progress: Progress = lambda _percent, _step: None,
) -> File:
    """Render the data of ``report.load`` as a file. ``printer``: of ``prepare``; ``progress`` gets percent, text."""
    document = report.document(data)
    encoded = orjson.dumps(
        report.to_json(data), option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2
    )
    filters = params.model_dump(mode="json", exclude_defaults=True)
    provenance = Provenance(by=by, at=now, digest=hashlib.sha256(encoded).hexdigest(), filters=filters)
    match format_:
        case Format.JSON:
            content = encoded
        case Format.CSV:
            content = plain.csv(document)
        case Format.XLSX:
            from app.reports.renderers import xlsx  # imported here: 10 MB that only a workbook needs

            content = xlsx.workbook(document, provenance, progress)
        case Format.PDF:
            with nullcontext(printer) if printer else pdf.start() as child:
                content = pdf.document(report, document, provenance, report.row_count(data), progress, child)
    name = registry.file_name(report, document.header, str(format_))
    return File(name, MEDIA_TYPES[format_], content)
