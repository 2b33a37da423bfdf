"""The demo clinic: deterministic, dated around today, something on every screen.

Each package that has demo data writes it in ``demo.py`` (``DEMO``), the lowest package first; an upper one calls the
functions of lower ones with plain values (a visit's ticket, its payments). Rows are inserted in bulk, with fixed ids
and the instants at which things happened; the constraints and triggers of the database apply.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Table, func, insert, select, update

from app.kernel import clock
from app.kernel.db import Base, db, on_postgresql
from app.kernel.outbox import EventRow

SEED = 20261120


@dataclass(frozen=True, slots=True)
class DemoContext:
    """When, where and with which password the demo is loaded; the same day and hour give the same rows."""

    now: datetime
    zone: str
    password: str
    random: Random = field(default_factory=lambda: Random(SEED))  # noqa: S311 - not a secret

    @property
    def today(self) -> date:
        return clock.local_day(self.now, self.zone)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def not_after_now(self, instant: datetime) -> datetime:
        """Nothing of the demo has happened in the future."""
        return min(instant, self.now)


DemoWriter = Callable[[DemoContext], None]


def register(app: Flask, writers: Iterable[DemoWriter]) -> None:
    """Make the demo data of every package known to an application; the lowest package comes first."""
    app.extensions["demo"] = [*writers]


def load(context: DemoContext) -> None:
    """Write the demo data of every package into an empty database."""
    writers: list[DemoWriter] = current_app.extensions["demo"]
    for write in writers:
        write(context)
    mark_published()


def mark_published() -> None:
    """Mark every event published: none of them is to be sent or shown as new."""
    db.session.execute(update(EventRow).values(published=True))
    db.session.info.pop("after_commit", None)


def put(model: type[Base] | Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in one statement; every row names the same columns."""
    if not rows:
        return
    db.session.execute(insert(model), list(rows))
    if "id" in rows[0]:
        advance_sequence(model)


def advance_sequence(model: type[Base] | Table) -> None:
    """After rows with ids of our own: let PostgreSQL's sequence go on behind them."""
    table = model if isinstance(model, Table) else Base.metadata.tables[model.__tablename__]
    column = table.autoincrement_column
    if column is None or not on_postgresql():
        return
    highest = select(func.max(column)).scalar_subquery()
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    db.session.execute(select(func.setval(sequence, highest)))


def numbered(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with ids from 1."""
    return [{"id": number, **row} for number, row in enumerate(rows, start=1)]
