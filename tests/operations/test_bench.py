"""The clinic that the benchmarks measure is built by the product's own actions."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.billing.models import TillSession
from app.kernel import clock
from app.kernel.db import db, unit_of_work
from app.scheduling.models import Appointment
from bench import clinic


def test_a_clinic_is_built_whole(empty_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clinic, "PAID_TODAY", 20)
    size = clinic.Size(patients=250, past_days=2, coming_days=2)
    with empty_app.app_context(), unit_of_work(write=True):
        built = clinic.build(size, clock.now())
    with empty_app.app_context(), unit_of_work(write=False):
        assert db.session.scalar(select(func.count()).select_from(Appointment)) == size.appointments
        statuses = db.session.scalars(select(TillSession.status).order_by(TillSession.id)).all()
        assert statuses[-1] == "open"
        assert set(statuses[:-1]) == {"closed"}
    assert built.expected
