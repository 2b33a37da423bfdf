"""The history of a visit: one row per transition, never changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert

from app.kernel.access import Actor
from app.kernel.db import db
from app.scheduling.models import AppointmentEvent


def log(
    appointment_id: int, from_status: str | None, to_status: str, *, actor: Actor | None, now: datetime, **values: Any
) -> None:
    """One row of the visit's history."""
    row = {
        "appointment_id": appointment_id,
        "from_status": from_status,
        "to_status": to_status,
        "at": now,
        "by_user_id": actor.user_id if actor else None,
        **values,
    }
    db.session.execute(insert(AppointmentEvent), row)
