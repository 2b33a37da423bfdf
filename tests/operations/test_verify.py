"""``flask verify`` is silent over sound data and names what is broken, one breach at a time."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text

from app.billing.models import Ticket
from app.identity.models import User, UserSession
from app.kernel import integrity
from app.kernel.db import db, unit_of_work
from app.kernel.outbox import EventRow
from app.notifications.models import Delivery
from app.scheduling.models import Appointment, AppointmentEvent
from tests import build

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def breaches(app: Flask, files: Path) -> dict[str, list[str]]:
    with app.app_context(), unit_of_work(write=False):
        return {
            finding.name: finding.breaches
            for finding in integrity.run(integrity.CheckContext(NOW, files))
            if finding.breaches
        }


def visit(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": number,
        "uid": f"visit-{number}",
        "organization_id": 1,
        "clinic_id": 1,
        "therapist_id": 1,
        "patient_id": number,
        "service_id": 1,
        "room_id": None,
        "starts_at": NOW,
        "ends_at": NOW + timedelta(minutes=45),
        "status": "booked",
        "status_since": NOW,
        "created_at": NOW,
        **values,
    }


def transition(number: int, to_status: str = "booked") -> dict[str, Any]:
    return {"appointment_id": number, "to_status": to_status, "at": NOW}


def ticket(number: int, **values: Any) -> dict[str, Any]:
    return {
        "clinic_id": 1,
        "number": number,
        "patient_id": 1,
        "concept": "Reflexología podal",
        "currency": "PEN",
        "service_day": NOW.date(),
        "issued_at": NOW,
        **values,
    }


def overlap() -> None:
    _without_guards("appointment")
    db.session.execute(insert(Appointment), [visit(1), visit(2)])
    build.care_relation(1, 1, since=NOW)
    build.care_relation(2, 1, since=NOW)
    db.session.execute(insert(AppointmentEvent), [transition(1), transition(2)])


def silent_change() -> None:
    db.session.execute(insert(Appointment), visit(1, status="arrived"))
    build.care_relation(1, 1, since=NOW)
    db.session.execute(insert(AppointmentEvent), transition(1))


def other_clinics_service() -> None:
    db.session.execute(insert(Appointment), visit(1, service_id=3))
    build.care_relation(1, 1, since=NOW)
    db.session.execute(insert(AppointmentEvent), transition(1))


def gap() -> None:
    db.session.execute(insert(Ticket), [ticket(1), ticket(3)])
    db.session.execute(text("UPDATE document_series SET next_number = 4 WHERE clinic_id = 1 AND kind = 'ticket'"))


def unpublished_event() -> None:
    origin = {"organization_id": 1, "actor_kind": "system", "channel": "system", "subject_type": "test"}
    values = {"type": "test.v1", "at": NOW - timedelta(minutes=9), "data": {}, "published": False, **origin}
    db.session.execute(insert(EventRow), values)


def stuck_mail() -> None:
    values = {"key": "k", "kind": "reminder", "address": "a@example.com", "subject": "s", "text": "t"}
    at = NOW - timedelta(minutes=9)
    db.session.execute(insert(Delivery), {**values, "created_at": at, "status": "pending"})


def session_of_closed_account() -> None:
    db.session.execute(text("UPDATE user_account SET is_active = :no WHERE id = 1"), {"no": False})
    values = {"user_id": 1, "kind": "browser", "token_hash": "x", "created_at": NOW, "last_seen_at": NOW}
    db.session.execute(insert(UserSession), {**values, "expires_at": NOW})


def drifted_role() -> None:
    db.session.execute(text("DELETE FROM role_permission WHERE role_id = (SELECT id FROM role WHERE code = 'admin')"))


def _without_guards(table: str) -> None:
    """As a broken migration would leave it."""
    if db.engine.dialect.name == "postgresql":
        for name in ("therapist", "patient", "room"):
            db.session.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {table}_overlap_{name}"))
    else:
        for name in ("therapist", "patient", "room"):
            db.session.execute(text(f"DROP TRIGGER {table}_overlap_{name}_insert"))


def test_sound_data_has_no_breach(app: Flask, files: Path) -> None:
    assert breaches(app, files) == {}


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (overlap, "visits do not overlap"),
        (silent_change, "a visit's state is that of its last transition"),
        (other_clinics_service, "a visit, its service, room and ticket belong to one clinic"),
        (gap, "numbers have no gaps"),
        (unpublished_event, "events are published"),
        (stuck_mail, "messages leave"),
        (session_of_closed_account, "closed accounts have no session"),
        (drifted_role, "built-in roles equal the code"),
    ],
)
def test_it_names_the_damage(app: Flask, files: Path, damage: Callable[[], None], name: str) -> None:
    with app.app_context(), unit_of_work(write=True):
        damage()

    assert list(breaches(app, files)) == [name]


def test_a_file_without_a_row_is_a_leftover_once_it_is_old(app: Flask, files: Path) -> None:
    (files / "ab").mkdir(parents=True)
    leftover = files / "ab" / "abcd.pdf"
    leftover.write_bytes(b"%PDF")
    assert "belongs to no row" not in str(breaches(app, files))  # written after NOW

    os.utime(leftover, (NOW.timestamp() - 7200,) * 2)

    assert list(breaches(app, files)) == ["files and their rows agree"]


def test_a_user_may_be_closed(app: Flask, files: Path) -> None:
    with app.app_context(), unit_of_work(write=True):
        db.session.get_one(User, 1).is_active = False

    assert breaches(app, files) == {}
