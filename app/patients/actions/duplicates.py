"""Writes: pairs of records that may be of one person, until somebody looked at them."""

from datetime import datetime

from sqlalchemy import update

from app.kernel import outbox
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import changed, db, insert
from app.kernel.errors import NotFound
from app.patients import events, permissions
from app.patients.models import PossibleDuplicate


def propose(patient_id: int, other_ids: list[int], *, organization_id: int, now: datetime) -> None:
    """Leave to the desk whether a person who registered themselves is one of these. Reveals nothing to them."""
    for other_id in other_ids:
        values = {"organization_id": organization_id, "patient_id": patient_id, "other_id": other_id, "found_at": now}
        db.session.execute(insert(PossibleDuplicate).values(values).on_conflict_do_nothing())
        outbox.record(
            events.DuplicateSuspected(patient_id, other_id),
            actor=None,
            now=now,
            organization_id=organization_id,
            clinic_id=None,
            subject_id=patient_id,
            patient_id=patient_id,
        )


def dismiss(duplicate_id: int, *, actor: Actor, now: datetime) -> None:
    """The two are different people. Raises NotFound."""
    require_anywhere(actor, permissions.MERGE)
    pair = PossibleDuplicate
    statement = update(pair).where(
        pair.id == duplicate_id, pair.organization_id == actor.organization_id, pair.settled_at.is_(None)
    )
    if not changed(db.session.execute(statement.values(settled_at=now, settled_by=actor.user_id))):
        raise NotFound
