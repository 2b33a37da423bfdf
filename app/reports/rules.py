"""Rules: formats, size limits of synchronous exports, retention of files."""

from datetime import timedelta
from enum import StrEnum

from app.kernel.errors import DomainError, NotFound, RuleBroken
from app.kernel.i18n import N_


class Format(StrEnum):
    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


ALIASES = {"excel": Format.XLSX}
FORMAT_LABELS = {
    Format.PDF: N_("PDF"),
    Format.XLSX: N_("Excel"),
    Format.CSV: N_("CSV"),
    Format.JSON: N_("JSON"),
}
MEDIA_TYPES = {
    Format.PDF: "application/pdf",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON: "application/json",
}
# Rows that a request may render itself; larger exports go to a worker. 1000 rows take 2 s as PDF, 20 ms as JSON.
MAX_INLINE_ROWS = {Format.PDF: 300, Format.XLSX: 300, Format.CSV: 5_000, Format.JSON: 5_000}

FILE_RETENTION = timedelta(days=30)
REUSE_PERIOD = timedelta(seconds=60)  # an equal request within this time gets the same file


class FormatMismatch(RuleBroken):
    code = "FORMAT_MISMATCH"
    message = N_("El parámetro format no coincide con la dirección; quítelo o use la dirección de ese formato.")


class ReportNotReady(DomainError):
    status = 409
    code = "REPORT_NOT_READY"
    message = N_("El reporte todavía no está listo.")


def parse_format(text: str) -> Format:
    """``pdf``, ``excel``, ``xlsx``, ``csv`` or ``json``. Raises NotFound."""
    try:
        return ALIASES.get(text.lower()) or Format(text.lower())
    except ValueError as error:
        raise NotFound from error


def check_format_parameter(path_format: Format, parameter: str | None) -> None:
    """A ``format`` parameter has to agree with the path (D22). Raises FormatMismatch."""
    if parameter and (ALIASES.get(parameter.lower()) or parameter.lower()) != path_format:
        raise FormatMismatch
