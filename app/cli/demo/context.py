"""What every part of the demo needs: chance with a seed, the present moment, and how rows are written."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Table, func, insert, select, text

from app.kernel import clock
from app.kernel.db import Base, db, on_postgresql

SEED = 20261120
ZONE = "America/Lima"
PAST_DAYS, FUTURE_DAYS = 60, 21


@dataclass(frozen=True)
class Moment:
    """When the demo is loaded. The same seed and day give the same clinic."""

    now: datetime
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - not a secret

    @property
    def today(self) -> date:
        return clock.local_day(self.now, ZONE)

    def day(self, offset: int) -> date:
        return self.today + timedelta(days=offset)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def until_now(self, instant: datetime) -> datetime:
        """Nothing has happened in the future."""
        return min(instant, self.now)


def put(model: type[Base] | Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in one statement; every row names the same columns."""
    if rows:
        db.session.execute(insert(model), list(rows))


def numbered(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with ids from 1."""
    return [{"id": number, **row} for number, row in enumerate(rows, start=1)]


def renumber() -> None:
    """After rows with ids of our own: let PostgreSQL's sequences go on behind them."""
    if not on_postgresql():
        return
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        highest = db.session.scalar(select(func.max(column)))
        if highest is not None:
            name = {"table": table.name, "column": column.name, "highest": highest}
            db.session.execute(text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)"), name)
