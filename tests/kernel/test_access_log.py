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


def of_visit(visit: int) -> tuple[str, int, int]:
    return "appointment", visit, Cast.clara


def of_ticket(ticket: int) -> tuple[str, int, int]:
    return "ticket", ticket, Cast.clara


@pytest.fixture
def visit(app: Flask) -> int:
    """Clara's visit; its ticket has the number of the visit."""
    with app.app_context():
        return build.visit(build.at("11:00"))


@pytest.mark.parametrize(
    ("path", "subject", "action"),
    [
        ("/appointments/1", of_visit(1), "read"),
        ("/api/appointments/1/", of_visit(1), "read"),
        ("/api/appointments/?patient_id=1", of_visit(0), "searched"),
        ("/tickets/1", of_ticket(1), "read"),
        ("/api/tickets/1/", of_ticket(1), "read"),
        ("/api/tickets/?patient_id=1", of_ticket(0), "searched"),
        ("/tickets?q=clara", ("ticket", 0, None), "searched"),
        ("/patients?q=clara", ("patient", 0, None), "searched"),
        ("/api/patients/?search=clara", ("patient", 0, None), "searched"),
        ("/patients/1/edit", ("patient", 1, 1), "read"),
        ("/patients/picker?patient_id=1", ("patient", 1, 1), "read"),
        ("/patients/known?document_type=DNI&document_number=45678912", ("patient", 1, 1), "read"),
        ("/reports/patients-by-therapist", ("patients-by-therapist", 0, None), "read"),
        ("/api/reports/patients-by-therapist/", ("patients-by-therapist", 0, None), "read"),
        ("/api/exports/csv/patients-by-therapist/", ("patients-by-therapist", 0, None), "exported"),
    ],
)
def test_each_way_to_a_persons_data_is_noted_once(
    app: Flask, diego: Client, visit: int, path: str, subject: tuple[str, int, int | None], action: str
) -> None:
    answer = diego.api("GET", path) if path.startswith("/api/") else diego.get(path)
    assert answer.status_code == 200
    assert log_of(app).flush() == 1
    assert entries(app) == [(*subject, Cast.diego_user, "api" if path.startswith("/api/") else "desk")]
    with app.app_context(), unit_of_work(write=False):
        assert db.session.scalars(select(AccessLogEntry.action)).all() == [action]


def test_a_printed_slip_is_noted(app: Flask, ana: Client, visit: int) -> None:
    assert ana.post("/tickets/1/slip", {"submission_id": "s"}).status_code == 303
    assert log_of(app).flush() == 1
    assert entries(app) == [(*of_ticket(1), Cast.ana_user, "desk")]


@pytest.mark.parametrize("path", ["/agenda", "/front-desk", "/api/appointments/day/", "/api/reports/statistics/"])
def test_a_day_and_figures_are_no_reading_of_a_person(app: Flask, diego: Client, visit: int, path: str) -> None:
    answer = diego.api("GET", path) if path.startswith("/api/") else diego.get(path)
    assert answer.status_code == 200
    assert log_of(app).flush() == 0


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
