"""Decisions: formats, what is answered at once, how long files are kept."""

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
# What a request may build itself; the rest is a worker's. A thousand rows are 2 s as PDF, 20 ms as JSON.
AT_ONCE_ROWS = {Format.PDF: 300, Format.XLSX: 300, Format.CSV: 5_000, Format.JSON: 5_000}

KEEP_FILES = timedelta(days=30)
FRESH = timedelta(seconds=60)  # asked again within this time, the same file is the answer


class FormatContradicts(RuleBroken):
    code = "FORMAT_MISMATCH"
    message = N_("El parámetro format no coincide con la dirección; quítelo o use la dirección de ese formato.")


class NotReady(DomainError):
    status = 409
    code = "REPORT_NOT_READY"
    message = N_("El reporte todavía no está listo.")


def parse_format(text: str) -> Format:
    """``pdf``, ``excel``, ``xlsx``, ``csv`` or ``json``. Raises NotFound."""
    try:
        return ALIASES.get(text.lower()) or Format(text.lower())
    except ValueError as error:
        raise NotFound from error


def check_no_contradiction(wanted: Format, said: str | None) -> None:
    """A ``format`` parameter may only repeat what the path says (D22)."""
    if said and (ALIASES.get(said.lower()) or said.lower()) != wanted:
        raise FormatContradicts
