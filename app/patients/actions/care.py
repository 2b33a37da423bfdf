"""Who treats whom. Called down by the package that knows of the treatment; ``source`` names it.

No permission is required here: the action above (booking, moving, cancelling a visit) has required its own.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from app.kernel import outbox
from app.kernel.access import Actor
from app.kernel.db import db, insert, lock
from app.kernel.events import Event
from app.patients import events
from app.patients.models import CareRelation, PatientClinic


@dataclass(frozen=True, slots=True)
class Care:
    """A care relation of a therapist and a patient; ``source`` is the package that maintains it."""

    patient_id: int
    therapist_id: int
    clinic_id: int | None
    source: str


def lock_relations(patient_id: int) -> None:
    """Lock the care relations of a patient until the transaction ends, so what was read of them stays true."""
    lock("care-relations", patient_id)


def start_relation(care: Care, *, actor: Actor, now: datetime) -> None:
    """Create or reopen the care relation; a no-op while it is active."""
    lock_relations(care.patient_id)
    values = {"patient_id": care.patient_id, "therapist_id": care.therapist_id, "source": care.source}
    statement = (
        insert(CareRelation)
        .values(**values, clinic_id=care.clinic_id, since=now)
        .on_conflict_do_update(
            index_elements=list(values), set_={"since": now, "ended_at": None}, where=CareRelation.ended_at.is_not(None)
        )
        .returning(CareRelation.id)
    )
    relation_id = db.session.execute(statement).scalar_one_or_none()
    if relation_id is not None:
        event = events.CareRelationStarted(care.patient_id, care.therapist_id, care.source)
        _record(event, relation_id, care, actor=actor, now=now)


def add_to_clinic(patient_id: int, clinic_id: int, source: str, *, now: datetime) -> bool:
    """Let the desk of a clinic find the patient (D39); False when it did already."""
    values = {"patient_id": patient_id, "clinic_id": clinic_id, "source": source, "since": now}
    statement = insert(PatientClinic).values(values).on_conflict_do_nothing()
    return db.session.scalar(statement.returning(PatientClinic.patient_id)) is not None


def end_relation(care: Care, *, actor: Actor, now: datetime) -> None:
    """End the care relation of a source. The caller holds ``lock_relations``."""
    relation = CareRelation
    statement = (
        update(relation)
        .where(
            relation.patient_id == care.patient_id,
            relation.therapist_id == care.therapist_id,
            relation.source == care.source,
            relation.ended_at.is_(None),
        )
        .values(ended_at=now)
        .returning(relation.id)
    )
    relation_id = db.session.execute(statement).scalar_one_or_none()
    if relation_id is not None:
        event = events.CareRelationEnded(care.patient_id, care.therapist_id, care.source)
        _record(event, relation_id, care, actor=actor, now=now)


def _record(event: Event, relation_id: int, care: Care, *, actor: Actor, now: datetime) -> None:
    outbox.record(
        event, actor=actor, now=now, clinic_id=care.clinic_id, subject_id=relation_id, patient_id=care.patient_id
    )
