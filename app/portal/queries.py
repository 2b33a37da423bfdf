"""The patient's own visits and the times they can choose."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import Select

from app.billing.queries import tickets
from app.clinics.models import Service, Settings, Therapist
from app.clinics.queries import ClinicView
from app.kernel import clock
from app.kernel.access import Actor, require_anywhere
from app.kernel.contacts import format_phone
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.patients.profiles import patient_id_of
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment
from app.scheduling.queries import day as day_queries
from app.scheduling.queries import slots, visit_rows
from app.scheduling.queries.visit_rows import select_visits, visit_row
from app.scheduling.rules.calendar import Slot

LISTED_PAST = 10
STRIP_DAYS = 14


@dataclass(frozen=True, slots=True)
class OwnVisit:
    """A visit with what its patient may do to it now."""

    visit: day_queries.Visit
    day: date
    today: date  # where the clinic is
    address: str
    contact: "Contact"
    notice_hours: int
    can_confirm: bool
    can_change: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach the clinic: numbers in E.164, empty where there is none."""

    phone: str
    whatsapp: str

    @property
    def phone_text(self) -> str:
        return format_phone(self.phone)

    def whatsapp_link(self, text: str) -> str:
        """The address that opens WhatsApp with ``text`` typed."""
        return f"https://wa.me/{self.whatsapp.removeprefix('+')}?text={quote(text)}"


@dataclass(frozen=True, slots=True)
class OwnVisits:
    coming: list[OwnVisit]
    past: list[OwnVisit]


def _visits() -> Select[Any]:
    columns = (
        *visit_rows.FULL,
        Settings.address,
        Settings.phone.label("clinic_phone"),
        Settings.whatsapp,
        Settings.change_notice_hours,
    )
    return select_visits(*columns).join(Settings, Settings.clinic_id == Appointment.clinic_id)


def of_patient(*, actor: Actor, now: datetime) -> OwnVisits:
    """The actor's visits as a patient: the coming ones by time, the last ten past ones. Three queries."""
    require_anywhere(actor, permissions.READ_OWN)
    mine = _visits()
    mine = mine.where(Appointment.patient_id == patient_id_of(actor), Appointment.status.not_in(rules.EXCLUDED))
    coming = db.session.execute(
        mine.where(Appointment.ends_at > now, Appointment.status != "cancelled").order_by(Appointment.starts_at)
    ).all()
    past = db.session.execute(
        mine.where((Appointment.ends_at <= now) | (Appointment.status == "cancelled"))
        .order_by(Appointment.starts_at.desc())
        .limit(LISTED_PAST)
    ).all()
    states = tickets.of_appointments([row.id for row in (*coming, *past)])
    return OwnVisits([_own(row, states, now) for row in coming], [_own(row, states, now) for row in past])


def own_visit(appointment_id: int, *, actor: Actor, now: datetime) -> OwnVisit:
    """One of the actor's own visits as a patient. Raises NotFound."""
    require_anywhere(actor, permissions.READ_OWN)
    query = _visits()
    row = db.session.execute(
        query.where(Appointment.id == appointment_id, Appointment.patient_id == patient_id_of(actor))
    ).first()
    if row is None:
        raise NotFound
    return _own(row, tickets.of_appointments([row.id]), now)


def _own(row: Any, states: dict[int, tickets.TicketState], now: datetime) -> OwnVisit:
    in_time = rules.may_patient_change(row.starts_at, now=now, notice_hours=row.change_notice_hours)
    expected = row.status in rules.EXPECTED
    return OwnVisit(
        visit=day_queries.visit_of(visit_row(row), states.get(row.id), row.timezone),
        day=clock.local_day(row.starts_at, row.timezone),
        today=clock.local_day(now, row.timezone),
        address=row.address,
        contact=Contact(row.clinic_phone, row.whatsapp),
        notice_hours=row.change_notice_hours,
        can_confirm=row.status == "booked" and row.confirmation != "accepted" and row.starts_at > now,
        can_change=expected and in_time,
    )


@dataclass(frozen=True, slots=True)
class DayChoice:
    day: date
    is_full: bool


@dataclass(frozen=True, slots=True)
class Times:
    """A strip of days and the free times of the chosen one: the same hour of two therapists shows once."""

    days: list[DayChoice]
    chosen: date
    first: tuple[date, str, Slot] | None  # the first free time of the strip
    morning: list[tuple[str, Slot]]
    afternoon: list[tuple[str, Slot]]
    next_from: date
    previous_from: date | None


def times_to_choose(
    clinic: ClinicView,
    therapist_ids: list[int],
    *,
    duration_minutes: int,
    from_day: date | None,
    chosen: date | None,
    actor: Actor,
    now: datetime,
) -> Times:
    """Two weeks of days from ``from_day`` and the free times of ``chosen`` (else of the first day with any)."""
    today = clock.local_day(now, clinic.timezone)
    first = max(from_day or chosen or today, today)
    if chosen is not None and not first <= chosen < first + timedelta(days=STRIP_DAYS):
        first = max(chosen, today)
    last = min(first + timedelta(days=STRIP_DAYS - 1), today + timedelta(days=clinic.horizon_days))
    found = slots.free(
        clinic,
        therapist_ids,
        first,
        max(first, last),
        duration_minutes=duration_minutes,
        is_self=slots.books_for_self(clinic.id, actor),
        now=now,
        patient_id=patient_id_of(actor),
    )
    by_day: dict[date, dict[str, Slot]] = {}
    for slot in found:
        local = clock.local(slot.starts_at, clinic.timezone)
        by_day.setdefault(local.date(), {}).setdefault(f"{local:%H:%M}", slot)
    strip = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    shown = chosen if chosen in strip else next((d for d in strip if d in by_day), first)
    times = list(by_day.get(shown, {}).items())
    first_free = next(((day, *next(iter(by_day[day].items()))) for day in strip if day in by_day), None)
    return Times(
        days=[DayChoice(d, d not in by_day) for d in strip],
        chosen=shown,
        first=first_free,
        morning=[t for t in times if t[0] < "12:00"],
        afternoon=[t for t in times if t[0] >= "12:00"],
        next_from=first + timedelta(days=STRIP_DAYS),
        previous_from=max(first - timedelta(days=STRIP_DAYS), today) if first > today else None,
    )


@dataclass(frozen=True, slots=True)
class PastChoice:
    """What a patient chose before."""

    clinic_id: int
    service_id: int
    service_name: str
    therapist_id: int
    therapist_name: str


def past_choices(actor: Actor) -> list[PastChoice]:
    """What the actor's last visits as a patient were, the latest first. One query."""
    columns = (
        Appointment.clinic_id,
        Appointment.service_id,
        Service.name,
        Appointment.therapist_id,
        Therapist.display_name,
    )
    rows = db.session.execute(
        select_visits(*columns)
        .where(Appointment.patient_id == patient_id_of(actor), Appointment.status.in_(rules.OCCUPYING))
        .order_by(Appointment.starts_at.desc())
        .limit(LISTED_PAST)
    )
    return [PastChoice(*row) for row in rows]
