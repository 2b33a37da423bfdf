"""Test data with defaults: one function for each thing, and keywords for what a test is about.

Inside an application context; every function commits and returns an id. Tickets and money go through the
actions of billing, as in the product; visits and hours are inserted here and nowhere else in the tests, so
that a visit can be in any state at any time.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from app.billing import actions as billing
from app.billing.models import Till, TillSession
from app.clinics.models import Service, Therapist, therapist_service
from app.encounters.models import Encounter
from app.identity.models import Membership, Role, RolePermission
from app.kernel import clock
from app.kernel.access import Actor, codes_of
from app.kernel.db import db
from app.kernel.db import insert as insert_or_ignore
from app.patients.models import CareRelation, Patient
from app.scheduling import rules as scheduling_rules
from app.scheduling.models import Appointment, WorkingHours
from tests.cast import Cast

LIMA = ZoneInfo("America/Lima")
TODAY = date(2026, 11, 20)  # a Friday
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=LIMA)
RECEPTIONISTS = {Cast.miraflores: (Cast.ana_user, "Ana Torres"), Cast.arequipa: (Cast.fabio_user, "Fabio Luna")}
# One visit after the other on a busy day.
STATUSES = (
    *("fulfilled", "fulfilled", "checked-in", "arrived", "cancelled"),
    *("noshow", "booked", "booked", "pending", "booked"),
)
THERAPISTS = (
    "Bruno Salas",
    "Hugo Ramírez",
    "Inés Cárdenas",
    "Julia Ponce",
    "Kevin Rojas",
    "Lucía Vega",
    "Mario Quispe",
)
PATIENTS = ("Clara Inés Núñez Quispe", "José Luis Huamán Díaz", "Rosa Flores Paz", "Ana María Gutiérrez de la Cruz")


def at(clock_time: str, day: date = TODAY) -> datetime:
    """``at("09:30")``: that time in Lima as an instant."""
    return datetime.fromisoformat(f"{day} {clock_time}").replace(tzinfo=LIMA).astimezone(UTC)


def actor(
    user_id: int = Cast.ana_user, name: str = "Ana Torres", clinic_id: int = 1, role: str = "receptionist"
) -> Actor:
    """An actor with a role in one clinic, as the sign-in would load them."""
    return Actor(
        user_id=user_id,
        session_id=None,
        organization_id=1,
        name=name,
        roles=((clinic_id, role),),
        grants={clinic_id: codes_of(role)},
    )


def role(code: str, permissions: Iterable[str], *, organization: int = Cast.organization) -> int:
    """A role that an organization made for itself."""
    row = Role(organization_id=organization, code=code, label=code.capitalize(), rank=50)
    db.session.add(row)
    db.session.flush()
    db.session.add_all(RolePermission(role_id=row.id, permission_code=held) for held in permissions)
    db.session.commit()
    return row.id


def membership(user_id: int, clinic_id: int, role: str, **columns: object) -> int:
    """A role in a clinic by its code; ``valid_from`` and ``valid_until`` limit it."""
    role_id = db.session.scalars(select(Role.id).where(Role.code == role)).one()
    values = {"user_id": user_id, "clinic_id": clinic_id, "role_id": role_id, **columns}
    membership_id: int = db.session.execute(insert(Membership).returning(Membership.id), values).scalar_one()
    db.session.commit()
    return membership_id


def roles_of(user_id: int) -> set[tuple[int, str]]:
    """The ``(clinic, role code)`` of a user."""
    held = select(Membership.clinic_id, Role.code).join(Role, Role.id == Membership.role_id)
    return {(row.clinic_id, row.code) for row in db.session.execute(held.where(Membership.user_id == user_id))}


def receptionist(clinic_id: int = Cast.miraflores) -> Actor:
    user_id, name = RECEPTIONISTS[clinic_id]
    return actor(user_id, name, clinic_id)


def visit(
    starts_at: datetime,
    *,
    minutes: int = 30,
    status: str = "booked",
    patient: int = Cast.clara,
    therapist: int = Cast.bruno,
    clinic: int = Cast.miraflores,
    service: int = Cast.physiotherapy,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
    ticket_cents: int | None = 6000,
    paid: bool = False,
    **columns: object,
) -> int:
    """A visit with its ticket (none with ``ticket_cents=None``); a session too when it has started."""
    arrived_at = columns.get("arrived_at")
    values = {
        "uid": f"{clinic}-{therapist}-{starts_at:%Y%m%d%H%M}",
        "organization_id": 1,
        "clinic_id": clinic,
        "therapist_id": therapist,
        "patient_id": patient,
        "service_id": service,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=minutes),
        "status": status,
        "status_since": finished_at or started_at or arrived_at or starts_at - timedelta(days=1),
        "created_at": starts_at - timedelta(days=1),
        **columns,
    }
    visit_id: int = db.session.execute(insert(Appointment).returning(Appointment.id), values).scalar_one()
    if started_at:
        of_visit = {name: values[name] for name in ("organization_id", "clinic_id", "patient_id", "therapist_id")}
        session = {**of_visit, "appointment_id": visit_id, "started_at": started_at, "status": "in-progress"}
        if finished_at:
            session |= {"finished_at": finished_at, "status": "finished"}
        db.session.execute(insert(Encounter), session)
    care_relation(patient, therapist, clinic=clinic, status=status, since=values["created_at"])
    if ticket_cents is not None:
        day = clock.local_day(starts_at, str(LIMA))
        its_ticket = ticket(
            visit_id, cents=ticket_cents, patient=patient, therapist=therapist, service=service, clinic=clinic, day=day
        )
        if paid:
            till_session(clinic=clinic, opened_at=at("08:00"))
            payment(its_ticket, clinic=clinic, now=at("09:00", day))
    db.session.commit()
    return visit_id


def care_relation(
    patient: int, therapist: int, *, clinic: int = Cast.miraflores, status: str = "booked", since: datetime = NOW
) -> None:
    """The therapist treats the patient, if a visit in this status makes the relation."""
    if status in scheduling_rules.TREATING:
        values = {"patient_id": patient, "therapist_id": therapist, "clinic_id": clinic}
        row = {**values, "source": "appointment", "since": since}
        db.session.execute(insert_or_ignore(CareRelation).values(row).on_conflict_do_nothing())


def ticket(
    appointment: int | None = None,
    *,
    cents: int = 8000,
    patient: int = Cast.clara,
    therapist: int | None = Cast.bruno,
    service: int | None = Cast.reflexology,
    clinic: int = Cast.miraflores,
    concept: str = "",
    day: date = TODAY,
    now: datetime | None = None,
) -> int:
    """A ticket for a service of the clinic, issued at eight on its day."""
    name = concept or db.session.scalar(select(Service.name).where(Service.id == service)) or "Sesión"
    issued = billing.tickets.open_ticket(
        clinic_id=clinic,
        appointment_id=appointment,
        patient_id=patient,
        therapist_id=therapist,
        service_id=service,
        concept=name,
        amount_cents=cents,
        currency="PEN",
        tax_rate_bp=1800,
        service_day=day,
        actor=receptionist(clinic),
        now=now or at("08:00", day),
    )
    db.session.commit()
    return issued.id


def payment(
    ticket_id: int,
    cents: int | None = None,
    *,
    method: str = "efectivo",
    clinic: int = Cast.miraflores,
    now: datetime = NOW,
    **options: object,
) -> int:
    """Money for a ticket, all that is owed without ``cents``; a till has to be open."""
    by = receptionist(clinic)
    taken = billing.payments.take_payment(ticket_id, method=method, amount_cents=cents, actor=by, now=now, **options)
    db.session.commit()
    return taken.id


def till_session(
    till: int | None = None,
    *,
    float_cents: int = 10000,
    clinic: int = Cast.miraflores,
    opened_at: datetime = NOW - timedelta(hours=2),
) -> int:
    """The open session of the clinic's till, opened if it is not."""
    till = till or (Cast.till if clinic == Cast.miraflores else Cast.other_till)
    found = db.session.scalar(select(TillSession.id).where(TillSession.till_id == till, TillSession.status == "open"))
    if found is not None:
        return int(found)
    by = receptionist(clinic)
    opened = billing.tills.open_till(till, opening_float_cents=float_cents, actor=by, now=opened_at)
    db.session.commit()
    return opened


def till(name: str = "Caja 2", *, clinic: int = Cast.miraflores) -> int:
    values = {"clinic_id": clinic, "name": name, "kind": "recaudadora", "is_active": True}
    return int(db.session.execute(insert(Till).returning(Till.id), values).scalar_one())


def busy_day(therapists: int, *, visits_each: int = 10, minutes: int = 45, day: date = TODAY) -> None:
    """New therapists in Miraflores with the usual hours, each with visits in every status."""
    patients = _patients(therapists)
    for index in range(therapists):
        therapist_id = _therapist(f"{THERAPISTS[index % len(THERAPISTS)]} {index}", day)
        for turn in range(visits_each):
            status = STATUSES[turn % len(STATUSES)]
            starts_at = clock.at(day, _start_minute(turn, minutes), str(LIMA))
            ends_at = starts_at + timedelta(minutes=minutes)
            has_session = status == "fulfilled" and therapist_id % 3 > 0
            visit(
                starts_at,
                minutes=minutes,
                status=status,
                patient=patients[index],
                therapist=therapist_id,
                service=1 + therapist_id % 2,
                started_at=starts_at if has_session else None,
                finished_at=ends_at if has_session and therapist_id % 2 else None,
                ticket_cents=8000,
                status_since=starts_at,
                is_first_visit=therapist_id % 5 == 0,
                confirmation="accepted" if therapist_id % 2 else "needs-action",
            )


def _start_minute(turn: int, minutes: int) -> int:
    """As many visits as fit into the morning from 09:00, the others from 14:00."""
    in_morning = 4 * 60 // minutes
    return 9 * 60 + turn * minutes if turn < in_morning else 14 * 60 + (turn - in_morning) * minutes


def _patients(count: int) -> list[int]:
    model = db.session.scalars(select(Patient).order_by(Patient.id)).first()
    assert model is not None
    columns = {c.name: getattr(model, c.name) for c in Patient.__table__.columns if c.name not in ("id", "user_id")}
    rows = [
        {**columns, "document_number": f"7000{index:04d}", "full_name": PATIENTS[index % len(PATIENTS)]}
        for index in range(count)
    ]
    return list(db.session.scalars(insert(Patient).returning(Patient.id), rows))


def _therapist(name: str, day: date) -> int:
    given, surnames = name.split(" ", 1)
    values = {"organization_id": 1, "given_names": given, "surnames": surnames, "display_name": name}
    therapist_id: int = db.session.execute(insert(Therapist).returning(Therapist.id), values).scalar_one()
    services = [{"therapist_id": therapist_id, "service_id": service} for service in (1, 2)]
    db.session.execute(insert(therapist_service), services)
    hours = {
        "therapist_id": therapist_id,
        "clinic_id": Cast.miraflores,
        "weekday": day.weekday(),
        "starts_minute": 9 * 60,
        "ends_minute": 18 * 60,
        "break_starts_minute": 13 * 60,
        "break_ends_minute": 14 * 60,
    }
    db.session.execute(insert(WorkingHours), hours)
    return therapist_id
