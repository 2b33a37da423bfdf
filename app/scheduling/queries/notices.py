"""Data of the notices of a visit, and the visits due for a reminder."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from app.clinics.models import Settings, Therapist
from app.identity.models import User
from app.kernel import clock
from app.kernel.db import db
from app.patients.models import Patient
from app.scheduling import rules
from app.scheduling.models import Appointment, AppointmentEvent
from app.scheduling.queries import visit_rows
from app.scheduling.queries.visit_rows import select_visits
from app.tenancy.models import Clinic

WIDEST_ZONE_CHANGE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class InboxOwner:
    """A user with an inbox, and their language."""

    user_id: int
    locale: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """The present data of a visit for its notices. Nothing clinical, no data of other patients."""

    id: int
    uid: str
    sequence: int
    status: str
    origin: str
    starts_at: datetime
    ends_at: datetime
    cancel_reason: str
    clinic_id: int
    clinic_name: str
    clinic_address: str
    clinic_phone: str
    timezone: str
    change_notice_hours: int
    therapist_id: int
    therapist_name: str
    service_id: int
    service_name: str
    patient_id: int
    patient_name: str
    given_names: str
    locale: str | None
    email: str
    patient_user: InboxOwner | None
    therapist_user: InboxOwner | None

    @property
    def key(self) -> str:
        """The beginning of the keys of everything told about this visit as it stands."""
        return f"{self.all_keys}{self.sequence}:"

    @property
    def all_keys(self) -> str:
        """The beginning of the keys of everything ever told about this visit."""
        return f"appointment:{self.id}:"


def get(appointment_id: int) -> Notice:
    """The visit of an event, read when the notice is written, so that it is up to date."""
    patient_user, therapist_user = aliased(User), aliased(User)
    row = db.session.execute(
        select_visits(
            Appointment.id,
            Appointment.uid,
            Appointment.sequence,
            Appointment.status,
            Appointment.origin,
            Appointment.starts_at,
            Appointment.ends_at,
            Appointment.cancel_reason,
            *visit_rows.KEYS,
            *visit_rows.NAMES,
            Settings.address.label("clinic_address"),
            Settings.phone.label("clinic_phone"),
            Settings.change_notice_hours,
            Patient.given_names,
            func.coalesce(Patient.locale, patient_user.locale).label("locale"),
            func.coalesce(func.nullif(Patient.email, ""), patient_user.email, "").label("email"),
            patient_user.id.label("patient_user"),
            therapist_user.id.label("therapist_user"),
            therapist_user.locale.label("therapist_locale"),
        )
        .join(Settings, Settings.clinic_id == Appointment.clinic_id)
        .outerjoin(patient_user, (patient_user.id == Patient.user_id) & patient_user.is_active)
        .outerjoin(therapist_user, (therapist_user.id == Therapist.user_id) & therapist_user.is_active)
        .where(Appointment.id == appointment_id)
    ).one()
    facts = dict(row._mapping)
    reads = facts.pop("therapist_locale")
    facts["patient_user"] = InboxOwner(row.patient_user, row.locale) if row.patient_user else None
    facts["therapist_user"] = InboxOwner(row.therapist_user, reads) if row.therapist_user else None
    return Notice(**facts)


def account_of_therapist(therapist_id: int) -> InboxOwner | None:
    row = db.session.execute(
        select(User.id, User.locale)
        .join(Therapist, Therapist.user_id == User.id)
        .where(Therapist.id == therapist_id, User.is_active.is_(True))
    ).first()
    return InboxOwner(row.id, row.locale) if row else None


def reminders_due(*, now: datetime, only: int | None = None) -> dict[int, str]:
    """The visits to remind now, the nearest first, with the key that claims each reminder.

    ``rules.is_reminder_due`` decides by each clinic's clock; SQL only narrows to the next day.
    """
    told = (
        select(func.max(AppointmentEvent.at))
        .where(AppointmentEvent.appointment_id == Appointment.id, AppointmentEvent.reason != rules.CONFIRMED)
        .correlate(Appointment)
        .scalar_subquery()
    )
    account = aliased(User)
    query = (
        select(
            Appointment.id,
            Appointment.sequence,
            Appointment.starts_at,
            Appointment.created_at,
            told.label("told_at"),
            Clinic.timezone,
        )
        .join(Clinic, Clinic.id == Appointment.clinic_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .outerjoin(account, (account.id == Patient.user_id) & account.is_active)
        .where(
            Appointment.status.in_(rules.EXPECTED),
            Appointment.starts_at >= now + rules.REMIND_AT_LEAST,
            Appointment.starts_at <= now + rules.REMIND_BEFORE + WIDEST_ZONE_CHANGE,
            or_(Patient.email != "", account.id.is_not(None)),
        )
        .order_by(Appointment.starts_at, Appointment.id)
    )
    if only is not None:
        query = query.where(Appointment.id == only)
    return {
        row.id: f"appointment:{row.id}:{row.sequence}:reminder"
        for row in db.session.execute(query)
        if rules.is_reminder_due(
            row.starts_at, told_at=row.told_at or row.created_at, now=now, zone=clock.zone(row.timezone)
        )
    }
