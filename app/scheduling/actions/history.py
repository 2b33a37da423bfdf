"""Record a change of a visit: a row of its history, and an event.

The history says through which channel it came (``actor.channel``), never a value sent by the caller.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import insert

from app.clinics import queries as clinics
from app.kernel import clock, outbox
from app.kernel.access import Actor
from app.kernel.db import db
from app.scheduling import events
from app.scheduling.models import Appointment, AppointmentEvent


def add(
    appointment_id: int, from_status: str | None, to_status: str, *, actor: Actor, now: datetime, **values: Any
) -> None:
    """One row of the visit's history; rows are never changed."""
    row = {
        "appointment_id": appointment_id,
        "from_status": from_status,
        "to_status": to_status,
        "at": now,
        "by_user_id": actor.user_id,
        "source": actor.channel,
        **values,
    }
    db.session.execute(insert(AppointmentEvent), row)


def record(
    kind: type[events.AppointmentChange], visit: Appointment, *, actor: Actor, now: datetime, **fields: Any
) -> None:
    """Record an event of this kind; ``fields`` are what it has beyond the common ones."""
    zone = clinics.clinic(visit.clinic_id).timezone
    day = clock.local_day(visit.starts_at, zone).isoformat()
    event = kind(appointment_id=visit.id, therapist_id=visit.therapist_id, day=day, **fields)
    outbox.record(
        event, actor=actor, now=now, clinic_id=visit.clinic_id, subject_id=visit.id, patient_id=visit.patient_id
    )
