"""Tables: patient, care_relation, possible_duplicate, patient_merge."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clinics.models import Therapist, Ubigeo
from app.identity.models import User
from app.kernel.db import Base
from app.tenancy.models import Clinic, Organization


class Patient(Base):
    """A person. ``search_text`` is the folded names, document and phones, each word between spaces.

    It begins with the name as people say it, so it is also the order of lists: without accents,
    the same on every engine and collation.
    """

    __tablename__ = "patient"
    __table_args__ = (
        Index("uq_patient_document", "organization_id", "document_type", "document_number", unique=True),
        Index("uq_patient_user_id", "user_id", unique=True),
        Index("ix_patient_name", "organization_id", "search_text"),  # a list in the order of names
        CheckConstraint(
            "document_type IN ('DNI', 'CE', 'PAS', 'PTP', 'CPP', 'CDI', 'RUC', 'OTRO')", name="document_type"
        ),
        CheckConstraint("sex IN ('F', 'M', 'X', '')", name="sex"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey(User.id))  # the account with which they sign in
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id))
    document_type: Mapped[str] = mapped_column(String(4), default="DNI")
    document_number: Mapped[str | None] = mapped_column(String(20))
    given_names: Mapped[str] = mapped_column(String(80))
    paternal_surname: Mapped[str] = mapped_column(String(60))
    maternal_surname: Mapped[str] = mapped_column(String(60), default="")
    full_name: Mapped[str] = mapped_column(String(200))  # "María Elena Quispe Mamani", as people say it
    birth_date: Mapped[date | None]
    sex: Mapped[str] = mapped_column(String(1), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")  # E.164
    other_phone: Mapped[str] = mapped_column(String(20), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    occupation: Mapped[str] = mapped_column(String(80), default="")
    address: Mapped[str] = mapped_column(String(200), default="")
    ubigeo: Mapped[str | None] = mapped_column(ForeignKey(Ubigeo.code))
    emergency_name: Mapped[str] = mapped_column(String(120), default="")
    emergency_phone: Mapped[str] = mapped_column(String(20), default="")
    admin_note: Mapped[str] = mapped_column(Text, default="")  # for the desk; never clinical
    locale: Mapped[str | None] = mapped_column(String(10))
    consented_at: Mapped[datetime | None]  # to the treatment of their data (Ley 29733), when registering themselves
    search_text: Mapped[str] = mapped_column(String(500))
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"))  # archived, only a pointer
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    created_by: Mapped[int | None]
    deleted_at: Mapped[datetime | None]


class PossibleDuplicate(Base):
    """Two records that may be of one person, until somebody merges them or says that they are two people.

    ``patient_id`` registered themselves, ``other_id`` was there before.
    """

    __tablename__ = "possible_duplicate"
    __table_args__ = (
        UniqueConstraint("patient_id", "other_id", name="uq_possible_duplicate"),
        CheckConstraint("patient_id <> other_id", name="pair"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id), index=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey(Patient.id))
    other_id: Mapped[int] = mapped_column(ForeignKey(Patient.id))
    found_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[int | None]


class PatientMerge(Base):
    """Two records that became one. ``moved`` are the ids of the rows by table, ``before`` and ``chosen`` details."""

    __tablename__ = "patient_merge"
    __table_args__ = (
        Index("ix_patient_merge_survivor_id", "survivor_id"),
        Index(
            "uq_patient_merge_standing",
            "loser_id",
            unique=True,
            sqlite_where=text("undone_at IS NULL"),
            postgresql_where=text("undone_at IS NULL"),
        ),
        CheckConstraint("survivor_id <> loser_id", name="pair"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id))
    survivor_id: Mapped[int] = mapped_column(ForeignKey(Patient.id))
    loser_id: Mapped[int] = mapped_column(ForeignKey(Patient.id))
    merged_at: Mapped[datetime]
    merged_by: Mapped[int | None]
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    chosen: Mapped[dict[str, Any]] = mapped_column(JSON)
    moved: Mapped[dict[str, Any]] = mapped_column(JSON)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[int | None]


class PatientClinic(Base):
    """A clinic to which a patient belongs: it registered them, they were booked there, or it knew their document.

    Decides who finds whom only where the clinics do not share the register (``Organization.shares_patients``).
    """

    __tablename__ = "patient_clinic"
    __table_args__ = (
        UniqueConstraint("patient_id", "clinic_id", name="uq_patient_clinic"),
        Index("ix_patient_clinic_clinic", "clinic_id", "patient_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey(Patient.id))
    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id))
    source: Mapped[str] = mapped_column(String(20))  # registration, appointment, document
    since: Mapped[datetime]


class CareRelation(Base):
    """A therapist treats a patient: the basis of the therapists' access to patients.

    ``source`` says what starts and ends it (``appointment``: a visit that is upcoming, took place or was missed;
    ``registration``: the therapist registered the patient); the relation holds while ``ended_at`` is NULL for any
    source.
    """

    __tablename__ = "care_relation"
    __table_args__ = (
        UniqueConstraint("patient_id", "therapist_id", "source", name="uq_care_relation"),
        Index("ix_care_relation_therapist", "therapist_id", "patient_id"),
        CheckConstraint("ended_at IS NULL OR ended_at >= since", name="period"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey(Patient.id))
    therapist_id: Mapped[int] = mapped_column(ForeignKey(Therapist.id))
    clinic_id: Mapped[int | None] = mapped_column(ForeignKey(Clinic.id))  # where it began
    source: Mapped[str] = mapped_column(String(20))
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
