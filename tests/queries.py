"""How many statements a request sends to the database, and what the database holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event, select

from app.kernel.db import Base, db
from app.kernel.outbox import EventRow

TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


@contextmanager
def count_queries(app: Flask) -> Iterator[list[str]]:
    """The statements sent meanwhile, in order; what only opens and ends transactions is left out."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(TRANSACTIONS):
            sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def content(app: Flask) -> dict[str, list[Any]]:
    """Every row by table, but for what signing in writes: sessions with their tokens, attempts and events."""
    own = {"user_session", "refresh_generation", "refresh_token", "login_attempt", "event_log"}
    with app.app_context():
        found = {
            table.name: sorted(map(repr, db.session.execute(select(table))))
            for table in Base.metadata.sorted_tables
            if table.name not in own
        }
        events = select(EventRow.__table__).where(EventRow.type.not_like("identity.session.%"))
        found["event_log"] = sorted(map(repr, db.session.execute(events)))
        db.session.rollback()
    return found
