"""The organization: two clinics, their rooms, services, tills, therapists and weekly hours."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.billing import models as billing
from app.cli.demo.context import ZONE, Moment, numbered, put
from app.clinics import models as clinics
from app.kernel import clock
from app.scheduling import models as scheduling
from app.tenancy import models as tenancy

MIRAFLORES, AREQUIPA = 1, 2
SUNDAY = 6

METHODS = (  # code, name, is cash, needs a reference, commission in hundredths of a percent
    ("efectivo", "Efectivo", True, False, 0),
    ("yape", "Yape", False, True, 0),
    ("plin", "Plin", False, True, 0),
    ("tarjeta", "Tarjeta", False, True, 350),
    ("transferencia", "Transferencia", False, True, 0),
)
ROOMS = ((1, "Sala 1"), (1, "Sala 2"), (1, "Consultorio 1"), (1, "Consultorio 2"), (2, "Sala A"), (2, "Sala B"))
SPECIALTIES = ("Reflexología", "Fisioterapia", "Psicología", "Medicina general", "Masoterapia")
SERVICES = (  # clinic, specialty, name, minutes, soles, patients may book it
    (1, 1, "Reflexología podal", 45, 80, True),
    (1, 1, "Reflexología de manos", 30, 55, True),
    (1, 5, "Masaje relajante", 60, 100, True),
    (1, 2, "Fisioterapia", 45, 90, True),
    (1, 2, "Terapia de espalda", 60, 110, True),
    (1, 3, "Psicología: sesión individual", 45, 120, True),
    (1, 3, "Psicología: pareja", 60, 160, False),
    (1, 4, "Medicina general", 30, 70, True),
    (1, 4, "Evaluación inicial", 30, 50, False),
    (2, 5, "Masaje terapéutico", 45, 70, True),
    (2, 1, "Reflexología podal", 45, 65, True),
    (2, 2, "Fisioterapia", 45, 75, True),
    (2, 3, "Psicología: sesión individual", 60, 100, True),
)


@dataclass(frozen=True)
class Worker:
    """A therapist with the same hours on every open day, in one room."""

    id: int
    given_names: str
    surnames: str
    clinic_id: int
    room_id: int
    services: tuple[int, ...]
    from_hour: int
    to_hour: int
    break_hour: int

    @property
    def shifts(self) -> list[tuple[int, int]]:
        """Minutes of local time before and after the break."""
        pause = self.break_hour * 60
        return [(self.from_hour * 60, pause), (pause + 60, self.to_hour * 60)]


THERAPISTS = (
    Worker(1, "Bruno", "Salas Rojas", 1, 1, (1, 2, 3), 8, 17, 13),
    Worker(2, "Hugo", "Paredes León", 1, 2, (4, 5), 10, 19, 14),
    Worker(3, "Lucía", "Campos Herrera", 1, 3, (6, 7), 12, 21, 16),
    Worker(4, "Rosa", "Delgado Ruiz", 1, 4, (8, 9), 13, 20, 17),
    Worker(5, "Inés", "Flores Quispe", 2, 5, (10, 11), 8, 16, 12),
    Worker(6, "Mateo", "Zegarra Pinto", 2, 6, (12, 13), 12, 21, 16),
)
BRUNO, HUGO = 1, 2


def service(service_id: int) -> tuple[int, int]:
    """``(minutes, cents)``."""
    _, _, _, minutes, soles, _ = SERVICES[service_id - 1]
    return minutes, soles * 100


def closed_weekdays(moment: Moment) -> list[int]:
    """Sundays; loaded on a Sunday, the demo is open all week, or today would be empty."""
    return [] if moment.today.weekday() == SUNDAY else [SUNDAY]


def absence(moment: Moment) -> date:
    """The day on which Hugo is at a course."""
    return next(moment.day(n) for n in (9, 10) if moment.day(n).weekday() != SUNDAY)


def is_open(day: date, moment: Moment) -> bool:
    return day.weekday() not in closed_weekdays(moment)


def write(moment: Moment) -> None:
    put(tenancy.Organization, [{"id": 1, "name": "Manos que Curan"}])
    put(tenancy.Clinic, [_clinic(MIRAFLORES, "Centro Miraflores"), _clinic(AREQUIPA, "Centro Arequipa")])
    put(clinics.Settings, [_miraflores(moment), _arequipa(moment)])
    put(clinics.Room, numbered([{"clinic_id": c, "name": n, "is_active": True} for c, n in ROOMS]))
    put(clinics.Specialty, numbered([{"organization_id": 1, "name": name} for name in SPECIALTIES]))
    put(clinics.Service, numbered([_service(n, *row) for n, row in enumerate(SERVICES)]))
    put(clinics.Therapist, [therapist_row(person) for person in THERAPISTS])
    pairs = [(person.id, service_id) for person in THERAPISTS for service_id in person.services]
    put(clinics.therapist_service, [{"therapist_id": t, "service_id": s} for t, s in pairs])
    skills = sorted({(t, SERVICES[s - 1][1]) for t, s in pairs})
    put(clinics.therapist_specialty, [{"therapist_id": t, "specialty_id": s} for t, s in skills])
    put(scheduling.WorkingHours, numbered([row for person in THERAPISTS for row in hours_rows(person, moment)]))
    put(scheduling.TimeOff, [_time_off(moment)])
    put(billing.PaymentMethod, numbered([_method(c, n) for c in (1, 2) for n in range(len(METHODS))]))
    put(billing.Till, numbered([_till(1, "Caja principal"), _till(1, "Caja 2"), _till(2, "Caja principal")]))


def _miraflores(moment: Moment) -> dict[str, Any]:
    return {
        **_settings(MIRAFLORES, moment),
        "tax_id": "20512345671",
        "address": "Av. José Larco 812, Miraflores",
        "ubigeo": "150122",
        "phone": "+5114467890",
        "email": "miraflores@example.com",
    }


def _arequipa(moment: Moment) -> dict[str, Any]:
    return {
        **_settings(AREQUIPA, moment),
        "tax_id": "20512345680",
        "address": "Calle Mercaderes 230, Arequipa",
        "ubigeo": "040101",
        "phone": "+5154281234",
        "email": "arequipa@example.com",
    }


def _clinic(clinic_id: int, name: str) -> dict[str, Any]:
    return {"id": clinic_id, "organization_id": 1, "name": name, "timezone": ZONE}


def _settings(clinic_id: int, moment: Moment) -> dict[str, Any]:
    return {
        "clinic_id": clinic_id,
        "legal_name": "Manos que Curan S.A.C.",
        "opens_minute": 8 * 60,
        "closes_minute": 21 * 60,
        "closed_weekdays": closed_weekdays(moment),
    }


def _service(
    index: int, clinic_id: int, specialty: int, name: str, minutes: int, soles: int, is_online: bool
) -> dict[str, Any]:
    return {
        "clinic_id": clinic_id,
        "specialty_id": specialty,
        "name": name,
        "duration_minutes": minutes,
        "price_cents": soles * 100,
        "colour": index % 8 + 1,
        "is_online": is_online,
        "is_active": True,
    }


def therapist_row(person: Worker) -> dict[str, Any]:
    first = person.given_names
    return {
        "id": person.id,
        "organization_id": 1,
        "given_names": first,
        "surnames": person.surnames,
        "display_name": f"{first} {person.surnames.split()[0]}",
        "document_number": f"4{person.id}23456{person.id}",
        "licence_number": f"CTM {10400 + person.id * 37}",
        "email": {BRUNO: "bruno@example.com", HUGO: "hugo@example.com"}.get(person.id, ""),
        "phone": f"+5199800110{person.id}",
    }


def hours_rows(person: Worker, moment: Moment) -> list[dict[str, Any]]:
    return [
        {
            "therapist_id": person.id,
            "clinic_id": person.clinic_id,
            "room_id": person.room_id,
            "weekday": weekday,
            "starts_minute": person.from_hour * 60,
            "ends_minute": person.to_hour * 60,
            "break_starts_minute": person.break_hour * 60,
            "break_ends_minute": person.break_hour * 60 + 60,
        }
        for weekday in range(7)
        if weekday not in closed_weekdays(moment)
    ]


def _time_off(moment: Moment) -> dict[str, Any]:
    starts_at, ends_at = clock.day_bounds(absence(moment), ZONE)
    return {
        "id": 1,
        "therapist_id": HUGO,
        "clinic_id": MIRAFLORES,
        "kind": "off",
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": "Capacitación",
    }


def _method(clinic_id: int, position: int) -> dict[str, Any]:
    code, name, is_cash, needs_reference, commission = METHODS[position]
    return {
        "clinic_id": clinic_id,
        "code": code,
        "name": name,
        "is_cash": is_cash,
        "needs_reference": needs_reference,
        "commission_bp": commission,
        "position": position,
        "is_active": True,
    }


def method_id(clinic_id: int, code: str) -> int:
    codes = [method[0] for method in METHODS]
    return (clinic_id - 1) * len(codes) + codes.index(code) + 1


def _till(clinic_id: int, name: str) -> dict[str, Any]:
    return {"clinic_id": clinic_id, "name": name, "kind": "recaudadora", "is_active": True}
