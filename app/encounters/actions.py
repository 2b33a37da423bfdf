"""Start, finish, reopen and discontinue an encounter, or take it back as an error.

No permission is required here: the action of the package above (the session of a visit, an emergency) has required
its own, and the encounter follows in the same transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from app.encounters import events, queries, rules
from app.encounters.models import Encounter
from app.encounters.rules import EncounterClass, EncounterStatus
from app.kernel import outbox
from app.kernel.access import Actor
from app.kernel.db import db


@dataclass(frozen=True, slots=True)
class NewEncounter:
    """Who meets whom, where. ``appointment_id`` is None when nothing was booked."""

    organization_id: int
    clinic_id: int
    patient_id: int
    therapist_id: int
    appointment_id: int | None = None
    encounter_class: EncounterClass = EncounterClass.AMBULATORY


def start_encounter(new: NewEncounter, *, actor: Actor, now: datetime) -> int:
    """The encounter is in progress from ``now``; returns its id.

    An appointment has one encounter at most: a discontinued one is started again. Raises
    InvalidEncounterTransition when it is in progress or finished.
    """
    encounter = queries.of_appointment(new.appointment_id) if new.appointment_id is not None else None
    if encounter is None:
        encounter = Encounter(
            organization_id=new.organization_id,
            clinic_id=new.clinic_id,
            patient_id=new.patient_id,
            appointment_id=new.appointment_id,
            status=str(EncounterStatus.IN_PROGRESS),
            created_by=actor.user_id,
            channel=actor.channel,
        )
        db.session.add(encounter)
    elif encounter.status != EncounterStatus.DISCONTINUED:
        raise rules.InvalidEncounterTransition(details={"status": encounter.status})
    encounter.therapist_id, encounter.encounter_class = new.therapist_id, str(new.encounter_class)
    encounter.started_at = now
    _change(encounter, EncounterStatus.IN_PROGRESS, finished_at=None)
    _record(events.EncounterStarted, encounter, actor=actor, now=now)
    return encounter.id


def finish_encounter(encounter_id: int, *, actor: Actor, now: datetime) -> None:
    """It ended now. Raises NotFound, InvalidEncounterTransition."""
    encounter = _get_for_transition(encounter_id, EncounterStatus.FINISHED)
    _change(encounter, EncounterStatus.FINISHED, finished_at=now)
    _record(events.EncounterFinished, encounter, actor=actor, now=now)


def reopen_encounter(encounter_id: int, *, actor: Actor, now: datetime) -> None:
    """Its end was pressed too early: it goes on. Raises NotFound, InvalidEncounterTransition."""
    encounter = _get_for_transition(encounter_id, EncounterStatus.IN_PROGRESS)
    _change(encounter, EncounterStatus.IN_PROGRESS, finished_at=None)
    _record(events.EncounterReopened, encounter, actor=actor, now=now)


def discontinue_encounter(encounter_id: int, *, actor: Actor, now: datetime) -> None:
    """It was broken off, or its start was undone. Raises NotFound, InvalidEncounterTransition."""
    encounter = _get_for_transition(encounter_id, EncounterStatus.DISCONTINUED)
    _change(encounter, EncounterStatus.DISCONTINUED, finished_at=now)
    _record(events.EncounterDiscontinued, encounter, actor=actor, now=now)


def enter_encounter_in_error(encounter_id: int, *, actor: Actor, now: datetime) -> None:
    """It should never have been written; it stays for the audit. Raises NotFound, InvalidEncounterTransition."""
    encounter = _get_for_transition(encounter_id, EncounterStatus.ENTERED_IN_ERROR)
    _change(encounter, EncounterStatus.ENTERED_IN_ERROR, finished_at=encounter.finished_at)
    _record(events.EncounterEnteredInError, encounter, actor=actor, now=now)


def _get_for_transition(encounter_id: int, target: EncounterStatus) -> Encounter:
    encounter = queries.get_for_update(encounter_id)
    rules.check_transition(encounter.status, target)
    return encounter


def _change(encounter: Encounter, status: EncounterStatus, *, finished_at: datetime | None) -> None:
    encounter.status, encounter.finished_at = str(status), finished_at
    db.session.flush()  # for the primary key, and for the queries of the same request


def _record(event: type[events.EncounterEvent], encounter: Encounter, *, actor: Actor, now: datetime) -> None:
    outbox.record(
        event(
            encounter_id=encounter.id,
            appointment_id=encounter.appointment_id,
            therapist_id=encounter.therapist_id,
            encounter_class=encounter.encounter_class,
        ),
        actor=actor,
        now=now,
        clinic_id=encounter.clinic_id,
        subject_id=encounter.id,
        patient_id=encounter.patient_id,
    )
