"""The steps of a visit: one event for each verb, and a history that says through which channel it came."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.encounters.models import Encounter
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.scheduling.models import Appointment, AppointmentEvent
from tests import build
from tests.background import run_pending_work
from tests.build import NOW, at
from tests.cast import Cast
from tests.client import Client


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(NOW, tick=True):
        yield


def add_visit(app: Flask, starts_at: datetime, **options: Any) -> int:
    with app.app_context():
        visit_id = build.visit(starts_at, ticket_cents=None, **options)
        status = options.get("status", "booked")
        db.session.add(AppointmentEvent(appointment_id=visit_id, to_status=status, at=NOW - timedelta(hours=1)))
        db.session.commit()
    return visit_id


def verbs(app: Flask) -> list[str]:
    """Subject and verb of every event about visits and encounters, in order."""
    with app.app_context():
        types = db.session.scalars(select(EventRow.type).order_by(EventRow.id)).all()
    names = [type_.removesuffix(".v1").split(".", 1) for type_ in types]
    return [name for package, name in names if package in {"scheduling", "encounters"}]


def sources(app: Flask, visit_id: int) -> list[tuple[str, str]]:
    with app.app_context():
        event = AppointmentEvent
        rows = db.session.execute(
            select(event.to_status, event.source).where(event.appointment_id == visit_id).order_by(event.id).offset(1)
        )
        return [(row.to_status, row.source) for row in rows]


def test_each_verb_of_a_day_has_its_event(app: Flask, ana: Client, diego: Client, cast: Cast) -> None:
    visit = f"/appointments/{add_visit(app, at('10:00'), status='pending')}"
    for step in ("confirmation", "confirmation", "arrival", "check-in", "session", "session/end"):
        assert ana.post(f"{visit}/{step}").status_code == 303, step
    for _ in range(4):  # the end, the start, the check-in, the arrival
        assert diego.post(f"{visit}/undo").status_code == 303
    assert verbs(app) == [
        "appointment.approved",
        "appointment.confirmed",
        "appointment.arrived",
        "appointment.checked_in",
        "appointment.fulfilled",
        "encounter.started",
        "encounter.finished",
        "encounter.reopened",
        "encounter.discontinued",
        "appointment.undone",
        "appointment.undone",
        "appointment.undone",
    ]
    with app.app_context():
        row = db.session.scalars(select(Appointment)).one()
        assert (row.status, row.arrived_at) == ("booked", None)
        undone = db.session.scalars(select(EventRow).where(EventRow.type == "scheduling.appointment.undone.v1")).all()
    steps = [(event.data["from_status"], event.data["to_status"]) for event in undone]
    assert steps == [("fulfilled", "checked-in"), ("checked-in", "arrived"), ("arrived", "booked")]


def test_a_visit_that_did_not_happen_or_never_was(app: Flask, diego: Client, cast: Cast) -> None:
    missed = add_visit(app, at("09:00"))
    wrong = add_visit(app, at("11:00"), patient=cast.gloria)
    assert diego.post(f"/appointments/{missed}/noshow").status_code == 303
    assert diego.post(f"/appointments/{wrong}/error", {"reason": "dos veces"}).status_code == 303
    assert verbs(app) == ["appointment.no_show", "appointment.entered_in_error"]


def test_an_attended_visit_that_never_was_takes_its_encounter_along(app: Flask, diego: Client) -> None:
    visit_id = add_visit(app, at("09:00"), status="fulfilled", started_at=at("09:00"), finished_at=at("09:30"))
    assert diego.post(f"/appointments/{visit_id}/error", {"reason": "otra persona"}).status_code == 303
    with app.app_context():
        assert db.session.scalars(select(Encounter.status)).all() == ["entered-in-error"]
        assert db.session.scalars(select(Appointment.status)).all() == ["entered-in-error"]


def test_a_step_forward_never_goes_back(app: Flask, ana: Client) -> None:
    visit_id = add_visit(app, at("09:45"), status="fulfilled", started_at=at("09:55"))
    assert ana.post(f"/appointments/{visit_id}/check-in").status_code == 409
    with app.app_context():
        assert db.session.get_one(Appointment, visit_id).status == "fulfilled"
        assert db.session.scalars(select(Encounter.status)).all() == ["in-progress"]


def test_the_history_says_the_channel_that_was_used(app: Flask, ana: Client, clara: Client) -> None:
    visit_id = add_visit(app, at("10:15"))
    assert clara.post(f"/my/visits/{visit_id}/confirmation").status_code == 303
    arrived = ana.api("PATCH", f"/api/appointments/{visit_id}/status/", {"status": "arrived"})
    assert arrived.status_code == 200
    assert ana.post(f"/appointments/{visit_id}/check-in").status_code == 303
    assert sources(app, visit_id) == [("booked", "online"), ("arrived", "api"), ("checked-in", "desk")]
    assert "Confirmada" in ana.get(f"/appointments/{visit_id}").text


def test_a_cancellation_and_a_booking_say_theirs(app: Flask, ana: Client, clara: Client, cast: Cast) -> None:
    body = {"therapist_id": cast.bruno, "service_id": cast.reflexology, "starts_at": at("15:00").isoformat()}
    by_patient = clara.api("POST", "/api/appointments/", body).get_json()["id"]
    body |= {"patient_id": cast.gloria, "starts_at": at("16:00").isoformat()}
    by_staff = ana.api("POST", "/api/appointments/", body).get_json()["id"]
    assert ana.post(f"/appointments/{by_staff}/cancellation", {"reason": "patient"}).status_code == 303
    with app.app_context():
        rows = db.session.execute(select(AppointmentEvent.to_status, AppointmentEvent.source)).tuples().all()
        origins = dict(db.session.execute(select(Appointment.id, Appointment.origin)).tuples().all())
    assert sorted(rows) == [("booked", "api"), ("booked", "api"), ("cancelled", "desk")]
    assert origins == {by_patient: "online", by_staff: "api"}


def test_the_agenda_of_the_visits_day_hears_of_its_session(app: Flask, ana: Client) -> None:
    visit_id = add_visit(app, at("10:00"), status="arrived", arrived_at=at("09:50"))
    ana.post(f"/appointments/{visit_id}/session")
    run_pending_work(app)
    ana.post(f"/appointments/{visit_id}/session/end")
    topics = run_pending_work(app)
    assert {"agenda:1:2026-11-20", "desk:1:2026-11-20", "visits:1"} <= set(topics)
    with app.app_context():
        encounter = db.session.scalars(select(Encounter)).one()
        assert (encounter.status, encounter.patient_id, encounter.channel) == ("finished", 1, "desk")
