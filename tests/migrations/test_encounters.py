"""The sessions of the first release become encounters, its visits care relations."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import create_engine, insert, select, text

from app import create_app
from app.encounters.models import Encounter
from app.kernel import integrity
from app.kernel.db import db, unit_of_work
from app.patients.models import CareRelation
from app.scheduling import checks
from app.scheduling.models import Appointment
from tests.conftest import settings_for

SESSIONS = "SELECT id, appointment_id, status, started_at, finished_at FROM encounter ORDER BY id"


def read(url: str, statement: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return found


def test_no_session_is_lost(first_release: str, tmp_path: Path, redis_url: str) -> None:
    before = read(first_release, SESSIONS)
    assert len(before) > 1000
    app = create_app(settings_for(tmp_path, first_release, redis_url))
    with app.app_context():
        upgrade(directory=app.extensions["migrate"].directory)
        db.session.remove()
    assert read(first_release, SESSIONS) == before

    with app.app_context(), unit_of_work(write=True):
        names = {check.name for check in checks.CHECKS}
        findings = integrity.run(integrity.CheckContext(datetime.now(UTC), tmp_path))
        assert not {f.name: f.breaches for f in findings if f.name in names and f.breaches}
        rows = db.session.execute(
            select(Encounter, Appointment).join(Appointment, Appointment.id == Encounter.appointment_id)
        )
        for encounter, visit in rows:
            assert (encounter.patient_id, encounter.therapist_id) == (visit.patient_id, visit.therapist_id)
            assert (encounter.encounter_class, encounter.channel) == ("AMB", "desk")
        assert db.session.scalars(select(CareRelation.since)).first() is not None
        new = {"organization_id": 1, "clinic_id": 1, "patient_id": 1, "therapist_id": 1}
        started_at = datetime(2026, 11, 20, 15, tzinfo=UTC)
        values = {**new, "started_at": started_at, "finished_at": started_at + timedelta(hours=1), "status": "finished"}
        number = db.session.scalar(insert(Encounter).values(values).returning(Encounter.id))
        assert number > max(row[0] for row in before)  # the sequence goes on
    with app.app_context():
        db.engine.dispose()
