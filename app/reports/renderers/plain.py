"""Cells as text for screen, PDF and CSV, and the guard against formula injection."""

import csv as csv_module
import io
from datetime import date, time
from typing import Any

from flask_babel import gettext

from app.kernel import money
from app.reports.registry import Column, Document

# also in full width: a spreadsheet set to an East Asian language evaluates them
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """Text that a spreadsheet does not evaluate as a formula when it opens a CSV file (OWASP: CSV injection).

    A workbook needs no guard: its cells say that they are text.
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def grouped(cents: int) -> str:
    """``1,234.50``, negative with a sign; the currency is in the header."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def cell(value: Any, column: Column) -> str:
    """A value as it is displayed."""
    if value is None:
        return ""
    match column.kind:
        case "money":
            return grouped(value)
        case "percent":
            return f"{value * 100:.1f} %"
        case "date":
            return f"{value:%d/%m/%Y}"
        case "time":
            return f"{value:%H:%M}"
        case "number":
            return f"{value:,}"
    return str(value)


def csv(document: Document) -> bytes:
    """The detail table with a BOM, by which Excel recognizes UTF-8. Amounts are plain decimals."""
    table = document.csv_table
    file = io.StringIO()
    out = csv_module.writer(file)
    out.writerow([column.csv_name or gettext(column.label) for column in table.columns])
    keys = [(column.key, column.kind) for column in table.columns]
    out.writerows([_plain(row[key], kind) for key, kind in keys] for row in table.rows)
    return file.getvalue().encode("utf-8-sig")


def _plain(value: Any, kind: str) -> Any:
    if value is None:
        return ""
    if kind == "money":
        return money.decimal_text(value)
    if isinstance(value, date | time):
        return value.isoformat("minutes") if isinstance(value, time) else value.isoformat()
    return safe_cell(value) if isinstance(value, str) else value
