"""People fixtures: two clinics, six people with accounts, two patients; with fixed ids, which tests may use.

Written straight into the tables (Core inserts): tests of the actions must not depend on the actions.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import insert, select

from app.billing import models as billing
from app.clinics import models as clinics
from app.identity import models as identity
from app.kernel.db import db
from app.kernel.i18n import fold
from app.kernel.passwords import hash_password
from app.patients import models as patients
from app.scheduling import models as scheduling
from app.tenancy import models as tenancy

PASSWORD = "una frase para probar"
LONG_AGO = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Cast:
    password: str = PASSWORD
    organization: int = 1
    miraflores: int = 1
    arequipa: int = 2
    room: int = 1  # Miraflores, Bruno's
    other_room: int = 2  # Miraflores, Hugo's
    bruno: int = 1  # therapists
    hugo: int = 2
    ines: int = 3  # of Arequipa
    clara: int = 1  # patients
    gloria: int = 2
    reflexology: int = 1  # Miraflores, 45 min, S/ 80.00
    physiotherapy: int = 2  # Miraflores, 30 min, S/ 60.00
    massage: int = 3  # Arequipa, 45 min, S/ 70.00
    till: int = 1
    other_till: int = 2
    ana_user: int = 1
    bruno_user: int = 2
    hugo_user: int = 3
    clara_user: int = 4
    gloria_user: int = 5
    diego_user: int = 6
    eva_user: int = 7
    fabio_user: int = 8


WORKING_DAYS = range(6)  # Monday to Saturday, 09:00-18:00, break 13:00-14:00
METHODS = (
    ("efectivo", "Efectivo", True, False, 0),
    ("yape", "Yape", False, True, 0),
    ("plin", "Plin", False, True, 0),
    ("tarjeta", "Tarjeta", False, True, 350),
    ("transferencia", "Transferencia", False, True, 0),
)


def build_cast() -> None:
    """Insert the people fixtures. Methods of Miraflores are 1-5, of Arequipa 6-10, in the order of ``METHODS``."""
    add = lambda model, *rows: db.session.execute(insert(model), list(rows))  # noqa: E731
    add(tenancy.Organization, {"name": "Manos que Curan"})
    add(
        tenancy.Clinic,
        {"organization_id": 1, "name": "Centro Miraflores"},
        {"organization_id": 1, "name": "Centro Arequipa"},
    )
    add(
        clinics.Settings,
        {"clinic_id": 1, "legal_name": "Centro Miraflores S.A.C.", "tax_id": "20512345671"},
        {"clinic_id": 2, "legal_name": "Centro Arequipa S.A.C.", "tax_id": "20512345680"},
    )
    hashed = hash_password(PASSWORD)
    people = (
        ("ana", "Ana Torres"),
        ("bruno", "Bruno Salas"),
        ("hugo", "Hugo Paredes"),
        ("clara", "Clara Núñez"),
        ("gloria", "Gloria Mamani"),
        ("diego", "Diego Rivas"),
        ("eva", "Eva Castillo"),
        ("fabio", "Fabio Luna"),
    )
    add(
        identity.User,
        *(
            {
                "organization_id": 1,
                "email": f"{name}@example.com",
                "full_name": full_name,
                "password_hash": hashed,
                "is_active": True,
                "created_at": LONG_AGO,
            }
            for name, full_name in people
        ),
    )
    add(
        clinics.Room,
        {"clinic_id": 1, "name": "Sala 1", "is_active": True},
        {"clinic_id": 1, "name": "Sala 2", "is_active": True},
        {"clinic_id": 2, "name": "Sala A", "is_active": True},
    )
    add(
        clinics.Specialty,
        {"organization_id": 1, "name": "Reflexología"},
        {"organization_id": 1, "name": "Fisioterapia"},
    )
    add(
        clinics.Service,
        _service(1, "Reflexología podal", 45, 8000),
        _service(1, "Fisioterapia", 30, 6000),
        _service(2, "Masaje terapéutico", 45, 7000),
    )
    add(
        clinics.Therapist,
        _therapist("Bruno", "Salas Rojas", Cast.bruno_user),
        _therapist("Hugo", "Paredes León", Cast.hugo_user),
        _therapist("Inés", "Flores Quispe", None),
    )
    add(
        clinics.therapist_service,
        {"therapist_id": 1, "service_id": 1, "is_default": True},
        {"therapist_id": 1, "service_id": 2, "is_default": False},
        {"therapist_id": 2, "service_id": 1, "is_default": False},
        {"therapist_id": 2, "service_id": 2, "is_default": True},
        {"therapist_id": 3, "service_id": 3, "is_default": True},
    )
    add(
        scheduling.WorkingHours,
        *(
            {
                "therapist_id": therapist,
                "clinic_id": clinic,
                "room_id": room,
                "weekday": day,
                "starts_minute": 9 * 60,
                "ends_minute": 18 * 60,
                "break_starts_minute": 13 * 60,
                "break_ends_minute": 14 * 60,
            }
            for therapist, clinic, room in ((1, 1, 1), (2, 1, 2), (3, 2, 3))
            for day in WORKING_DAYS
        ),
    )
    add(
        patients.Patient,
        _patient("Clara Inés", "Núñez", "Quispe", "45678912", "+51987654321", "clara@example.com", Cast.clara_user),
        _patient("Gloria", "Mamani", "Huamán", "41234567", "+51912345678", "gloria@example.com", Cast.gloria_user),
    )
    roles = (
        (1, 1, "receptionist"),
        (2, 1, "therapist"),
        (3, 1, "therapist"),
        (6, 1, "supervisor"),
        (7, 1, "admin"),
        (7, 2, "admin"),
        (8, 2, "receptionist"),
    )
    role_ids = dict(db.session.execute(select(identity.Role.code, identity.Role.id)).tuples().all())
    add(identity.Membership, *({"user_id": u, "clinic_id": c, "role_id": role_ids[r]} for u, c, r in roles))
    add(
        billing.PaymentMethod,
        *(
            {
                "clinic_id": clinic,
                "code": code,
                "name": name,
                "is_cash": cash,
                "needs_reference": reference,
                "commission_bp": commission,
                "position": position,
                "is_active": True,
            }
            for clinic in (1, 2)
            for position, (code, name, cash, reference, commission) in enumerate(METHODS)
        ),
    )
    kinds = ("ticket", "till", "difference")
    add(
        billing.DocumentSeries,
        *({"clinic_id": clinic, "kind": kind, "next_number": 1} for clinic in (1, 2) for kind in kinds),
    )
    add(
        billing.Till,
        {"clinic_id": 1, "name": "Caja principal", "kind": "recaudadora", "is_active": True},
        {"clinic_id": 2, "name": "Caja principal", "kind": "recaudadora", "is_active": True},
    )
    db.session.commit()


def _service(clinic_id: int, name: str, minutes: int, cents: int) -> dict[str, object]:
    return {"clinic_id": clinic_id, "name": name, "duration_minutes": minutes, "price_cents": cents}


def _therapist(given_names: str, surnames: str, user_id: int | None) -> dict[str, object]:
    return {
        "organization_id": 1,
        "given_names": given_names,
        "surnames": surnames,
        "user_id": user_id,
        "display_name": f"{given_names} {surnames.split()[0]}",
    }


def _patient(
    given: str, paternal: str, maternal: str, dni: str, phone: str, email: str, user_id: int
) -> dict[str, object]:
    full_name = f"{given} {paternal} {maternal}"
    return {
        "organization_id": 1,
        "user_id": user_id,
        "document_type": "DNI",
        "document_number": dni,
        "given_names": given,
        "paternal_surname": paternal,
        "maternal_surname": maternal,
        "full_name": full_name,
        "birth_date": date(1988, 4, 12),
        "sex": "F",
        "phone": phone,
        "email": email,
        "search_text": f" {fold(full_name)} {dni} {phone.removeprefix('+51')} ",
        "created_at": LONG_AGO,
    }
