"""Events of an encounter. ``appointment_id`` is None for an encounter without an appointment."""

from dataclasses import dataclass
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class EncounterEvent(Event):
    """Fields common to the events of an encounter."""

    encounter_id: int
    appointment_id: int | None
    therapist_id: int
    encounter_class: str


@dataclass(frozen=True, slots=True)
class EncounterStarted(EncounterEvent):
    """Also when a discontinued encounter is started again."""

    type: ClassVar[str] = "encounters.encounter.started.v1"


@dataclass(frozen=True, slots=True)
class EncounterFinished(EncounterEvent):
    type: ClassVar[str] = "encounters.encounter.finished.v1"


@dataclass(frozen=True, slots=True)
class EncounterReopened(EncounterEvent):
    """Its end was undone: it is in progress again."""

    type: ClassVar[str] = "encounters.encounter.reopened.v1"


@dataclass(frozen=True, slots=True)
class EncounterDiscontinued(EncounterEvent):
    """It was broken off, or its start was undone."""

    type: ClassVar[str] = "encounters.encounter.discontinued.v1"


@dataclass(frozen=True, slots=True)
class EncounterEnteredInError(EncounterEvent):
    """It should never have been written."""

    type: ClassVar[str] = "encounters.encounter.entered_in_error.v1"


OF_ENCOUNTERS = (
    EncounterStarted,
    EncounterFinished,
    EncounterReopened,
    EncounterDiscontinued,
    EncounterEnteredInError,
)
