"""Tables: settings of clinics, rooms, specialties, therapists, services, closures, ubigeo."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.identity.models import User
from app.kernel.db import Base
from app.tenancy.models import Clinic, Organization


class Ubigeo(Base):
    """A district of Peru by its six-digit INEI code."""

    __tablename__ = "ubigeo"

    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    district: Mapped[str] = mapped_column(String(80))
    province: Mapped[str] = mapped_column(String(80))
    region: Mapped[str] = mapped_column(String(80))
    search_text: Mapped[str] = mapped_column(String(260))


class Settings(Base):
    """How a clinic works. Minutes count from local midnight; weekdays are 0 (Monday) to 6."""

    __tablename__ = "clinic_settings"
    __table_args__ = (
        CheckConstraint("opens_minute >= 0 AND opens_minute < closes_minute AND closes_minute <= 1440", name="hours"),
        CheckConstraint("slot_minutes IN (5, 10, 15, 20, 30, 60)", name="slot"),
    )

    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id), primary_key=True)
    legal_name: Mapped[str] = mapped_column(String(160), default="")
    tax_id: Mapped[str] = mapped_column(String(20), default="")  # RUC
    address: Mapped[str] = mapped_column(String(200), default="")
    ubigeo: Mapped[str | None] = mapped_column(ForeignKey(Ubigeo.code))
    phone: Mapped[str] = mapped_column(String(20), default="")
    whatsapp: Mapped[str] = mapped_column(String(20), default="")  # where patients may write, if anywhere
    email: Mapped[str] = mapped_column(String(254), default="")
    tax_rate_bp: Mapped[int] = mapped_column(default=1800)  # hundredths of a percent, contained in prices (D25)
    opens_minute: Mapped[int] = mapped_column(default=8 * 60)
    closes_minute: Mapped[int] = mapped_column(default=20 * 60)
    closed_weekdays: Mapped[list[Any]] = mapped_column(JSON, default=lambda: [6])
    slot_minutes: Mapped[int] = mapped_column(default=15)
    notice_minutes: Mapped[int] = mapped_column(default=60)  # the shortest time ahead a patient may book
    change_notice_hours: Mapped[int] = mapped_column(default=12)  # a patient may move or cancel until then
    horizon_days: Mapped[int] = mapped_column(default=60)  # how far ahead a patient may book
    auto_confirm: Mapped[bool] = mapped_column(default=True)  # D12
    open_visits_limit: Mapped[int] = mapped_column(default=5)  # visits to come that a patient may have booked
    noshow_grace_minutes: Mapped[int] = mapped_column(default=15)
    pending_hours: Mapped[int] = mapped_column(default=24)  # a request not confirmed by then is cancelled; 0: never
    therapists_receive: Mapped[bool] = mapped_column(default=True)  # D38: with own visits as the desk, money apart
    blind_close: Mapped[bool] = mapped_column(default=True)  # the receptionist counts without seeing the expected
    therapists_see_names: Mapped[bool] = mapped_column(default=False)  # of the patients of other therapists (D40)
    difference_limit_cents: Mapped[int] = mapped_column(default=50)  # above it a supervisor approves the closing
    cash_rounding: Mapped[str] = mapped_column(String(8), default="currency")  # money.CASH_ROUNDING


class Closure(Base):
    """A day on which the clinic is shut (holiday, repairs)."""

    __tablename__ = "clinic_closure"
    __table_args__ = (UniqueConstraint("clinic_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id))
    day: Mapped[date]
    reason: Mapped[str] = mapped_column(String(120))


class Room(Base):
    __tablename__ = "room"
    __table_args__ = (UniqueConstraint("clinic_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id))
    name: Mapped[str] = mapped_column(String(60))
    is_active: Mapped[bool] = mapped_column(default=True)


class Specialty(Base):
    __tablename__ = "specialty"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id))
    name: Mapped[str] = mapped_column(String(80))


class Therapist(Base):
    """A therapist. Retired ones keep their row (``deleted_at``) and can be restored."""

    __tablename__ = "therapist"
    __table_args__ = (
        Index("ix_therapist_organization", "organization_id", "deleted_at"),
        Index("uq_therapist_user_id", "user_id", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id))
    given_names: Mapped[str] = mapped_column(String(80))
    surnames: Mapped[str] = mapped_column(String(120))
    display_name: Mapped[str] = mapped_column(String(80))  # "Bruno Salas", as agendas and slips show it
    document_number: Mapped[str] = mapped_column(String(20), default="")
    licence_number: Mapped[str] = mapped_column(String(30), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey(User.id))  # the account with which they sign in
    home_clinic_id: Mapped[int | None] = mapped_column(ForeignKey(Clinic.id))  # who manages them while no service says
    deleted_at: Mapped[datetime | None]


therapist_specialty = Table(
    "therapist_specialty",
    Base.metadata,
    Column("therapist_id", ForeignKey("therapist.id"), primary_key=True),
    Column("specialty_id", ForeignKey("specialty.id"), primary_key=True),
)


class Service(Base):
    """What is offered in a clinic, with its present price; tickets keep the price they were made with."""

    __tablename__ = "service"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        CheckConstraint("duration_minutes > 0 AND duration_minutes % 5 = 0", name="duration"),
        CheckConstraint("price_cents >= 0", name="price"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id))
    specialty_id: Mapped[int | None] = mapped_column(ForeignKey("specialty.id"))
    name: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(Text, default="")
    duration_minutes: Mapped[int]
    price_cents: Mapped[int]
    colour: Mapped[int] = mapped_column(default=1)  # 1-8, a fill of the palette
    is_online: Mapped[bool] = mapped_column(default=True)  # patients may book it themselves
    is_active: Mapped[bool] = mapped_column(default=True)


therapist_service = Table(
    "therapist_service",
    Base.metadata,
    Column("therapist_id", ForeignKey("therapist.id"), primary_key=True),
    Column("service_id", ForeignKey("service.id"), primary_key=True, index=True),
    # of a booking that names no service (D43); its price is the consultation fee
    Column("is_default", Boolean, nullable=False, default=False),
    Index(
        "uq_therapist_service_default",
        "therapist_id",
        unique=True,
        sqlite_where=text("is_default"),
        postgresql_where=text("is_default"),
    ),
)
