"""A visit of Clara to bill, and the people who do it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import select

from app.billing import actions
from app.identity.models import User
from app.identity.queries import actor_from
from app.kernel.access import Actor
from app.kernel.db import db, unit_of_work

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, 10:00 in Lima
TODAY = date(2026, 11, 20)


@pytest.fixture
def unit(app: Flask) -> Callable[[], AbstractContextManager[None]]:
    """``with unit():`` is one writing transaction of the application."""

    @contextmanager
    def open_unit() -> Iterator[None]:
        with app.app_context(), unit_of_work(write=True):
            yield

    return open_unit


def actor(user_id: int, clinic_id: int, role: str) -> Actor:
    """A user as the sign-in would load them."""
    row = db.session.execute(
        select(
            User.id.label("user_id"),
            User.organization_id,
            User.full_name,
            User.email,
            User.locale,
            User.theme,
            User.patient_id,
            User.therapist_id,
        ).where(User.id == user_id)
    ).one()
    holder = type("Row", (), {**row._mapping, "session_id": 0})()
    return actor_from(holder, [(clinic_id, role)])


def make_ticket(number_of: int = 1, *, amount_cents: int = 8000, clinic_id: int = 1, day: date = TODAY) -> int:
    """Issue a ticket for appointment ``number_of`` of Clara; returns its id."""
    issued = actions.tickets.open_ticket(
        clinic_id=clinic_id,
        appointment_id=number_of,
        patient_id=1,
        therapist_id=1 if clinic_id == 1 else 3,
        service_id=1 if clinic_id == 1 else 3,
        concept="Reflexología podal",
        amount_cents=amount_cents,
        currency="PEN",
        tax_rate_bp=1800,
        service_day=day,
        actor=None,
        now=NOW,
    )
    return issued.id
