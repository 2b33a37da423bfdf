"""A full day: many therapists, visits in every state one after the other. Written straight into the tables."""

from datetime import date, timedelta

from sqlalchemy import insert, select

from app.billing.models import Ticket
from app.clinics.models import Therapist, therapist_service
from app.kernel import clock
from app.kernel.db import db
from app.patients.models import Patient
from app.scheduling.models import Appointment, Encounter, WorkingHours

NAMES = ("Bruno Salas", "Hugo Ramírez", "Inés Cárdenas", "Julia Ponce", "Kevin Rojas", "Lucía Vega", "Mario Quispe")
PATIENTS = ("Clara Inés Núñez Quispe", "José Luis Huamán Díaz", "Rosa Flores Paz", "Ana María Gutiérrez de la Cruz")
STATES = (
    "fulfilled",
    "fulfilled",
    "checked-in",
    "arrived",
    "cancelled",
    "noshow",
    "booked",
    "booked",
    "pending",
    "booked",
)
ZONE = "America/Lima"
CLINIC = 1


def fill_day(day: date, *, therapists: int, visits_each: int, minutes: int = 45) -> None:
    """``therapists`` new people in Miraflores with the hours of the cast, each with ``visits_each`` visits."""
    patients = _patients(therapists)
    for index in range(therapists):
        therapist_id = _therapist(f"{NAMES[index % len(NAMES)]} {index}", day)
        for turn in range(visits_each):
            begins = clock.at(day, _start(turn, minutes), ZONE)
            _visit(therapist_id, patients[index], begins, begins + timedelta(minutes=minutes), STATES[turn % 10], day)
    db.session.commit()


def _start(turn: int, minutes: int) -> int:
    """The minute of a turn: as many as fit into the morning from 09:00, the others from 14:00."""
    in_morning = 4 * 60 // minutes
    return 9 * 60 + turn * minutes if turn < in_morning else 14 * 60 + (turn - in_morning) * minutes


def _patients(count: int) -> list[int]:
    model = db.session.scalars(select(Patient).order_by(Patient.id)).first()
    assert model is not None
    columns = {c.name: getattr(model, c.name) for c in Patient.__table__.columns if c.name != "id"}
    rows = [
        {**columns, "document_number": f"7000{index:04d}", "full_name": PATIENTS[index % len(PATIENTS)]}
        for index in range(count)
    ]
    return list(db.session.scalars(insert(Patient).returning(Patient.id), rows))


def _therapist(name: str, day: date) -> int:
    given, surnames = name.split(" ", 1)
    values = {"organization_id": 1, "given_names": given, "surnames": surnames, "display_name": name}
    therapist_id = db.session.execute(insert(Therapist).returning(Therapist.id), values).scalar_one()
    db.session.execute(
        insert(therapist_service), [{"therapist_id": therapist_id, "service_id": service} for service in (1, 2)]
    )
    rest = {"break_starts_minute": 13 * 60, "break_ends_minute": 14 * 60}
    hours = {"weekday": day.weekday(), "starts_minute": 9 * 60, "ends_minute": 18 * 60, **rest}
    db.session.execute(insert(WorkingHours), {"therapist_id": therapist_id, "clinic_id": CLINIC, **hours})
    return int(therapist_id)


def _visit(therapist_id: int, patient_id: int, starts_at: object, ends_at: object, status: str, day: date) -> None:
    uid = f"{therapist_id}-{starts_at:%H%M}"
    values = {"organization_id": 1, "clinic_id": CLINIC, "therapist_id": therapist_id, "patient_id": patient_id}
    appointment_id = db.session.execute(
        insert(Appointment).returning(Appointment.id),
        {
            **values,
            "uid": uid,
            "service_id": 1 + therapist_id % 2,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "status": status,
            "status_since": starts_at,
            "created_at": starts_at,
            "is_first_visit": therapist_id % 5 == 0,
            "confirmation": "accepted" if therapist_id % 2 else "needs-action",
        },
    ).scalar_one()
    if status == "fulfilled" and therapist_id % 3:
        finished = {"status": "finished", "finished_at": ends_at} if therapist_id % 2 else {"status": "in-progress"}
        db.session.execute(insert(Encounter), {"appointment_id": appointment_id, "started_at": starts_at, **finished})
    db.session.execute(
        insert(Ticket),
        {
            "clinic_id": CLINIC,
            "appointment_id": appointment_id,
            "patient_id": patient_id,
            "therapist_id": therapist_id,
            "service_id": 1,
            "number": 100_000 + appointment_id,  # far from the series
            "concept": "Reflexología podal",
            "amount_cents": 8000,
            "currency": "PEN",
            "tax_rate_bp": 1800,
            "status": "open",
            "service_day": day,
            "issued_at": starts_at,
        },
    )
