"""Tables: working hours, time off, appointments and their history.

The migration adds what keeps two visits apart: on PostgreSQL exclusion constraints over
``[starts_at, ends_at)`` for therapist, room and patient, on SQLite triggers that abort an overlap.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class WorkingHours(Base):
    """A therapist's weekly shift in a clinic. Minutes from local midnight, weekday 0 is Monday."""

    __tablename__ = "working_hours"
    __table_args__ = (
        Index("ix_working_hours_clinic", "clinic_id", "weekday"),
        Index("ix_working_hours_therapist", "therapist_id", "weekday"),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("starts_minute >= 0 AND starts_minute < ends_minute AND ends_minute <= 1440", name="minutes"),
        CheckConstraint(
            "(break_starts_minute IS NULL) = (break_ends_minute IS NULL) AND (break_starts_minute IS NULL OR"
            " (starts_minute < break_starts_minute AND break_starts_minute < break_ends_minute"
            " AND break_ends_minute < ends_minute))",
            name="break",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    therapist_id: Mapped[int] = mapped_column(ForeignKey("therapist.id"))
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"))
    weekday: Mapped[int]
    starts_minute: Mapped[int]
    ends_minute: Mapped[int]
    break_starts_minute: Mapped[int | None]
    break_ends_minute: Mapped[int | None]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]  # exclusive


class TimeOff(Base):
    """An exception: ``off`` takes hours away (leave, meeting), ``extra`` adds a shift."""

    __tablename__ = "time_off"
    __table_args__ = (
        Index("ix_time_off_therapist", "therapist_id", "starts_at"),
        CheckConstraint("kind IN ('off', 'extra')", name="kind"),
        CheckConstraint("starts_at < ends_at", name="period"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    therapist_id: Mapped[int] = mapped_column(ForeignKey("therapist.id"))
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    kind: Mapped[str] = mapped_column(String(5), default="off")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(120), default="")


class Appointment(Base):
    """A visit. ``status`` is FHIR's; ``confirmation`` is the patient's answer, a thing of its own."""

    __tablename__ = "appointment"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="period"),
        CheckConstraint(
            "status IN ('proposed', 'pending', 'booked', 'arrived', 'checked-in', 'fulfilled', 'cancelled',"
            " 'noshow', 'entered-in-error', 'waitlist')",
            name="status",
        ),
        CheckConstraint("confirmation IN ('needs-action', 'accepted', 'tentative', 'declined')", name="confirmation"),
        Index("ix_appointment_clinic_start", "clinic_id", "starts_at"),
        Index("ix_appointment_therapist_start", "therapist_id", "starts_at"),
        Index("ix_appointment_patient_start", "patient_id", "starts_at"),
        Index("ix_appointment_room_start", "room_id", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)  # iCalendar UID
    sequence: Mapped[int] = mapped_column(default=0)  # iCalendar SEQUENCE: grows with each move or cancellation
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    therapist_id: Mapped[int] = mapped_column(ForeignKey("therapist.id"))
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"))
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    confirmation: Mapped[str] = mapped_column(String(12), default="needs-action")
    origin: Mapped[str] = mapped_column(String(10), default="desk")  # desk, online, api, walk-in
    reason: Mapped[str] = mapped_column(String(200), default="")  # why the patient comes, in their words
    notes: Mapped[str] = mapped_column(Text, default="")  # for the desk; never clinical
    override_reason: Mapped[str] = mapped_column(String(200), default="")  # booked outside the schedule
    cancel_reason: Mapped[str] = mapped_column(String(40), default="")
    cancelled_by: Mapped[int | None]
    reschedule_count: Mapped[int] = mapped_column(default=0)
    is_first_visit: Mapped[bool] = mapped_column(default=False)
    status_since: Mapped[datetime]  # when the present status began: the timers of the desk
    arrived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1)


class AppointmentEvent(Base):
    """One transition; waiting times and reports come from these rows."""

    __tablename__ = "appointment_event"
    __table_args__ = (Index("ix_appointment_event_appointment", "appointment_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"))
    from_status: Mapped[str | None] = mapped_column(String(16))
    to_status: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    by_user_id: Mapped[int | None]
    source: Mapped[str] = mapped_column(String(10), default="desk")  # the channel: desk, online, api, job, system
    reason: Mapped[str] = mapped_column(String(200), default="")
    old_starts_at: Mapped[datetime | None]
    old_ends_at: Mapped[datetime | None]
    new_starts_at: Mapped[datetime | None]
    new_ends_at: Mapped[datetime | None]
    room_id: Mapped[int | None]
    is_undo: Mapped[bool] = mapped_column(default=False)
