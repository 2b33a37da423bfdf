"""Facts of this domain: ids and codes; what was written where stands in the audit's ``changes``."""

from dataclasses import dataclass
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ClinicCreated(Event):
    type: ClassVar[str] = "clinics.clinic.created.v1"
    clinic_id: int


@dataclass(frozen=True, slots=True)
class ClinicChanged(Event):
    """``fields`` names the settings that have another value now."""

    type: ClassVar[str] = "clinics.clinic.changed.v1"
    clinic_id: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class OrganizationChanged(Event):
    """``fields`` names the settings of the organization that have another value now."""

    type: ClassVar[str] = "clinics.organization.changed.v1"
    organization_id: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class ClosuresChanged(Event):
    """A day was closed or opened again."""

    type: ClassVar[str] = "clinics.closures.changed.v1"
    clinic_id: int
    day: str


@dataclass(frozen=True, slots=True)
class RoomChanged(Event):
    type: ClassVar[str] = "clinics.room.changed.v1"
    room_id: int


@dataclass(frozen=True, slots=True)
class ServiceCreated(Event):
    type: ClassVar[str] = "clinics.service.created.v1"
    service_id: int


@dataclass(frozen=True, slots=True)
class ServiceChanged(Event):
    """Also retired and offered again: ``is_active`` among the fields."""

    type: ClassVar[str] = "clinics.service.changed.v1"
    service_id: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class TherapistCreated(Event):
    type: ClassVar[str] = "clinics.therapist.created.v1"
    therapist_id: int


@dataclass(frozen=True, slots=True)
class TherapistChanged(Event):
    type: ClassVar[str] = "clinics.therapist.changed.v1"
    therapist_id: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class TherapistRetired(Event):
    type: ClassVar[str] = "clinics.therapist.retired.v1"
    therapist_id: int


@dataclass(frozen=True, slots=True)
class TherapistRestored(Event):
    type: ClassVar[str] = "clinics.therapist.restored.v1"
    therapist_id: int
