"""Reports of visits: by therapist, patients by therapist, between dates, statistics.

A visit belongs to the local day it starts on. Visits entered in error are in none of them; the clinic's
closed weekdays are left out of the statistics (D36), never of the lists.
"""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app.clinics import queries as clinics
from app.kernel import clock
from app.kernel.access import Actor
from app.kernel.i18n import N_
from app.reports.registry import Column, Document, ParameterDefaults, RangeParams, Report, ReportHeader, Table
from app.scheduling import rules
from app.scheduling.queries import visit_statistics
from app.scheduling.rules import Status

WEEKDAYS = (
    N_("lunes"), N_("martes"), N_("miércoles"), N_("jueves"), N_("viernes"), N_("sábado"), N_("domingo"),
)  # fmt: skip


class VisitParams(RangeParams):
    therapist_id: int | None = None


def load(*, clinic_id: int, params: VisitParams, actor: Actor, now: datetime) -> visit_statistics.Visits:
    return visit_statistics.visits(
        clinic_id=clinic_id,
        start=params.start,
        end=params.end,
        therapist_id=params.therapist_id,
        actor=actor,
        now=now,
    )


def load_open_days(**filters: Any) -> visit_statistics.Visits:
    return visit_statistics.on_open_days(load(**filters))


def parameter_defaults(*, clinic_id: int, now: datetime) -> ParameterDefaults:
    today = clock.local_day(now, clinics.clinic(clinic_id).timezone)
    return ParameterDefaults({"start": today.replace(day=1).isoformat(), "end": today.isoformat()})


def _header(data: visit_statistics.Visits, title: str) -> ReportHeader:
    clinic = data.clinic
    return ReportHeader(
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


def _period(data: visit_statistics.Visits) -> dict[str, Any]:
    return {"fecha_inicio": data.start, "fecha_fin": data.end, "clinic_id": data.clinic.id}


# ------------------------------------------------------------------ by therapist


THERAPIST_COLUMNS = (
    Column("name", N_("Terapeuta"), width=28),
    Column("visits", N_("Citas"), "number", 10, total=True),
    Column("share", N_("% del total"), "percent", 12),
    Column("fulfilled", N_("Atendidas"), "number", 12, total=True),
    Column("cancelled", N_("Canceladas"), "number", 12, total=True),
    Column("noshow", N_("No vino"), "number", 12, total=True),
)


def therapists_document(data: visit_statistics.Visits) -> Document:
    table = Table("PorTerapeuta", N_("Citas por terapeuta"), THERAPIST_COLUMNS, visit_statistics.by_therapist(data))
    return Document(_header(data, _("Citas por terapeuta")), (table,))


def therapists_json(data: visit_statistics.Visits) -> dict[str, Any]:
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
        for line in visit_statistics.by_therapist(data)
    ]
    return {**_period(data), "terapeutas": lines, "total_citas": len(data.rows)}


# ------------------------------------------------------------------ patients by therapist


PATIENT_COLUMNS = (
    Column("therapist", N_("Terapeuta"), width=22),
    Column("patient", N_("Paciente"), width=32),
    Column("document", N_("Doc."), width=8),
    Column("visits", N_("Citas"), "number", 9, total=True),
    Column("last", N_("Última cita"), "date", 13),
)


def patients_document(data: visit_statistics.Visits) -> Document:
    table = Table(
        "PacientesPorTerapeuta", N_("Pacientes por terapeuta"), PATIENT_COLUMNS, visit_statistics.patients_of(data)
    )
    return Document(_header(data, _("Pacientes por terapeuta")), (table,))


def patients_json(data: visit_statistics.Visits) -> dict[str, Any]:
    groups: dict[int, dict[str, Any]] = {}
    for line in visit_statistics.patients_of(data):
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
    return {**_period(data), "terapeutas": list(groups.values()), "total_pacientes": visit_statistics.people(data.rows)}


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


def visits_document(data: visit_statistics.Visits) -> Document:
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
    return Document(_header(data, _("Citas entre fechas")), (table,))


def visits_json(data: visit_statistics.Visits) -> dict[str, Any]:
    lines = [
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
    return {**_period(data), "citas": lines, "total": len(lines)}


# ------------------------------------------------------------------ statistics


COUNT_COLUMNS = (
    Column("name", N_("Nombre"), width=30),
    Column("visits", N_("Citas"), "number", 12, total=True),
    Column("share", N_("% del total"), "percent", 14),
)
FIGURE_COLUMNS = (Column("name", N_("Cifra"), width=40), Column("value", N_("Valor"), width=16))


def statistics_document(data: visit_statistics.Visits) -> Document:
    found = visit_statistics.statistics(data)
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
        Table("PorTerapeuta", N_("Por terapeuta"), THERAPIST_COLUMNS, visit_statistics.by_therapist(data)),
    )
    return Document(_header(data, _("Estadísticas")), blocks)


def _counted(name: str, title: str, counts: dict[str, int]) -> Table:
    total = sum(counts.values())
    rows = [{"name": key, "visits": count, "share": count / total} for key, count in counts.items()]
    return Table(name, title, COUNT_COLUMNS, rows)


def statistics_json(data: visit_statistics.Visits) -> dict[str, Any]:
    figures = visit_statistics.statistics(data)
    return {
        **_period(data),
        "total_citas": figures.visits,
        "dias_de_atencion": figures.open_days,
        "citas_por_dia": round(figures.per_day, 2),
        "pacientes": figures.patients,
        "primeras_citas": figures.first_visits,
        "por_estado": figures.by_status,
        "por_servicio": figures.by_service,
        "por_dia_semana": figures.by_weekday,
        "por_terapeuta": therapists_json(data)["terapeutas"],
    }


# ------------------------------------------------------------------ definitions


def _report(
    code: str,
    export_name: str,
    title: str,
    description: str,
    to_json: Any,
    document: Any,
    icon: str,
    load_visits: Any = load,
    *,
    names_people: bool,
) -> Report:
    return Report(
        code=code,
        names_people=names_people,
        export_name=export_name,
        title=title,
        description=description,
        params=VisitParams,
        load=load_visits,
        to_json=to_json,
        document=document,
        defaults=parameter_defaults,
        row_count=lambda data: len(data.rows),
        icon=icon,
    )


REPORTS = (
    _report(
        "appointments-per-therapist",
        "citas-terapeuta",
        N_("Citas por terapeuta"),
        N_("Cuántas citas tuvo cada terapeuta, su parte del total y cómo terminaron."),
        therapists_json,
        therapists_document,
        "stethoscope",
        names_people=False,
    ),
    _report(
        "patients-by-therapist",
        "pacientes-terapeuta",
        N_("Pacientes por terapeuta"),
        N_("A quién atendió cada terapeuta y cuándo fue la última vez."),
        patients_json,
        patients_document,
        "users",
        names_people=True,
    ),
    _report(
        "appointments-between-dates",
        "citas-rango",
        N_("Citas entre fechas"),
        N_("Lista de las citas de un periodo con su estado."),
        visits_json,
        visits_document,
        "calendar",
        names_people=True,
    ),
    _report(
        "statistics",
        "estadisticas",
        N_("Estadísticas"),
        N_("Citas por estado, servicio, día de la semana y terapeuta, sin los días en que la sede no atiende."),
        statistics_json,
        statistics_document,
        "activity",
        load_open_days,
        names_people=False,
    ),
)
