"""The demo's places and therapists: settings, rooms, services, and who works when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.clinics.models import Room, Service, Settings, Specialty, Therapist, therapist_service, therapist_specialty
from app.identity.demo import USER
from app.kernel.demo import DemoContext, numbered, put
from app.tenancy.demo import AREQUIPA, MIRAFLORES, ORGANIZATION

SUNDAY = 6
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
class DemoTherapist:
    """A therapist with the same hours on every open day, in one room; ``account`` is the name of their user."""

    id: int
    given_names: str
    surnames: str
    clinic_id: int
    room_id: int
    services: tuple[int, ...]
    from_hour: int
    to_hour: int
    break_hour: int
    account: str = ""

    @property
    def user_id(self) -> int | None:
        return USER.get(self.account)

    @property
    def shifts(self) -> list[tuple[int, int]]:
        """Minutes of local time before and after the break."""
        pause = self.break_hour * 60
        return [(self.from_hour * 60, pause), (pause + 60, self.to_hour * 60)]


BRUNO, HUGO = 1, 2
THERAPISTS = (
    DemoTherapist(BRUNO, "Bruno", "Salas Rojas", 1, 1, (1, 2, 3), 8, 17, 13, "bruno"),
    DemoTherapist(HUGO, "Hugo", "Paredes León", 1, 2, (4, 5), 10, 19, 14, "hugo"),
    DemoTherapist(3, "Lucía", "Campos Herrera", 1, 3, (6, 7), 12, 21, 16),
    DemoTherapist(4, "Rosa", "Delgado Ruiz", 1, 4, (8, 9), 13, 20, 17),
    DemoTherapist(5, "Inés", "Flores Quispe", 2, 5, (10, 11), 8, 16, 12),
    DemoTherapist(6, "Mateo", "Zegarra Pinto", 2, 6, (12, 13), 12, 21, 16),
)


def write_clinics(context: DemoContext) -> None:
    put(Settings, [_miraflores(context), _arequipa(context)])
    put(Room, numbered([{"clinic_id": c, "name": n, "is_active": True} for c, n in ROOMS]))
    put(Specialty, numbered([{"organization_id": ORGANIZATION, "name": name} for name in SPECIALTIES]))
    put(Service, numbered([_service(n, *row) for n, row in enumerate(SERVICES)]))
    write_therapists(THERAPISTS)
    skills = sorted({(t.id, SERVICES[s - 1][1]) for t in THERAPISTS for s in t.services})
    put(therapist_specialty, [{"therapist_id": t, "specialty_id": s} for t, s in skills])


def write_therapists(therapists: Sequence[DemoTherapist]) -> None:
    """Therapists and the services they give."""
    put(Therapist, [_therapist(therapist) for therapist in therapists])
    put(therapist_service, [_given(t, s) for t in therapists for s in t.services])


def _given(therapist: DemoTherapist, service_id: int) -> dict[str, Any]:
    default = therapist.services[0]
    return {"therapist_id": therapist.id, "service_id": service_id, "is_default": service_id == default}


def service_name(service_id: int) -> str:
    return SERVICES[service_id - 1][2]


def service_minutes(service_id: int) -> int:
    return SERVICES[service_id - 1][3]


def service_cents(service_id: int) -> int:
    return SERVICES[service_id - 1][4] * 100


def closed_weekdays(context: DemoContext) -> list[int]:
    """Sundays; loaded on a Sunday, the demo is open all week, or today would be empty."""
    return [] if context.today.weekday() == SUNDAY else [SUNDAY]


def is_open(day: date, context: DemoContext) -> bool:
    return day.weekday() not in closed_weekdays(context)


def _miraflores(context: DemoContext) -> dict[str, Any]:
    return {
        **_settings(MIRAFLORES, context),
        "tax_id": "20512345671",
        "address": "Av. José Larco 812, Miraflores",
        "ubigeo": "150122",
        "phone": "+5114467890",
        "whatsapp": "+51998001100",
        "email": "miraflores@example.com",
    }


def _arequipa(context: DemoContext) -> dict[str, Any]:
    return {
        **_settings(AREQUIPA, context),
        "tax_id": "20512345680",
        "address": "Calle Mercaderes 230, Arequipa",
        "ubigeo": "040101",
        "phone": "+5154281234",
        "email": "arequipa@example.com",
    }


def _settings(clinic_id: int, context: DemoContext) -> dict[str, Any]:
    return {
        "clinic_id": clinic_id,
        "legal_name": "Manos que Curan S.A.C.",
        "opens_minute": 8 * 60,
        "closes_minute": 21 * 60,
        "closed_weekdays": closed_weekdays(context),
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


def _therapist(therapist: DemoTherapist) -> dict[str, Any]:
    number, first = therapist.id, therapist.given_names
    return {
        "id": number,
        "organization_id": ORGANIZATION,
        "user_id": therapist.user_id,
        "given_names": first,
        "surnames": therapist.surnames,
        "display_name": f"{first} {therapist.surnames.split()[0]}",
        "document_number": f"4{number}23456{number}",
        "licence_number": f"CTM {10400 + number * 37}",
        "email": f"{therapist.account}@example.com" if therapist.account else "",
        "phone": f"+5199800110{number}",
    }


DEMO = write_clinics
