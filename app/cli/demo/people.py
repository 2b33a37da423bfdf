"""Three hundred patients with names of Peru, and the eight accounts."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.cli.demo.context import Moment, numbered, put
from app.cli.demo.places import AREQUIPA, BRUNO, HUGO, MIRAFLORES
from app.clinics import models as clinics
from app.identity import models as identity
from app.identity.actions import hash_password, roles
from app.identity.queries import actors
from app.kernel.access import Actor
from app.kernel.db import db
from app.patients import models as patients
from app.patients import rules

HOW_MANY = 300
CLARA, GLORIA = 1, 2

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

ACCOUNTS = (  # first name, full name, patient, therapist, ((clinic, role), ...)
    ("ana", "Ana Torres", None, None, ((MIRAFLORES, "receptionist"),)),
    ("bruno", "Bruno Salas", None, BRUNO, ((MIRAFLORES, "therapist"),)),
    ("hugo", "Hugo Paredes", None, HUGO, ((MIRAFLORES, "therapist"),)),
    ("clara", "Clara Núñez", CLARA, None, ()),
    ("gloria", "Gloria Mamani", GLORIA, None, ()),
    ("diego", "Diego Rivas", None, None, ((MIRAFLORES, "supervisor"),)),
    ("eva", "Eva Castillo", None, None, ((MIRAFLORES, "admin"), (AREQUIPA, "admin"))),
    ("fabio", "Fabio Luna", None, None, ((AREQUIPA, "receptionist"),)),
)
USER = {name: number for number, (name, *_) in enumerate(ACCOUNTS, start=1)}
OF_THERAPIST = {BRUNO: USER["bruno"], HUGO: USER["hugo"]}
OF_PATIENT = {CLARA: USER["clara"], GLORIA: USER["gloria"]}
DESK = {MIRAFLORES: "ana", AREQUIPA: "fabio"}
OVERSIGHT = {MIRAFLORES: "diego", AREQUIPA: "eva"}


def write(moment: Moment, password: str, how_many: int = HOW_MANY) -> None:
    since = moment.now - timedelta(days=100)
    known = (
        _known("Clara Inés", "Núñez", "Quispe", "45678912", "+51987654321", "clara@example.com", date(1988, 4, 12)),
        _known("Gloria", "Mamani", "Huamán", "41234567", "+51912345678", "gloria@example.com", date(1979, 9, 3)),
    )
    drawn = _drawn(moment, how_many - len(known))
    hashed = hash_password(password)
    put(identity.User, numbered([_account(name, full_name, hashed, since) for name, full_name, *_ in ACCOUNTS]))
    rows = [_row(details, since) for details in (*known, *drawn)]
    put(patients.Patient, [{**row, "user_id": OF_PATIENT.get(row["id"])} for row in numbered(rows)])
    for therapist_id, user_id in OF_THERAPIST.items():
        db.session.execute(
            update(clinics.Therapist).where(clinics.Therapist.id == therapist_id).values(user_id=user_id)
        )
    _write_memberships()


def _write_memberships() -> None:
    roles.sync_builtin_roles()
    ids = dict(db.session.execute(select(identity.Role.code, identity.Role.id)).tuples().all())
    held = [(USER[name], clinic, ids[role]) for name, *_, roles_held in ACCOUNTS for clinic, role in roles_held]
    put(identity.Membership, numbered([{"user_id": u, "clinic_id": c, "role_id": r} for u, c, r in held]))


def actor(name: str, now: datetime) -> Actor:
    """One of the staff, with what their roles allow: who opened this till, who gave that money back."""
    return actors.actor_of_user(USER[name], channel="desk", now=now)


def _known(given: str, paternal: str, maternal: str, dni: str, phone: str, email: str, born: date) -> rules.Details:
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


def _drawn(moment: Moment, how_many: int) -> Iterator[rules.Details]:
    rng = moment.rng
    documents = rng.sample(range(10_000_000, 79_999_999), how_many)
    phones = rng.sample(range(910_000_000, 999_999_999), how_many)
    for number, (document, phone) in enumerate(zip(documents, phones, strict=True), start=len(OF_PATIENT) + 1):
        sex = rng.choice("FFFMM")
        given = rng.sample((WOMEN if sex == "F" else MEN).split(), 2)
        paternal, maternal = rng.sample(SURNAMES.split(), 2)
        is_foreign = number % 37 == 0
        yield rules.Details(
            " ".join(given),
            paternal,
            maternal,
            document_type="CE" if is_foreign else "DNI",
            document_number=f"00{document}"[:9] if is_foreign else str(document),
            birth_date=date(1936, 1, 1) + timedelta(days=rng.randrange(75 * 365)),
            sex=sex,
            phone=f"+51{phone}",
            email=f"paciente{number}@example.com" if moment.chance(0.6) else "",
            occupation=rng.choice(JOBS),
            address=f"{rng.choice(STREETS)} {rng.randrange(100, 2900)}",
            ubigeo=rng.choice(DISTRICTS),
            admin_note="Prefiere que la llamen por la tarde." if number % 41 == 0 else "",
        )


def _row(details: rules.Details, since: datetime) -> dict[str, Any]:
    return {
        **{name: getattr(details, name) for name in rules.FIELDS},
        "organization_id": 1,
        "full_name": details.full_name,
        "search_text": details.search_text,
        "created_at": since,
        "created_by": USER["ana"],
    }


def _account(name: str, full_name: str, hashed: str, since: datetime) -> dict[str, Any]:
    return {
        "organization_id": 1,
        "email": f"{name}@example.com",
        "full_name": full_name,
        "password_hash": hashed,
        "is_active": True,
        "created_at": since,
    }
