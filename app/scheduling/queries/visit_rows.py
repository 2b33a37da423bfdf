"""The row of a visit: one join for every screen, report and notice; each names the columns it shows."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, select

from app.clinics.models import Room, Service, Therapist
from app.encounters.models import Encounter
from app.kernel.db import Base
from app.patients.models import Patient
from app.scheduling.models import Appointment
from app.tenancy.models import Clinic

_JOINS: tuple[tuple[type[Base], Any, bool], ...] = (
    (Clinic, Clinic.id == Appointment.clinic_id, False),
    (Therapist, Therapist.id == Appointment.therapist_id, False),
    (Patient, Patient.id == Appointment.patient_id, False),
    (Service, Service.id == Appointment.service_id, False),
    (Room, Room.id == Appointment.room_id, True),
    (Encounter, Encounter.appointment_id == Appointment.id, True),
)

# The columns of the state of a visit (``rules.label_of``) and its time.
STATE = (
    Appointment.id,
    Appointment.status,
    Appointment.confirmation,
    Appointment.starts_at,
    Appointment.ends_at,
    Encounter.status.label("encounter_status"),
)
NAMES = (
    Clinic.name.label("clinic_name"),
    Clinic.timezone,
    Therapist.display_name.label("therapist_name"),
    Patient.full_name.label("patient_name"),
    Service.name.label("service_name"),
)
KEYS = (
    Appointment.clinic_id,
    Appointment.therapist_id,
    Appointment.patient_id,
    Appointment.service_id,
)
# Everything that the card of a visit, the lists and the API show.
FULL = (
    *STATE,
    *NAMES,
    *KEYS,
    Appointment.uid,
    Appointment.sequence,
    Appointment.version,
    Appointment.status_since,
    Appointment.arrived_at,
    Appointment.origin,
    Appointment.reason,
    Appointment.notes,
    Appointment.cancel_reason,
    Appointment.is_first_visit,
    Appointment.reschedule_count,
    Appointment.room_id,
    Clinic.currency,
    Patient.document_number,
    Patient.phone,
    Patient.birth_date,
    Service.colour,
    Service.price_cents,
    Room.name.label("room_name"),
    Encounter.started_at,
    Encounter.finished_at,
)


@dataclass(frozen=True, slots=True)
class VisitRow:
    """The columns of ``FULL``, in their order: what the packages above read of a visit."""

    id: int
    status: str
    confirmation: str
    starts_at: datetime
    ends_at: datetime
    encounter_status: str | None
    clinic_name: str
    timezone: str
    therapist_name: str
    patient_name: str
    service_name: str
    clinic_id: int
    therapist_id: int
    patient_id: int
    service_id: int
    uid: str
    sequence: int
    version: int
    status_since: datetime
    arrived_at: datetime | None
    origin: str
    reason: str
    notes: str
    cancel_reason: str
    is_first_visit: bool
    reschedule_count: int
    room_id: int | None
    currency: str
    document_number: str | None
    phone: str
    birth_date: date | None
    colour: int
    price_cents: int
    room_name: str | None
    started_at: datetime | None
    finished_at: datetime | None


def visit_row(row: Row[Any]) -> VisitRow:
    """The beginning of a row of ``select_visits(*FULL, …)``."""
    return VisitRow(*row[: len(FULL)])


def select_visits(*columns: Any) -> Select[Any]:
    """A SELECT from appointment of these columns, joined with the tables that they need."""
    query = select(*columns)
    needed = set(query.get_final_froms())
    query = query.select_from(Appointment)
    for model, condition, is_outer in _JOINS:
        if model.__table__ in needed:
            query = query.join(model, condition, isouter=is_outer)
    return query
