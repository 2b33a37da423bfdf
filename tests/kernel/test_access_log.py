"""Readings are noted beside the request and written in a unit of their own."""

import threading

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from app.kernel import clock, outbox
from app.kernel.access_log import AccessLog, AccessLogEntry
from app.kernel.db import db, unit_of_work
from app.patients.events import PatientArchived
from tests import build
from tests.cast import Cast
from tests.client import Client


def entries(app: Flask) -> list[tuple[str, int, int | None, int | None, str]]:
    entry = AccessLogEntry
    columns = (entry.subject_type, entry.subject_id, entry.patient_id, entry.actor_id, entry.channel)
    with app.app_context(), unit_of_work(write=False):
        return [tuple(row) for row in db.session.execute(select(*columns).order_by(entry.id))]


def log_of(app: Flask) -> AccessLog:
    log: AccessLog = app.extensions["access_log"]
    return log


def test_a_patients_page_and_its_json_are_noted(app: Flask, cast: Cast, ana: Client) -> None:
    ana.get(f"/patients/{cast.clara}")
    ana.api("GET", f"/api/patients/{cast.clara}/")
    assert entries(app) == []  # the request itself wrote nothing
    assert log_of(app).flush() == 2
    clara = ("patient", cast.clara, cast.clara, cast.ana_user)
    assert entries(app) == [(*clara, "desk"), (*clara, "api")]


def test_who_was_refused_has_read_nothing(app: Flask, cast: Cast, bruno: Client) -> None:
    assert bruno.get(f"/patients/{cast.gloria}").status_code in {403, 404}
    assert log_of(app).flush() == 0


def test_what_could_not_be_written_stays_pending(app: Flask, cast: Cast, ana: Client) -> None:
    ana.get(f"/patients/{cast.clara}")
    log = log_of(app)
    log._pending[0]["subject_type"] = None
    assert log.flush() == 0
    log._pending[0]["subject_type"] = "patient"
    assert log.flush() == 1


def test_a_full_batch_is_written_without_waiting(
    app: Flask, cast: Cast, ana: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = threading.Event()
    monkeypatch.setattr("app.kernel.access_log.FULL_BATCH", 2)
    monkeypatch.setattr(log_of(app), "flush", flushed.set)
    ana.get(f"/patients/{cast.clara}")
    assert not flushed.is_set()
    ana.get(f"/patients/{cast.clara}")
    assert flushed.wait(5)


def test_entries_are_never_changed(app: Flask, cast: Cast, ana: Client) -> None:
    ana.get(f"/patients/{cast.clara}")
    log_of(app).flush()
    for statement in (update(AccessLogEntry).values(subject_id=2), delete(AccessLogEntry)):
        with pytest.raises(DBAPIError, match="append-only"), app.app_context(), unit_of_work(write=True):
            db.session.execute(statement)


def test_an_event_in_a_reading_unit_is_refused(app: Flask, cast: Cast) -> None:
    with app.app_context(), unit_of_work(write=False), pytest.raises(RuntimeError, match="only reads"):
        outbox.record(
            PatientArchived(cast.clara),
            actor=build.receptionist(),
            now=clock.now(),
            clinic_id=None,
            subject_id=cast.clara,
        )
