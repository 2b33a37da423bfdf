"""The demo's three hundred patients with names of Peru, and who treats them."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from app.identity.demo import SINCE, USER
from app.kernel.demo import DemoContext, numbered, put
from app.patients import rules
from app.patients.models import CareRelation, Patient, PatientClinic
from app.tenancy.demo import ORGANIZATION

COUNT = 300
CLARA, GLORIA = 1, 2
USER_OF_PATIENT = {CLARA: USER["clara"], GLORIA: USER["gloria"]}

WOMEN = (
    "María Elena Rosa Carmen Luz Ana Milagros Yolanda Julia Teresa Flor Nélida Marisol Jacqueline Verónica Patricia "
    "Sonia Gladys Norma Lourdes Fiorella Ximena Camila Valeria Andrea Katherine Silvia Beatriz Esther Pilar"
)
MEN = (
    "José Luis Carlos Juan Jorge Miguel César Víctor Manuel Raúl Percy Wilmer Edwin Rolando Óscar Martín Fernando "
    "Eduardo Renzo Gonzalo Joaquín Sebastián Rodrigo Diego Álvaro Walter Hernán Félix Julio Alberto"
)
SURNAMES = (
    "Quispe Mamani Flores Huamán Rojas Sánchez García Rodríguez Condori Vargas Ramos Díaz Mendoza Chávez Torres "
    "Gutiérrez Espinoza Castillo Vásquez Cruz Paredes Fernández Ccori Apaza Núñez Salazar Aguilar Cárdenas Peña "
    "Velásquez Ñaupari Huanca Yupanqui Zevallos Choque Palomino Tello Ugarte Rivera Medina Loayza Béjar Ochoa"
)
DISTRICTS = ("150122", "150131", "150140", "150101", "150130", "150141", "040101", "040126", "040110", "040103")
STREETS = ("Av. Arequipa", "Jr. de la Unión", "Calle Los Olivos", "Av. Brasil", "Calle Melgar", "Av. Ejército")
JOBS = ("Docente", "Contadora", "Chofer", "Comerciante", "Ingeniero", "Enfermera", "Jubilado", "Estudiante", "", "")


def write_patients(context: DemoContext, count: int = COUNT) -> None:
    """Clara and Gloria, who have accounts, and random people."""
    named = (
        _named("Clara Inés", "Núñez", "Quispe", "45678912", "+51987654321", "clara@example.com", date(1988, 4, 12)),
        _named("Gloria", "Mamani", "Huamán", "41234567", "+51912345678", "gloria@example.com", date(1979, 9, 3)),
    )
    drawn = _random_people(context, count - len(named))
    rows = numbered([_patient(details, context.now - SINCE) for details in (*named, *drawn)])
    put(Patient, [{**row, "user_id": USER_OF_PATIENT.get(row["id"])} for row in rows])


def write_care_relations(rows: Sequence[dict[str, Any]]) -> None:
    """Write who treats whom, and so which clinics patients belong to; a row has the columns of ``CareRelation``."""
    put(CareRelation, rows)
    pairs = {(row["patient_id"], row["clinic_id"]): row["since"] for row in rows}
    links = [{"patient_id": p, "clinic_id": c, "source": "appointment", "since": at} for (p, c), at in pairs.items()]
    put(PatientClinic, links)


def _named(given: str, paternal: str, maternal: str, dni: str, phone: str, email: str, born: date) -> rules.Details:
    return rules.Details(
        given,
        paternal,
        maternal,
        document_number=dni,
        birth_date=born,
        sex="F",
        phone=phone,
        email=email,
        occupation="Docente",
        address="Calle Berlín 340",
        ubigeo="150122",
        emergency_name=f"Rosa {paternal}",
        emergency_phone="+51998877665",
    )


def _random_people(context: DemoContext, count: int) -> Iterator[rules.Details]:
    random = context.random
    documents = random.sample(range(10_000_000, 79_999_999), count)
    phones = random.sample(range(910_000_000, 999_999_999), count)
    for number, (document, phone) in enumerate(zip(documents, phones, strict=True), start=GLORIA + 1):
        sex = random.choice("FFFMM")
        given = random.sample((WOMEN if sex == "F" else MEN).split(), 2)
        paternal, maternal = random.sample(SURNAMES.split(), 2)
        is_foreign = number % 37 == 0
        yield rules.Details(
            " ".join(given),
            paternal,
            maternal,
            document_type="CE" if is_foreign else "DNI",
            document_number=f"00{document}"[:9] if is_foreign else str(document),
            birth_date=date(1936, 1, 1) + timedelta(days=random.randrange(75 * 365)),
            sex=sex,
            phone=f"+51{phone}",
            email=f"paciente{number}@example.com" if context.chance(0.6) else "",
            occupation=random.choice(JOBS),
            address=f"{random.choice(STREETS)} {random.randrange(100, 2900)}",
            ubigeo=random.choice(DISTRICTS),
            admin_note="Prefiere que la llamen por la tarde." if number % 41 == 0 else "",
        )


def _patient(details: rules.Details, since: datetime) -> dict[str, Any]:
    return {
        **{name: getattr(details, name) for name in rules.FIELDS},
        "organization_id": ORGANIZATION,
        "full_name": details.full_name,
        "search_text": details.search_text,
        "created_at": since,
        "created_by": USER["ana"],
    }


DEMO = write_patients
