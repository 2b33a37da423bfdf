"""Reads for reports: the visits of a period, per therapist, per patient, in figures.

A visit belongs to the local day it starts on. Visits entered in error are in none of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from app.clinics import queries as clinics
from app.clinics.models import Service, Therapist
from app.kernel import clock
from app.kernel.access import Actor, can, require_anywhere
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.patients.models import Patient
from app.reports import permissions
from app.scheduling import permissions as scheduling_permissions
from app.scheduling import rules
from app.scheduling.models import Appointment
from app.scheduling.queries import sight, visit_rows
from app.scheduling.queries.visit_rows import select_visits
from app.scheduling.rules import Status


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits of a clinic in a period of local days, both included."""

    clinic: clinics.ClinicView
    start: date
    end: date
    rows: Sequence[Row[Any]]


_VISITS = (
    select_visits(
        Appointment.id,
        Appointment.starts_at,
        Appointment.status,
        Appointment.is_first_visit,
        *visit_rows.KEYS,
        Therapist.display_name.label("therapist"),
        Patient.full_name.label("patient"),
        Patient.document_number,
        Service.name.label("service"),
    )
    .where(Appointment.status.not_in(rules.EXCLUDED))
    .order_by(Appointment.starts_at, Appointment.id)
)


def visits(
    *, clinic_id: int, start: date | None, end: date | None, therapist_id: int | None, actor: Actor, now: datetime
) -> Visits:
    """The visits of a period that the actor sees whole; by default the month up to ``end``, by default today.

    Raises NotFound for a foreign clinic, Forbidden without the permission.
    """
    require_anywhere(actor, permissions.READ)
    if clinic_id not in actor.clinics_with(permissions.READ):
        raise NotFound
    clinic = clinics.clinic(clinic_id)
    today = clock.local_day(now, clinic.timezone)
    end = end or max(today, start or today)
    start = start or end.replace(day=1)
    begins, ends = clock.day_bounds(start, clinic.timezone)[0], clock.day_bounds(end, clinic.timezone)[1]
    wanted = _VISITS.where(
        Appointment.clinic_id == clinic_id, Appointment.starts_at >= begins, Appointment.starts_at < ends
    )
    if therapist_id is not None:
        wanted = wanted.where(Appointment.therapist_id == therapist_id)
    if not can(actor, scheduling_permissions.READ_ALL, clinic_id):
        wanted = wanted.where(sight.whole(actor))
    return Visits(clinic, start, end, db.session.execute(wanted).all())


def by_therapist(data: Visits) -> list[dict[str, Any]]:
    """Per therapist: visits, share of all, how they ended, patients; the busiest first."""
    lines: dict[int, dict[str, Any]] = {}
    seen: dict[int, set[int]] = {}
    for row in data.rows:
        line = lines.setdefault(row.therapist_id, _empty_line(row))
        line["visits"] += 1
        if row.status in line:
            line[row.status] += 1
        seen.setdefault(row.therapist_id, set()).add(row.patient_id)
    for key, line in lines.items():
        line["share"] = line["visits"] / len(data.rows)
        line["patients"] = len(seen[key])
    return sorted(lines.values(), key=lambda line: (-line["visits"], line["name"]))


def _empty_line(row: Row[Any]) -> dict[str, Any]:
    return {"id": row.therapist_id, "name": row.therapist, "visits": 0, "fulfilled": 0, "cancelled": 0, "noshow": 0}


def patients_of(data: Visits) -> list[dict[str, Any]]:
    """Per therapist and patient: visits that were not cancelled, and the last day."""
    pairs: dict[tuple[int, int], dict[str, Any]] = {}
    for row in data.rows:
        if row.status == Status.CANCELLED:
            continue
        line = pairs.setdefault((row.therapist_id, row.patient_id), {"row": row, "visits": 0})
        line["visits"] += 1
        line["last"] = clock.local_day(row.starts_at, data.clinic.timezone)
    lines = [
        {
            "therapist_id": line["row"].therapist_id,
            "therapist": line["row"].therapist,
            "patient_id": line["row"].patient_id,
            "patient": line["row"].patient,
            "document": (line["row"].document_number or "")[-4:],
            "visits": line["visits"],
            "last": line["last"],
        }
        for line in pairs.values()
    ]
    return sorted(lines, key=lambda line: (line["therapist"], line["patient"]))


def people(rows: Sequence[Row[Any]]) -> int:
    return len({row.patient_id for row in rows if row.status != Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Statistics:
    visits: int
    open_days: int
    patients: int
    first_visits: int
    by_status: dict[str, int]
    by_service: dict[str, int]
    by_weekday: dict[int, int]

    @property
    def per_day(self) -> float:
        return self.visits / self.open_days if self.open_days else 0.0


def statistics(data: Visits) -> Statistics:
    """Counts over the clinic's open weekdays; ``data`` is what ``on_open_days`` gave."""
    closed = data.clinic.closed_weekdays
    days = ((data.start + timedelta(n)).weekday() for n in range((data.end - data.start).days + 1))
    return Statistics(
        visits=len(data.rows),
        open_days=sum(day not in closed for day in days),
        patients=people(data.rows),
        first_visits=sum(row.is_first_visit for row in data.rows if row.status != Status.CANCELLED),
        by_status=dict(Counter(row.status for row in data.rows).most_common()),
        by_service=dict(Counter(row.service for row in data.rows).most_common()),
        by_weekday=dict(sorted(Counter(_weekday(row, data.clinic) for row in data.rows).items())),
    )


def _weekday(row: Row[Any], clinic: clinics.ClinicView) -> int:
    return clock.local_day(row.starts_at, clinic.timezone).weekday()


def on_open_days(data: Visits) -> Visits:
    """Without the visits on weekdays on which the clinic is closed (D36)."""
    return replace(data, rows=[r for r in data.rows if _weekday(r, data.clinic) not in data.clinic.closed_weekdays])
