"""The demo clinic in an empty database; its rows stand in the ``demo.py`` of each package."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.kernel import demo
from app.kernel.db import db
from app.patients.models import Patient
from app.scheduling.models import Appointment
from app.tenancy.demo import ZONE
from app.tenancy.models import Organization


class NotEmpty(Exception):
    """There is a clinic already."""


@dataclass(frozen=True)
class Summary:
    patients: int
    appointments: int

    def __str__(self) -> str:
        return f"Demo clinic: {self.patients} patients, {self.appointments} appointments."


def is_empty() -> bool:
    return db.session.scalar(select(Organization.id).limit(1)) is None


def load(*, password: str, now: datetime) -> Summary:
    """Write the demo clinic into an empty database. Never commits. Raises NotEmpty."""
    if not is_empty():
        raise NotEmpty
    demo.load(demo.DemoContext(now, ZONE, password))
    patients = db.session.scalar(select(func.count(Patient.id)))
    appointments = db.session.scalar(select(func.count(Appointment.id)))
    return Summary(patients or 0, appointments or 0)
