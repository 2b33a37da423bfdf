"""Definitions of reports; ``wiring`` registers those of every package.

One ``load``, four output formats: ``to_json`` is the JSON, ``document`` the tables of
screen, PDF, workbook and CSV. A simple report needs nothing else:

    NO_SHOWS = Report(
        code="noshows", export_name="inasistencias", title=N_("Inasistencias"), description=N_("…"),
        params=RangeParams, load=load_noshows, document=noshows_document, to_json=dict, defaults=range_defaults,
        row_count=len,
    )
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal

from flask import Flask, current_app
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from app.http.resources import Day
from app.kernel.access import Permission
from app.kernel.errors import NotFound
from app.kernel.i18n import N_
from app.reports import permissions

Kind = Literal["text", "number", "money", "percent", "date", "time"]
# An alias, since fields named ``date`` would hide the type; days outside the range are typing errors.
ReportDay = Annotated[Day, Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1))]
RIGHT = frozenset({"number", "money", "percent"})


@dataclass(frozen=True, slots=True)
class Column:
    """``label`` is a Spanish source text; ``width`` is in characters, in the PDF the share of the line.

    Values by kind: money in cents, percent as a ratio, dates and times on the clinic's wall clock.
    ``formula`` names columns of the same row (``{gross}+{refunds}``): live in the workbook.
    """

    key: str
    label: str
    kind: Kind = "text"
    width: int = 14
    total: bool = False
    formula: str = ""
    csv_name: str = ""  # the name of the field for programs; else the label

    @property
    def is_right(self) -> bool:
        return self.kind in RIGHT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with their columns. ``void`` names a key that is true in rows to be struck through."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    total_label: str = N_("Total")
    void: str = ""

    @property
    def has_totals(self) -> bool:
        return any(column.total for column in self.columns)

    @property
    def shares(self) -> list[str]:
        """The width of each column in percent of the line."""
        line = sum(column.width for column in self.columns)
        return [f"{100 * column.width / line:.2f}" for column in self.columns]

    def total(self, key: str) -> int:
        return sum(row[key] or 0 for row in self.rows)

    def total_or_none(self, column: Column) -> int | None:
        """A column's total, or None when none of its rows has a value."""
        known = any(row[column.key] is not None for row in self.rows)
        return self.total(column.key) if known else None


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """A cell that must be zero: one column's total less another's, ``("Resumen", "methods", "net")`` each."""

    label: str
    left: tuple[str, str, str]
    right: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of the workbook: one table that can be filtered, or several below one another."""

    name: str
    tables: tuple[Table, ...]
    checks: tuple[ControlTotal, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportHeader:
    """Header of a document. ``details`` are pairs of source label and value."""

    clinic: str
    legal_name: str
    tax_id: str
    address: str
    zone: str
    currency: str
    title: str
    period: tuple[date, date]
    state: str = ""
    details: tuple[tuple[str, str], ...] = ()
    has_money: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """``blocks`` for screen and PDF, ``sheets`` for the workbook, ``detail`` for the CSV."""

    header: ReportHeader
    blocks: tuple[Table, ...]
    sheets: tuple[Sheet, ...] = ()
    detail: Table | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def csv_table(self) -> Table:
        return self.detail or self.blocks[0]

    @property
    def workbook_sheets(self) -> tuple[Sheet, ...]:
        return self.sheets or tuple(Sheet(table.name, (table,)) for table in self.blocks)


@dataclass(frozen=True, slots=True)
class ParameterDefaults:
    """Initial values of the filters by parameter, and the choices of those that are selected from a list."""

    initial: Mapping[str, str]
    choices: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)


class Params(BaseModel):
    """Parameters of every report; unknown ones are rejected."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class DayParams(Params):
    date: ReportDay | None = None
    payment_methods: tuple[str, ...] = ()

    @field_validator("payment_methods", mode="before")
    @classmethod
    def split_methods(cls, value: Any) -> Any:
        """``"efectivo,yape"`` and ``["efectivo", "yape"]`` are equal."""
        parts = value.split(",") if isinstance(value, str) else value or ()
        return tuple(str(part).strip() for part in parts if str(part).strip())


class RangeParams(Params):
    """A period of local days, both included; ``date`` alone is that day."""

    start: ReportDay | None = Field(None, validation_alias=AliasChoices("start", "date_from", "fecha_inicio", "date"))
    end: ReportDay | None = Field(None, validation_alias=AliasChoices("end", "date_to", "fecha_fin"))

    @model_validator(mode="before")
    @classmethod
    def expand_single_day(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("date") and not {"end", "date_to", "fecha_fin"} & set(values):
            return {**values, "end": values["date"]}
        return values

    @model_validator(mode="after")
    def check_period(self) -> "RangeParams":
        if self.start and self.end and self.end < self.start:
            raise ValueError(N_("La fecha final no puede ser anterior a la inicial."))
        if self.start and self.end and (self.end - self.start).days > 366:
            raise ValueError(N_("Pida un año como máximo."))
        return self


@dataclass(frozen=True, slots=True)
class Report:
    """A definition. ``load(*, clinic_id, params, actor, now)`` checks the permission and runs the query."""

    code: str
    export_name: str  # its name in export addresses
    title: str
    description: str
    params: type[Params]
    load: Callable[..., Any]
    to_json: Callable[[Any], dict[str, Any]]
    document: Callable[[Any], Document]
    defaults: Callable[..., ParameterDefaults]  # (*, clinic_id, now)
    row_count: Callable[[Any], int]
    names_people: bool = True  # readings are noted for the audit
    requires: Permission = permissions.READ
    template: str = "reports/_tables.html"  # the body, on screen and in the PDF
    icon: str = "report"


def register(app: Flask, reports: Iterable[Report]) -> None:
    """Register the reports of every package with an application."""
    app.extensions["reports"] = {report.code: report for report in reports}


def all_reports() -> list[Report]:
    reports: dict[str, Report] = current_app.extensions["reports"]
    return list(reports.values())


def find(name: str) -> Report:
    """A report by its code or export name. Raises NotFound."""
    report = next((r for r in all_reports() if name in {r.code, r.export_name}), None)
    if report is None:
        raise NotFound
    return report


def file_name(report: Report, header: ReportHeader, suffix: str) -> str:
    """``caja-chica-mejorada-2026-11-20.pdf``."""
    start, end = header.period
    days = start.isoformat() if start == end else f"{start.isoformat()}_{end.isoformat()}"
    return f"{report.export_name}-{days}.{suffix}"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of a document: its author, its instant, its filters and the SHA-256 of its JSON."""

    by: str
    at: datetime
    digest: str
    filters: Mapping[str, Any] = field(default_factory=dict)
