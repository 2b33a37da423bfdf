"""Reports of visits: by therapist, patients by therapist, between dates, statistics.

A visit belongs to the local day it starts on. Visits entered in error are in none of them; the clinic's
closed weekdays are left out of the statistics (D36), never of the lists.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row, select

from app.clinics import queries as clinics
from app.clinics.models import Service, Therapist
from app.kernel import clock
from app.kernel.access import Actor, require
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.kernel.words import N_
from app.patients.models import Patient
from app.reports import permissions
from app.reports.registry import Column, Document, Heading, Questions, RangeParams, Report, Table
from app.scheduling import rules
from app.scheduling.models import Appointment
from app.scheduling.rules import Status

appointment, patient = Appointment.__table__, Patient.__table__
therapist, service = Therapist.__table__, Service.__table__
WEEKDAYS = (
    N_("lunes"), N_("martes"), N_("miércoles"), N_("jueves"), N_("viernes"), N_("sábado"), N_("domingo"),
)  # fmt: skip


class VisitParams(RangeParams):
    therapist_id: int | None = None


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits of a clinic in a period of local days, both included."""

    clinic: clinics.ClinicFacts
    start: date
    end: date
    rows: Sequence[Row[Any]]


_VISITS = (
    select(
        appointment.c.id,
        appointment.c.starts_at,
        appointment.c.status,
        appointment.c.is_first_visit,
        appointment.c.therapist_id,
        appointment.c.patient_id,
        appointment.c.service_id,
        therapist.c.display_name.label("therapist"),
        patient.c.full_name.label("patient"),
        patient.c.document_number,
        service.c.name.label("service"),
    )
    .select_from(appointment)
    .join(therapist, therapist.c.id == appointment.c.therapist_id)
    .join(patient, patient.c.id == appointment.c.patient_id)
    .join(service, service.c.id == appointment.c.service_id)
    .where(appointment.c.status != str(Status.ENTERED_IN_ERROR))
    .order_by(appointment.c.starts_at, appointment.c.id)
)


def load(*, clinic_id: int, params: VisitParams, actor: Actor, now: datetime) -> Visits:
    """Raises NotFound for a foreign clinic, Forbidden without the permission."""
    require(actor, permissions.READ)
    if clinic_id not in actor.clinics_with(permissions.READ):
        raise NotFound
    clinic = clinics.clinic(clinic_id)
    today = clock.local_day(now, clinic.timezone)
    start, end = params.start or (params.end or today).replace(day=1), params.end or max(today, params.start or today)
    begins, ends = clock.day_bounds(start, clinic.timezone)[0], clock.day_bounds(end, clinic.timezone)[1]
    wanted = _VISITS.where(
        appointment.c.clinic_id == clinic_id, appointment.c.starts_at >= begins, appointment.c.starts_at < ends
    )
    if params.therapist_id is not None:
        wanted = wanted.where(appointment.c.therapist_id == params.therapist_id)
    return Visits(clinic, start, end, db.session.execute(wanted).all())


def ask(*, clinic_id: int, now: datetime) -> Questions:
    today = clock.local_day(now, clinics.clinic(clinic_id).timezone)
    return Questions({"start": today.replace(day=1).isoformat(), "end": today.isoformat()})


def _heading(data: Visits, title: str) -> Heading:
    clinic = data.clinic
    return Heading(
        clinic=clinic.name,
        legal_name=clinic.legal_name,
        tax_id=clinic.tax_id,
        address=clinic.address,
        zone=clinic.timezone,
        currency=clinic.currency,
        title=title,
        period=(data.start, data.end),
        has_money=False,
    )


def _period(data: Visits) -> dict[str, Any]:
    return {"fecha_inicio": data.start, "fecha_fin": data.end, "clinic_id": data.clinic.id}


# ------------------------------------------------------------------ by therapist


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


THERAPIST_COLUMNS = (
    Column("name", N_("Terapeuta"), width=28),
    Column("visits", N_("Citas"), "number", 10, total=True),
    Column("share", N_("% del total"), "percent", 12),
    Column("fulfilled", N_("Atendidas"), "number", 12, total=True),
    Column("cancelled", N_("Canceladas"), "number", 12, total=True),
    Column("noshow", N_("No vino"), "number", 12, total=True),
)


def therapists_document(data: Visits) -> Document:
    table = Table("PorTerapeuta", N_("Citas por terapeuta"), THERAPIST_COLUMNS, by_therapist(data))
    return Document(_heading(data, _("Citas por terapeuta")), (table,))


def wire_therapists(data: Visits) -> dict[str, Any]:
    lines = [
        {
            "id": line["id"],
            "terapeuta": line["name"],
            "citas": line["visits"],
            "porcentaje": round(100 * line["share"], 2),
            "atendidas": line["fulfilled"],
            "canceladas": line["cancelled"],
            "no_vino": line["noshow"],
        }
        for line in by_therapist(data)
    ]
    return {**_period(data), "terapeutas": lines, "total_citas": len(data.rows)}


# ------------------------------------------------------------------ patients by therapist


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


PATIENT_COLUMNS = (
    Column("therapist", N_("Terapeuta"), width=22),
    Column("patient", N_("Paciente"), width=32),
    Column("document", N_("Doc."), width=8),
    Column("visits", N_("Citas"), "number", 9, total=True),
    Column("last", N_("Última cita"), "date", 13),
)


def patients_document(data: Visits) -> Document:
    table = Table("PacientesPorTerapeuta", N_("Pacientes por terapeuta"), PATIENT_COLUMNS, patients_of(data))
    return Document(_heading(data, _("Pacientes por terapeuta")), (table,))


def wire_patients(data: Visits) -> dict[str, Any]:
    groups: dict[int, dict[str, Any]] = {}
    for line in patients_of(data):
        group = groups.setdefault(
            line["therapist_id"],
            {"id": line["therapist_id"], "terapeuta": line["therapist"], "cantidad_pacientes": 0, "pacientes": []},
        )
        group["cantidad_pacientes"] += 1
        group["pacientes"].append(
            {
                "id": line["patient_id"],
                "paciente": line["patient"],
                "citas": line["visits"],
                "ultima_cita": line["last"],
            }
        )
    return {**_period(data), "terapeutas": list(groups.values()), "total_pacientes": _people(data.rows)}


def _people(rows: Sequence[Row[Any]]) -> int:
    return len({row.patient_id for row in rows if row.status != Status.CANCELLED})


# ------------------------------------------------------------------ between dates

VISIT_COLUMNS = (
    Column("day", N_("Fecha"), "date", 11),
    Column("time", N_("Hora"), "time", 7),
    Column("patient", N_("Paciente"), width=30),
    Column("document", N_("Doc."), width=7),
    Column("therapist", N_("Terapeuta"), width=18),
    Column("service", N_("Servicio"), width=22),
    Column("status", N_("Estado"), width=14),
)


def visits_document(data: Visits) -> Document:
    zone = data.clinic.timezone
    rows = [
        {
            "day": (at := clock.local(row.starts_at, zone)).date(),
            "time": at.time(),
            "patient": row.patient,
            "document": (row.document_number or "")[-4:],
            "therapist": row.therapist,
            "service": row.service,
            "status": _(rules.LABELS[row.status]),
            "is_void": row.status == Status.CANCELLED,
        }
        for row in data.rows
    ]
    table = Table("Citas", N_("Citas"), VISIT_COLUMNS, rows, void="is_void")
    return Document(_heading(data, _("Citas entre fechas")), (table,))


def wire_visits(data: Visits) -> dict[str, Any]:
    visits = [
        {
            "id": row.id,
            "fecha_hora": row.starts_at,
            "paciente": row.patient,
            "terapeuta": row.therapist,
            "servicio": row.service,
            "estado": row.status,
        }
        for row in data.rows
    ]
    return {**_period(data), "citas": visits, "total": len(visits)}


# ------------------------------------------------------------------ statistics


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
    """Counts over the clinic's open weekdays; ``data`` is what ``load_open_days`` gave."""
    closed = data.clinic.closed_weekdays
    days = ((data.start + timedelta(n)).weekday() for n in range((data.end - data.start).days + 1))
    return Statistics(
        visits=len(data.rows),
        open_days=sum(day not in closed for day in days),
        patients=_people(data.rows),
        first_visits=sum(row.is_first_visit for row in data.rows if row.status != Status.CANCELLED),
        by_status=dict(Counter(row.status for row in data.rows).most_common()),
        by_service=dict(Counter(row.service for row in data.rows).most_common()),
        by_weekday=dict(sorted(Counter(_weekday(row, data.clinic) for row in data.rows).items())),
    )


def _weekday(row: Row[Any], clinic: clinics.ClinicFacts) -> int:
    return clock.local_day(row.starts_at, clinic.timezone).weekday()


def load_open_days(**asked: Any) -> Visits:
    """``load`` without the visits on weekdays on which the clinic is closed."""
    data = load(**asked)
    return replace(data, rows=[r for r in data.rows if _weekday(r, data.clinic) not in data.clinic.closed_weekdays])


COUNT_COLUMNS = (
    Column("name", N_("Nombre"), width=30),
    Column("visits", N_("Citas"), "number", 12, total=True),
    Column("share", N_("% del total"), "percent", 14),
)
FIGURE_COLUMNS = (Column("name", N_("Cifra"), width=40), Column("value", N_("Valor"), width=16))


def statistics_document(data: Visits) -> Document:
    found = statistics(data)
    figures = (
        (_("Citas"), str(found.visits)),
        (_("Días de atención"), str(found.open_days)),
        (_("Citas por día"), f"{found.per_day:.1f}"),
        (_("Pacientes"), str(found.patients)),
        (_("Primeras citas"), str(found.first_visits)),
    )
    figure_rows = [{"name": name, "value": value} for name, value in figures]
    blocks = (
        Table("Cifras", N_("Cifras"), FIGURE_COLUMNS, figure_rows),
        _counted("Estados", N_("Por estado"), {_(rules.LABELS[k]): n for k, n in found.by_status.items()}),
        _counted("Servicios", N_("Por servicio"), found.by_service),
        _counted("Dias", N_("Por día de la semana"), {_(WEEKDAYS[k]): n for k, n in found.by_weekday.items()}),
        Table("PorTerapeuta", N_("Por terapeuta"), THERAPIST_COLUMNS, by_therapist(data)),
    )
    return Document(_heading(data, _("Estadísticas")), blocks)


def _counted(name: str, title: str, counts: dict[str, int]) -> Table:
    total = sum(counts.values())
    rows = [{"name": key, "visits": count, "share": count / total} for key, count in counts.items()]
    return Table(name, title, COUNT_COLUMNS, rows)


def wire_statistics(data: Visits) -> dict[str, Any]:
    found = statistics(data)
    return {
        **_period(data),
        "total_citas": found.visits,
        "dias_de_atencion": found.open_days,
        "citas_por_dia": round(found.per_day, 2),
        "pacientes": found.patients,
        "primeras_citas": found.first_visits,
        "por_estado": found.by_status,
        "por_servicio": found.by_service,
        "por_dia_semana": found.by_weekday,
        "por_terapeuta": wire_therapists(data)["terapeutas"],
    }


# ------------------------------------------------------------------ definitions


def _report(
    code: str,
    export_name: str,
    title: str,
    about: str,
    wire: Any,
    document: Any,
    icon: str,
    load_visits: Any = load,
) -> Report:
    return Report(
        code=code,
        export_name=export_name,
        title=title,
        about=about,
        params=VisitParams,
        load=load_visits,
        wire=wire,
        document=document,
        ask=ask,
        size=lambda data: len(data.rows),
        icon=icon,
    )


REPORTS = (
    _report(
        "appointments-per-therapist",
        "citas-terapeuta",
        N_("Citas por terapeuta"),
        N_("Cuántas citas tuvo cada terapeuta, su parte del total y cómo terminaron."),
        wire_therapists,
        therapists_document,
        "stethoscope",
    ),
    _report(
        "patients-by-therapist",
        "pacientes-terapeuta",
        N_("Pacientes por terapeuta"),
        N_("A quién atendió cada terapeuta y cuándo fue la última vez."),
        wire_patients,
        patients_document,
        "users",
    ),
    _report(
        "appointments-between-dates",
        "citas-rango",
        N_("Citas entre fechas"),
        N_("Lista de las citas de un periodo con su estado."),
        wire_visits,
        visits_document,
        "calendar",
    ),
    _report(
        "statistics",
        "estadisticas",
        N_("Estadísticas"),
        N_("Citas por estado, servicio, día de la semana y terapeuta, sin los días en que la sede no atiende."),
        wire_statistics,
        statistics_document,
        "activity",
        load_open_days,
    ),
)
