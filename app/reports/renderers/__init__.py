"""Four dresses of one report: PDF, workbook, CSV, JSON. Nothing here queries."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.reports import registry
from app.reports.registry import Params, Report, Stamp
from app.reports.renderers import pdf, plain
from app.reports.rules import MEDIA_TYPES, Format

Progress = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class File:
    name: str
    media_type: str
    content: bytes


def render(
    report: Report,
    data: Any,
    format_: Format,
    *,
    by: str,
    params: Params,
    now: datetime,
    progress: Progress = lambda _percent, _step: None,
) -> File:
    """What ``report.load`` gave as a file. ``by`` is written on it; ``progress`` hears percent and words."""
    document = report.document(data)
    wire = orjson.dumps(report.wire(data), option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2)
    filters = params.model_dump(mode="json", exclude_defaults=True)
    stamp = Stamp(by=by, at=now, digest=hashlib.sha256(wire).hexdigest(), filters=filters)
    match format_:
        case Format.JSON:
            content = wire
        case Format.CSV:
            content = plain.csv(document)
        case Format.XLSX:
            from app.reports.renderers import xlsx  # 10 MB that only a workbook needs

            content = xlsx.workbook(document, stamp, progress)
        case Format.PDF:
            content = pdf.document(report, document, stamp, report.size(data), progress)
    name = registry.file_name(report, document.heading, str(format_))
    return File(name, MEDIA_TYPES[format_], content)
