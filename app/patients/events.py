"""Facts of this domain: numbers and codes, never names."""

from dataclasses import dataclass
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class PatientRegistered(Event):
    """``origin``: who registered, ``desk`` or ``self``."""

    type: ClassVar[str] = "patients.patient.registered.v1"
    patient_id: int
    origin: str


@dataclass(frozen=True, slots=True)
class PatientUpdated(Event):
    """``fields`` are the names of what changed."""

    type: ClassVar[str] = "patients.patient.updated.v1"
    patient_id: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class PatientAdmitted(Event):
    """A clinic that shares no register and knows the whole document finds another clinic's patient from now on."""

    type: ClassVar[str] = "patients.patient.admitted.v1"
    patient_id: int
    clinic_id: int


@dataclass(frozen=True, slots=True)
class PatientArchived(Event):
    type: ClassVar[str] = "patients.patient.archived.v1"
    patient_id: int


@dataclass(frozen=True, slots=True)
class PatientRestored(Event):
    type: ClassVar[str] = "patients.patient.restored.v1"
    patient_id: int


@dataclass(frozen=True, slots=True)
class PatientsMerged(Event):
    """Two records of one person are one: what referred to ``loser_id`` refers to ``survivor_id``."""

    type: ClassVar[str] = "patients.patients.merged.v1"
    survivor_id: int
    loser_id: int
    merge_id: int


@dataclass(frozen=True, slots=True)
class PatientsSeparated(Event):
    """The merge was undone; what came after it stayed with ``survivor_id``."""

    type: ClassVar[str] = "patients.patients.separated.v1"
    survivor_id: int
    loser_id: int
    merge_id: int


@dataclass(frozen=True, slots=True)
class DuplicateSuspected(Event):
    """Who registered themselves seems to be a person known before."""

    type: ClassVar[str] = "patients.duplicate.suspected.v1"
    patient_id: int
    other_id: int


@dataclass(frozen=True, slots=True)
class CareRelationStarted(Event):
    """The therapist may find and read the patient from now on."""

    type: ClassVar[str] = "patients.care_relation.started.v1"
    patient_id: int
    therapist_id: int
    source: str


@dataclass(frozen=True, slots=True)
class CareRelationEnded(Event):
    """This source no longer vouches for it; another one may."""

    type: ClassVar[str] = "patients.care_relation.ended.v1"
    patient_id: int
    therapist_id: int
    source: str
