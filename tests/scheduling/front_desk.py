"""Visits of a Friday in Miraflores in every state, written straight into the tables; it is 10:00."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from app.billing.models import Movement, Ticket, TillSession
from app.kernel.db import db
from app.scheduling.models import Appointment, Encounter

LIMA = ZoneInfo("America/Lima")
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=LIMA)


def at(clock_time: str, day: date = TODAY) -> datetime:
    return datetime.fromisoformat(f"{day} {clock_time}").replace(tzinfo=LIMA).astimezone(UTC)


def add_visit(
    starts: str,
    status: str = "booked",
    *,
    patient: int = 1,
    therapist: int = 1,
    clinic: int = 1,
    service: int = 2,
    day: date = TODAY,
    arrived: str = "",
    started: str = "",
    finished: str = "",
    paid: bool = False,
    **more: object,
) -> int:
    """A visit of 30 minutes with its ticket of S/ 60.00; the times are of its day. Returns its id."""
    begins = at(starts, day)
    since = next((at(t, day) for t in (finished, started, arrived) if t), begins - timedelta(days=1))
    visit_id: int = db.session.execute(
        insert(Appointment).returning(Appointment.id),
        {
            "uid": f"{clinic}-{therapist}-{day}-{starts}",
            "organization_id": 1,
            "clinic_id": clinic,
            "therapist_id": therapist,
            "patient_id": patient,
            "service_id": service,
            "starts_at": begins,
            "ends_at": begins + timedelta(minutes=30),
            "status": status,
            "status_since": since,
            "arrived_at": at(arrived, day) if arrived else None,
            "created_at": begins - timedelta(days=1),
            **more,
        },
    ).scalar_one()
    if started:
        session = {"appointment_id": visit_id, "started_at": at(started, day), "status": "in-progress"}
        if finished:
            session |= {"finished_at": at(finished, day), "status": "finished"}
        db.session.execute(insert(Encounter), session)
    _ticket(visit_id, patient, therapist, service, clinic, day, paid=paid)
    db.session.commit()
    return visit_id


def _ticket(visit_id: int, patient: int, therapist: int, service: int, clinic: int, day: date, *, paid: bool) -> None:
    ticket_id = db.session.execute(
        insert(Ticket).returning(Ticket.id),
        {
            "clinic_id": clinic,
            "number": 1000 + visit_id,  # the series of the clinic stands at 1
            "appointment_id": visit_id,
            "patient_id": patient,
            "therapist_id": therapist,
            "service_id": service,
            "concept": "Fisioterapia",
            "amount_cents": 6000,
            "currency": "PEN",
            "tax_rate_bp": 1800,
            "service_day": day,
            "issued_at": at("08:00", day),
        },
    ).scalar_one()
    if paid:
        values = {"clinic_id": clinic, "session_id": open_till(), "kind": "payment", "method_id": 1}
        money = {"amount_cents": 6000, "ticket_id": ticket_id, "received_at": at("09:00", day), "received_by": 1}
        db.session.execute(insert(Movement), {**values, **money})


def open_till() -> int:
    """The till session of the day, number 7."""
    found = db.session.query(TillSession.id).filter_by(number=7).scalar()
    if found:
        return int(found)
    values = {"clinic_id": 1, "till_id": 1, "number": 7, "business_day": TODAY, "opened_at": at("08:00")}
    session_id: int = db.session.execute(
        insert(TillSession).returning(TillSession.id), {**values, "opened_by": 1, "opening_float_cents": 10000}
    ).scalar_one()
    db.session.commit()
    return session_id
