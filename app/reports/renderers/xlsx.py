"""Workbook: typed numbers and dates, formulas with cached values, checks that must be zero.

XlsxWriter only writes; text stays text: never turned into formulas or links, so it needs no prefix.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import xlsxwriter
from flask_babel import gettext as _
from xlsxwriter.utility import xl_range, xl_rowcol_to_cell

from app.kernel import clock, money
from app.reports.registry import Column, Document, Provenance, Sheet, Table

MANY_ROWS = 20_000  # beyond this, rows go to disk one by one
A4 = 9
HEADING_ROWS = 2  # of a sheet with several tables
READABLE_LINE = 180  # characters across a landscape page
STEP_ROWS = 500


@dataclass(frozen=True, slots=True)
class TableRange:
    """Sheet, first row and last row of a table, for formulas that refer to it."""

    sheet: str
    first: int
    last: int

    def column(self, index: int) -> str:
        return f"'{self.sheet}'!{xl_range(self.first, index, self.last, index)}"


def workbook(document: Document, provenance: Provenance, progress: Callable[[int, str], None]) -> bytes:
    """The document as a workbook."""
    sheets = document.workbook_sheets
    rows = sum(len(table.rows) for sheet in sheets for table in sheet.tables)
    file = io.BytesIO()
    options = {
        "in_memory": rows <= MANY_ROWS,
        "constant_memory": rows > MANY_ROWS,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties(
            {"title": document.header.title, "company": document.header.clinic, "author": provenance.by}
        )
        writer = _Writer(book, document, rows, progress)
        for sheet in sheets:
            writer.sheet(sheet)
        writer.meta(provenance)
    return file.getvalue()


class _Writer:
    """Writes sheets row by row, as constant memory mode requires."""

    def __init__(self, book: Any, document: Document, rows: int, progress: Callable[[int, str], None]) -> None:
        self.book, self.document, self.rows, self.progress = book, document, rows, progress
        self.done = 0
        currency = document.header.currency
        amount = f'"{money.symbol(currency)}" #,##0' + (".00" if money.digits(currency) else "")
        numbers = {"money": amount, "number": "0", "percent": "0.0%", "date": "dd/mm/yyyy", "time": "hh:mm"}
        add = book.add_format
        self.formats = {kind: add({"num_format": number}) for kind, number in numbers.items()}
        self.totals = {
            kind: add({"num_format": number, "bold": True, "top": 1, "bottom": 6})
            for kind, number in {**numbers, "text": "@"}.items()
        }
        head = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}
        self.head, self.head_right = add(head), add({**head, "align": "right"})
        self.title = add({"bold": True, "font_size": 13})
        self.bold = add({"bold": True})
        self.ranges = {
            (sheet.name, table.name): table_range
            for sheet in document.workbook_sheets
            for table, table_range in zip(sheet.tables, _table_ranges(sheet), strict=True)
        }

    def sheet(self, sheet: Sheet) -> None:
        page = self.book.add_worksheet(sheet.name)
        self._paper(page)
        is_single = len(sheet.tables) == 1
        widths: dict[int, int] = {}
        for table in sheet.tables:
            for index, column in enumerate(table.columns):
                widths[index] = max(widths.get(index, 0), column.width)
        for index, width in widths.items():
            page.set_column(index, index, width)
        line = sum(widths.values())
        if line > READABLE_LINE:  # too small to read on one page across: the first columns are repeated on each
            page.fit_to_pages(-(-line // READABLE_LINE), 0)
            page.repeat_columns(0, 3)
        if not is_single:
            self._heading(page)
        for table in sheet.tables:
            self._table(page, sheet, table, is_single)
        last = self.ranges[sheet.name, sheet.tables[-1].name].last + 2
        last = self._checks(page, sheet, last)
        page.print_area(0, 0, last, max(widths))

    def _heading(self, page: Any) -> None:
        """Whose figures these are, of which days, in which state; stays in sight."""
        header = self.document.header
        issuer = " · ".join(part for part in (header.legal_name or header.clinic, header.clinic) if part)
        tax_id = f" · {_('RUC')} {header.tax_id}" if header.tax_id else ""
        page.write_string(0, 0, f"{issuer}{tax_id}", self.title)
        days = " – ".join(f"{day:%d/%m/%Y}" for day in dict.fromkeys(header.period))
        page.write_string(1, 0, " · ".join(part for part in (header.title, days, header.state) if part), self.bold)
        page.freeze_panes(HEADING_ROWS, 0)
        page.repeat_rows(0, HEADING_ROWS - 1)

    def _table(self, page: Any, sheet: Sheet, table: Table, is_single: bool) -> None:
        table_range = self.ranges[sheet.name, table.name]
        if not is_single:
            page.write_string(table_range.first - 2, 0, _(table.title), self.title)
        for index, column in enumerate(table.columns):
            style = self.head_right if column.is_right else self.head
            page.write_string(table_range.first - 1, index, _(column.label), style)
        if is_single:
            page.freeze_panes(1, 0)
            page.repeat_rows(0)
            page.autofilter(
                0, 0, max(table_range.first, table_range.first + len(table.rows) - 1), len(table.columns) - 1
            )
        indexes = {column.key: index for index, column in enumerate(table.columns)}
        for number, row in enumerate(table.rows, start=table_range.first):
            for index, column in enumerate(table.columns):
                self._cell(page, number, index, column, row[column.key], indexes)
            self._report_row()
        if table.has_totals:
            self._total(page, table_range, table)

    def _cell(self, page: Any, row: int, index: int, column: Column, value: Any, indexes: dict[str, int]) -> None:
        if value is None:
            return
        style = self.formats.get(column.kind)
        if column.formula:
            cells = {key: xl_rowcol_to_cell(row, position) for key, position in indexes.items()}
            page.write_formula(row, index, "=" + column.formula.format(**cells), style, _number(column, value))
        elif column.kind == "text":
            page.write_string(row, index, str(value))
        elif column.kind == "time":
            page.write_datetime(row, index, value.replace(microsecond=0), style)
        elif column.kind == "date":
            page.write_datetime(row, index, value, style)
        else:
            page.write_number(row, index, _number(column, value), style)

    def _total(self, page: Any, table_range: TableRange, table: Table) -> None:
        row = table_range.last + 1
        for index, column in enumerate(table.columns):
            style = self.totals[column.kind]
            if column.total:
                value = _number(column, table.total(column.key))
                page.write_formula(
                    row, index, f"=SUM({xl_range(table_range.first, index, table_range.last, index)})", style, value
                )
            else:
                page.write_string(row, index, _(table.total_label) if index == 0 else "", self.totals["text"])

    def _checks(self, page: Any, sheet: Sheet, row: int) -> int:
        """One line per check: ``=ROUND(SUM(…)-SUM(…),2)``."""
        for number, check in enumerate(sheet.checks, start=row + 1):
            page.write_string(number, 0, _(check.label), self.bold)
            left, right = self._range(check.left), self._range(check.right)
            value = self._sum(check.left) - self._sum(check.right)
            formula = f"=ROUND(SUM({left})-SUM({right}),2)"
            page.write_formula(number, 4, formula, self.formats["money"], value / 100)
        return row + len(sheet.checks)

    def _find(self, column: tuple[str, str, str]) -> tuple[Table, int]:
        sheet, name, key = column
        tables = next(s.tables for s in self.document.workbook_sheets if s.name == sheet)
        table = next(t for t in tables if t.name == name)
        return table, [column.key for column in table.columns].index(key)

    def _range(self, column: tuple[str, str, str]) -> str:
        return self.ranges[column[0], column[1]].column(self._find(column)[1])

    def _sum(self, column: tuple[str, str, str]) -> int:
        return self._find(column)[0].total(column[2])

    def meta(self, provenance: Provenance) -> None:
        """The sheet with the provenance of the figures."""
        header = self.document.header
        page = self.book.add_worksheet("Meta")
        page.set_column(0, 0, 24)
        page.set_column(1, 1, 70)
        start, end = header.period
        created_at = clock.local(provenance.at, header.zone).replace(tzinfo=None, microsecond=0)
        lines: list[tuple[str, Any]] = [
            (_("Reporte"), header.title),
            (_("Sede"), header.clinic),
            (_("RUC"), header.tax_id),
            (_("Desde"), start),
            (_("Hasta"), end),
            (_("Estado"), header.state),
            *header.details,
            (_("Filtros"), ", ".join(f"{name}={value}" for name, value in provenance.filters.items())),
            (_("Moneda"), header.currency),
            (_("Zona horaria"), header.zone),
            (_("Generado el"), created_at),
            (_("Generado por"), provenance.by),
            (_("Huella SHA-256"), provenance.digest),
        ]
        datetime_format = self.book.add_format({"num_format": "dd/mm/yyyy hh:mm", "align": "left"})
        date_format = self.book.add_format({"num_format": "dd/mm/yyyy", "align": "left"})
        for row, (label, value) in enumerate(lines):
            page.write_string(row, 0, label, self.bold)
            if isinstance(value, str):
                page.write_string(row, 1, value)
            else:
                page.write_datetime(row, 1, value, datetime_format if isinstance(value, datetime) else date_format)
        page.print_area(0, 0, len(lines) - 1, 1)
        self._paper(page)

    def _paper(self, page: Any) -> None:
        page.set_paper(A4)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.set_footer(f"&L{self.document.header.clinic}&R{_('Página')} &P / &N")

    def _report_row(self) -> None:
        self.done += 1
        if self.done % STEP_ROWS == 0:
            text = _("Generando Excel: %(done)s de %(rows)s filas", done=self.done, rows=self.rows)
            self.progress(10 + 80 * self.done // self.rows, text)


def _table_ranges(sheet: Sheet) -> list[TableRange]:
    """The range of each table of a sheet; an empty one keeps one row, so that its sum has a range."""
    is_single = len(sheet.tables) == 1
    ranges: list[TableRange] = []
    row = 0 if is_single else HEADING_ROWS
    for table in sheet.tables:
        first = row + (1 if is_single else 2)
        last = first + max(1, len(table.rows)) - 1
        ranges.append(TableRange(sheet.name, first, last))
        row = last + (3 if table.has_totals else 2)
    return ranges


def _number(column: Column, value: Any) -> float | int:
    return value / 100 if column.kind == "money" else value
