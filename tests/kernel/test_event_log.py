"""The event log is append-only on both databases, column by column."""

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from app.kernel.db import db, unit_of_work
from app.kernel.outbox import EventRow
from tests.client import Client


@pytest.mark.parametrize("column", [column.name for column in EventRow.__table__.columns if column.name != "published"])
def test_no_column_of_an_event_can_be_changed(app: Flask, client: Client, column: str) -> None:
    client.sign_in("ana@example.com")  # an event of its own
    value = {"id": "id + 1000", "at": "'2001-01-01 00:00:00'", "data": "'{}'", "changes": "'{\"a\": 1}'"}.get(column)
    numbers = {"organization_id", "clinic_id", "actor_id", "session_id", "subject_id", "patient_id"}
    value = value or ("77" if column in numbers else "'x'")
    with pytest.raises(DBAPIError, match="append-only"), app.app_context(), unit_of_work(write=True):
        db.session.execute(text(f"UPDATE event_log SET {column} = {value}"))


def test_publishing_one_is_allowed(app: Flask, client: Client) -> None:
    client.sign_in("ana@example.com")
    with app.app_context():
        with unit_of_work(write=True):
            db.session.execute(update(EventRow).values(published=True))
        assert set(db.session.scalars(select(EventRow.published))) == {True}
