"""Encounters with and without an appointment: states, events, and what the database refuses."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.encounters import actions, rules
from app.encounters.actions import NewEncounter
from app.encounters.models import Encounter
from app.encounters.rules import EncounterClass
from app.kernel.access import Actor
from app.kernel.db import db, unit_of_work
from app.kernel.errors import NotFound
from app.kernel.outbox import EventRow
from tests import build
from tests.build import NOW
from tests.cast import Cast

BRUNO = Actor(user_id=Cast.bruno_user, session_id=0, organization_id=1, name="Bruno Salas", channel="api")
LATER = NOW + timedelta(minutes=40)


def start(app: Flask, kind: EncounterClass = EncounterClass.EMERGENCY, appointment: int | None = None) -> int:
    with app.app_context(), unit_of_work(write=True):
        new = NewEncounter(
            organization_id=1,
            clinic_id=Cast.miraflores,
            patient_id=Cast.clara,
            therapist_id=Cast.bruno,
            appointment_id=appointment,
            encounter_class=kind,
        )
        return actions.start_encounter(new, actor=BRUNO, now=NOW)


def act(app: Flask, action: Callable[..., None], encounter_id: int) -> None:
    with app.app_context(), unit_of_work(write=True):
        action(encounter_id, actor=BRUNO, now=LATER)


def row_of(app: Flask, encounter_id: int) -> Encounter:
    with app.app_context():
        return db.session.get_one(Encounter, encounter_id)


def event_types(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(EventRow.type).order_by(EventRow.id)))


def test_it_needs_no_appointment(app: Flask, cast: Cast) -> None:
    encounter_id = start(app)
    other_id = start(app)  # any number of them
    row = row_of(app, encounter_id)
    assert (row.status, row.encounter_class, row.appointment_id) == ("in-progress", "EMER", None)
    assert (row.created_by, row.channel, row.started_at) == (cast.bruno_user, "api", NOW)
    act(app, actions.finish_encounter, encounter_id)
    row = row_of(app, encounter_id)
    assert (row.status, row.finished_at) == ("finished", LATER)
    assert row_of(app, other_id).status == "in-progress"
    with app.app_context():
        event = db.session.scalars(select(EventRow).where(EventRow.type == "encounters.encounter.finished.v1")).one()
    assert event.data == {
        "encounter_id": encounter_id,
        "appointment_id": None,
        "therapist_id": cast.bruno,
        "encounter_class": "EMER",
    }
    assert (event.clinic_id, event.patient_id, event.subject_id) == (cast.miraflores, cast.clara, encounter_id)


@pytest.mark.usefixtures("cast")
def test_each_verb_has_its_event(app: Flask) -> None:
    encounter_id = start(app)
    for action in (
        actions.finish_encounter,
        actions.reopen_encounter,
        actions.discontinue_encounter,
        actions.enter_encounter_in_error,
    ):
        act(app, action, encounter_id)
    verbs = [type_.split(".")[2] for type_ in event_types(app)]
    assert verbs == ["started", "finished", "reopened", "discontinued", "entered_in_error"]
    assert row_of(app, encounter_id).status == "entered-in-error"


@pytest.mark.usefixtures("cast")
def test_what_is_over_is_not_finished_again(app: Flask) -> None:
    encounter_id = start(app)
    act(app, actions.discontinue_encounter, encounter_id)
    with pytest.raises(rules.InvalidEncounterTransition):
        act(app, actions.finish_encounter, encounter_id)
    with pytest.raises(NotFound):
        act(app, actions.finish_encounter, 999)
    assert row_of(app, encounter_id).status == "discontinued"


@pytest.mark.usefixtures("cast")
def test_an_appointment_has_one_encounter_that_can_start_again(app: Flask) -> None:
    with app.app_context():
        visit_id = build.visit(NOW, status="fulfilled")
    encounter_id = start(app, EncounterClass.AMBULATORY, visit_id)
    with pytest.raises(rules.InvalidEncounterTransition):
        start(app, EncounterClass.AMBULATORY, visit_id)
    act(app, actions.discontinue_encounter, encounter_id)
    assert start(app, EncounterClass.AMBULATORY, visit_id) == encounter_id
    row = row_of(app, encounter_id)
    assert (row.status, row.finished_at) == ("in-progress", None)


@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize(
    "values",
    [
        {"status": "paused"},
        {"encounter_class": "IMP"},
        {"status": "finished", "finished_at": None},
        {"finished_at": NOW - timedelta(minutes=1)},
    ],
)
def test_the_database_refuses_what_cannot_be(app: Flask, values: dict[str, object]) -> None:
    encounter_id = start(app)
    with pytest.raises(IntegrityError), app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Encounter).where(Encounter.id == encounter_id).values(**values))
    assert row_of(app, encounter_id).status == "in-progress"
