"""Reads for the packages above, inside their own permitted actions: ids and no actor."""

from sqlalchemy import select

from app.encounters.models import Encounter
from app.kernel.db import db
from app.kernel.errors import NotFound


def of_appointment(appointment_id: int) -> Encounter | None:
    """The encounter of an appointment, in whatever state; locked until the transaction ends."""
    found: Encounter | None = db.session.scalar(
        select(Encounter).where(Encounter.appointment_id == appointment_id).with_for_update()
    )
    return found


def get_for_update(encounter_id: int) -> Encounter:
    """Raises NotFound."""
    found = db.session.scalar(select(Encounter).where(Encounter.id == encounter_id).with_for_update())
    if found is None:
        raise NotFound
    return found
