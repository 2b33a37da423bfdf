"""Table: encounter."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.clinics.models import Therapist
from app.kernel.db import Base
from app.patients.models import Patient
from app.tenancy.models import Clinic, Organization


class Encounter(Base):
    """A contact of a patient with a therapist.

    ``appointment_id`` has no foreign key, because appointments belong to a package above; each has one encounter
    at most. A check of scheduling compares the two (``flask verify``).
    """

    __tablename__ = "encounter"
    __table_args__ = (
        CheckConstraint("status IN ('in-progress', 'finished', 'discontinued', 'entered-in-error')", name="status"),
        CheckConstraint("class IN ('AMB', 'EMER', 'VR')", name="class"),
        CheckConstraint("status <> 'finished' OR finished_at IS NOT NULL", name="finished"),
        CheckConstraint("finished_at IS NULL OR finished_at >= started_at", name="period"),
        Index("ix_encounter_patient_start", "patient_id", "started_at"),
        Index("ix_encounter_clinic_start", "clinic_id", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id))
    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id))
    patient_id: Mapped[int] = mapped_column(ForeignKey(Patient.id))
    therapist_id: Mapped[int] = mapped_column(ForeignKey(Therapist.id))
    appointment_id: Mapped[int | None] = mapped_column(unique=True)
    encounter_class: Mapped[str] = mapped_column("class", String(4), default="AMB")
    status: Mapped[str] = mapped_column(String(16), default="in-progress")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    created_by: Mapped[int | None]
    channel: Mapped[str] = mapped_column(String(10), default="desk")  # desk, online, api, job
