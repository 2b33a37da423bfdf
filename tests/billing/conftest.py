"""A visit of Clara to bill, the till, and the people who work at it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import insert

from app.billing import actions
from app.billing.models import Till
from app.kernel import clock
from app.kernel.access import Actor, codes_of
from app.kernel.db import db, unit_of_work

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, 10:00 in Lima
TODAY = date(2026, 11, 20)


def _actor(app: Flask, user_id: int, name: str, clinic_id: int, role: str) -> Actor:
    with app.app_context():
        codes = codes_of(role)
    return Actor(
        user_id=user_id,
        session_id=0,
        organization_id=1,
        name=name,
        roles=((clinic_id, role),),
        grants={clinic_id: codes},
    )


@pytest.fixture
def desk(app: Flask) -> Actor:
    """Ana at the desk of Miraflores, as the sign-in would load her."""
    return _actor(app, 1, "Ana Torres", 1, "receptionist")


@pytest.fixture
def supervisor(app: Flask) -> Actor:
    return _actor(app, 6, "Diego Rivas", 1, "supervisor")


@pytest.fixture
def stranger(app: Flask) -> Actor:
    """Fabio of the other clinic."""
    return _actor(app, 8, "Fabio Luna", 2, "receptionist")


Unit = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def unit(app: Flask) -> Unit:
    """``with unit():`` is one writing transaction of the application."""

    @contextmanager
    def open_unit() -> Iterator[None]:
        with app.app_context(), unit_of_work(write=True):
            yield

    return open_unit


def make_ticket(
    appointment_id: int = 1, *, amount_cents: int = 8000, clinic_id: int = 1, patient_id: int = 1, day: date = TODAY
) -> int:
    """Issue a ticket for an appointment; returns its id."""
    issued = actions.tickets.open_ticket(
        clinic_id=clinic_id,
        appointment_id=appointment_id,
        patient_id=patient_id,
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


def add_till(name: str = "Caja 2", *, clinic_id: int = 1) -> int:
    values = {"clinic_id": clinic_id, "name": name, "kind": "recaudadora", "is_active": True}
    return db.session.execute(insert(Till).returning(Till.id), values).scalar_one()


@pytest.fixture
def ticket(unit: Unit) -> int:
    """A ticket of S/ 80.00 for a visit of today (by the real clock)."""
    with unit():
        return make_ticket(day=clock.local_day(clock.now(), "America/Lima"))


@pytest.fixture
def till(unit: Unit, desk: Actor) -> int:
    """Ana's open session with S/ 100.00 in the drawer."""
    with unit():
        return actions.tills.open_till(1, opening_float_cents=10000, actor=desk, now=clock.now())
