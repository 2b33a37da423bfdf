"""Busy is said of a busy database alone; what an operator has to put right has own words and a line in the log."""

import logging
import sqlite3
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from app.kernel import db as database
from app.kernel.db import db, on_postgresql, unit_of_work
from app.kernel.errors import SchemaMismatch, StorageFailed, StorageFull, StorageReadOnly, Unavailable
from tests.client import Client


def test_a_missing_table_or_column_is_no_busy_database(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    for statement in ("SELECT no_such FROM patient", "SELECT 1 FROM nowhere"):
        with app.app_context(), pytest.raises(SchemaMismatch), unit_of_work(write=False):
            db.session.execute(text(statement))

    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "nowhere" in caplog.text


def test_a_database_that_takes_no_writes_says_so(app: Flask) -> None:
    def write_where_nothing_may_be_written() -> None:
        with unit_of_work(write=True):
            db.session.execute(text("SET TRANSACTION READ ONLY" if on_postgresql() else "PRAGMA query_only=ON"))
            db.session.execute(text("UPDATE clinic SET name = name"))

    with app.app_context():
        with pytest.raises(StorageReadOnly):
            write_where_nothing_may_be_written()
        db.engine.dispose()  # the pragma is of the connection


@pytest.mark.any_engine
def test_a_full_disk_is_said_on_the_page_and_in_the_log(
    app: Flask, ana: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite's own limit of pages answers as a full disk does."""
    with app.app_context():
        with db.engine.connect() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar()
            connection.execute(text(f"PRAGMA max_page_count={pages}"))
        with pytest.raises(StorageFull), unit_of_work(write=True):
            db.session.execute(text("CREATE TABLE big AS SELECT randomblob(200000) AS filler"))
        db.engine.dispose()

    assert "StorageFull: database or disk is full" in caplog.text
    assert "espacio en disco" in StorageFull.message


class Driver(psycopg.OperationalError):
    def __init__(self, state: str | None) -> None:
        super().__init__("said by the server")
        self.__dict__["sqlstate"] = state


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", StorageFull),
        ("53300", Unavailable),  # too many connections
        ("57P01", Unavailable),
        ("40P01", Unavailable),
        ("25006", StorageReadOnly),
        ("42P01", SchemaMismatch),
        ("XX001", StorageFailed),
        ("22001", None),
    ],
)
def test_states_of_postgresql(state: str, kind: type[Unavailable] | None) -> None:
    failure = database.unavailable(DBAPIError("SELECT 1", {}, Driver(state)))

    assert (type(failure) if failure else None) == kind


def test_codes_of_sqlite() -> None:
    def of(code: int | None, words: str = "") -> Any:
        error = sqlite3.OperationalError(words)
        if code is not None:
            error.sqlite_errorcode = code
        failure = database.unavailable(OperationalError("SELECT 1", {}, error))
        return type(failure) if failure else None

    assert of(sqlite3.SQLITE_BUSY) is Unavailable
    assert of(sqlite3.SQLITE_BUSY_SNAPSHOT) is Unavailable
    assert of(sqlite3.SQLITE_FULL) is StorageFull
    assert of(sqlite3.SQLITE_IOERR_WRITE) is StorageFailed
    assert of(sqlite3.SQLITE_ERROR, "no such column: x") is SchemaMismatch
    assert of(sqlite3.SQLITE_ERROR, 'near "FORM": syntax error') is None  # a fault of ours
    assert of(None) is None
