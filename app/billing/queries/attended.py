"""Which visits took place: what is charged for a visit to come is no debt yet."""

from collections.abc import Iterable

from sqlalchemy import select

from app.encounters.models import Encounter
from app.kernel.db import db

TOOK_PLACE = ("in-progress", "finished")


def appointments_attended(appointment_ids: Iterable[int]) -> set[int]:
    """Those of the appointments whose session has begun."""
    ids = list(appointment_ids)
    if not ids:
        return set()
    statement = select(Encounter.appointment_id).where(
        Encounter.appointment_id.in_(ids), Encounter.status.in_(TOOK_PLACE)
    )
    return {found for found in db.session.scalars(statement) if found is not None}
