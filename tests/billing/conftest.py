"""A visit of Clara to bill, the till, and the people who function at it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from app.billing import actions
from app.kernel import clock
from app.kernel.access import Actor
from app.kernel.db import unit_of_work
from app.kernel.errors import Conflict
from tests import build

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, 10:00 in Lima
TODAY = date(2026, 11, 20)


@pytest.fixture
def desk(app: Flask) -> Actor:
    """Ana, receptionist of Miraflores."""
    with app.app_context():
        return build.actor(1, "Ana Torres", 1, "receptionist")


@pytest.fixture
def supervisor(app: Flask) -> Actor:
    with app.app_context():
        return build.actor(6, "Diego Rivas", 1, "supervisor")


@pytest.fixture
def other_clinic_desk(app: Flask) -> Actor:
    """Fabio, receptionist of the other clinic."""
    with app.app_context():
        return build.actor(8, "Fabio Luna", 2, "receptionist")


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
    """A ticket for an appointment, issued now; returns its id."""
    return build.ticket(
        appointment_id,
        cents=amount_cents,
        clinic=clinic_id,
        patient=patient_id,
        therapist=1 if clinic_id == 1 else 3,
        service=1 if clinic_id == 1 else 3,
        day=day,
        now=NOW,
    )


def close(session: int, actor: Actor, cents: int, **more: Any) -> dict[str, Any]:
    """Count the cash (and ``counted`` of other methods), then close."""
    counted = {"efectivo": cents, **more.pop("counted", {})}
    count(session, actor, counted, denominations=more.pop("denominations", None))
    return actions.tills.close_till(session, **more, actor=actor, now=NOW)


def count(session: int, actor: Actor, counted: dict[str, int], **more: Any) -> int:
    return actions.counts.submit_count(session, counted=counted, **more, actor=actor, now=NOW)


def run_concurrently(app: Flask, *functions: Callable[[], Any]) -> list[Any]:
    """Run functions concurrently, each in its own thread and transaction; returns results or refusals in order."""
    start = Barrier(len(functions))

    def run(function: Callable[[], Any]) -> Any:
        start.wait()
        try:
            with app.app_context(), unit_of_work(write=True):
                return function()
        except Conflict as refusal:
            return refusal

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def add_till(name: str = "Caja 2", *, clinic_id: int = 1) -> int:
    return build.till(name, clinic=clinic_id)


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
