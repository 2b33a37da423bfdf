"""Models shared by all JSON resources: strict bodies, list queries, pages of results, the shapes of answers."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import ColumnElement

from app.kernel import clock, money
from app.kernel.db import db
from app.kernel.errors import Invalid
from app.kernel.i18n import N_

MAX_PAGE = 1_000_000


def _cents(text: object) -> int:
    try:
        return money.parse_cents(text)
    except money.BadAmount as error:
        raise ValueError(error.text) from error


# "80.00" on the wire; JSON floats are refused.
Cents = Annotated[int, BeforeValidator(_cents, json_schema_input_type=str)]


def _day(value: object) -> dt.date:
    if type(value) is dt.date:
        return value
    try:
        return clock.parse_day(value)
    except clock.BadDay as error:
        raise ValueError(error.text) from error


# "2026-11-24" on the wire; a number is no day.
Day = Annotated[dt.date, BeforeValidator(_day, json_schema_input_type=dt.date)]
# The number of a row, within the range of its column.
Id = Annotated[int, Field(ge=1, le=2**31 - 1)]


def one_of(*values: str) -> AfterValidator:
    """A validator for text that is one of ``values``; the refusal names them."""

    def check(value: str) -> str:
        if value not in values:
            raise PydanticCustomError("literal_error", "{expected}", {"expected": ", ".join(values)})
        return value

    return AfterValidator(check)


# A password: blanks at its ends are part of it.
AsTyped = Annotated[str, StringConstraints(strip_whitespace=False)]


class Body(BaseModel):
    """A request body. An unknown field is a 400 that names it (D42)."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, str_strip_whitespace=True)


class Resource(BaseModel):
    """The shape of an answer, as ``answers=`` of a route declares it; the tests hold every answer to it."""

    model_config = ConfigDict(extra="forbid")


Item = TypeVar("Item", bound=Resource)


class Page(Resource, Generic[Item]):
    """What ``listing`` answers; ``next`` and ``previous`` are addresses."""

    count: int
    next: str | None
    previous: str | None
    page: int
    page_size: int
    results: list[Item]


class NamedResource(Resource):
    id: int
    name: str


class PersonResource(Resource):
    id: int
    full_name: str


class Problem(Resource):
    """The answer to an error (D35)."""

    error: str
    code: str
    message: str
    details: dict[str, Any]


# Decimal text, "80.00".
Money = Annotated[str, Field(pattern=r"^-?\d+\.\d\d$")]


class Query(BaseModel):
    """A query string. An unknown filter is a 400, not a silently wider result."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class PageQuery(Query):
    page: int = Field(1, ge=1, le=MAX_PAGE)
    page_size: int = Field(20, ge=1, le=100)


class ListQuery(PageQuery):
    ordering: str | None = None


class Period(BaseModel):
    """Local days, both included; either may be left out."""

    date_from: Day | None = None
    date_to: Day | None = None

    @field_validator("date_to")
    @classmethod
    def check_order(cls, date_to: dt.date | None, info: ValidationInfo) -> dt.date | None:
        date_from = info.data.get("date_from")
        if date_from is not None and date_to is not None and date_to < date_from:
            raise ValueError(N_("La fecha final no puede ser anterior a la inicial."))
        return date_to


def listing(
    statement: Select[Any],
    query: ListQuery,
    *,
    to_json: Callable[[Row[Any]], Any],
    orderings: Mapping[str, ColumnElement[Any] | InstrumentedAttribute[Any]],
    default_ordering: str,
) -> dict[str, Any]:
    """A page of ``statement`` as ``{count, next, previous, page, page_size, results}``.

    ``to_json`` turns a row into its result. ``orderings`` maps the names a client may use to columns; ``-name``
    descends. An unknown name raises Invalid.
    """
    ordering = query.ordering or default_ordering
    column = orderings.get(ordering.removeprefix("-"))
    if column is None:
        raise Invalid({"ordering": N_("Este orden no existe. Elija entre: %(names)s.")}, names=", ".join(orderings))
    count = db.session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    ordered = statement.order_by(column.desc() if ordering.startswith("-") else column.asc())
    rows = db.session.execute(ordered.limit(query.page_size).offset((query.page - 1) * query.page_size))
    return envelope([to_json(row) for row in rows], count, query.page, query.page_size)


def page_of(rows: Sequence[dict[str, Any]], query: PageQuery) -> dict[str, Any]:
    """A page of a list that is read whole, in the shape of ``listing``."""
    first = (query.page - 1) * query.page_size
    return envelope(rows[first : first + query.page_size], len(rows), query.page, query.page_size)


def envelope(results: Iterable[dict[str, Any]], count: int, page: int, page_size: int) -> dict[str, Any]:
    """The list shape of results that are already paged."""
    return {
        "count": count,
        "next": _address(page + 1) if page * page_size < count else None,
        "previous": _address(page - 1) if page > 1 else None,
        "page": page,
        "page_size": page_size,
        "results": list(results),
    }


def _address(page: int) -> str:
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'page': page})}"
