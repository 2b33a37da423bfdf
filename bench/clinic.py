"""A generated clinic: twenty therapists in Miraflores with two hundred visits on every open day.

It stands on the demo's clinics and people. ``small`` is the size of the ceilings; ``large`` has the same
day in a longer history and among more people, so that a row's growth is the price of the history.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID

from app.billing import demo as billing
from app.billing.actions import counts, tills
from app.billing.queries import tills as till_queries
from app.clinics import demo as clinics
from app.clinics.demo import DemoTherapist
from app.clinics.models import Room
from app.encounters import demo as encounters
from app.identity import demo as identity
from app.identity.demo import USER
from app.kernel import clock, demo
from app.kernel.access import Actor
from app.kernel.demo import DemoContext, put
from app.patients import demo as patients
from app.scheduling.demo.hours import write_hours
from app.scheduling.models import Appointment, AppointmentEvent
from app.tenancy import demo as tenancy
from app.tenancy.demo import MIRAFLORES, ZONE

PASSWORD = "una frase para medir"
A_DAY = 200
PAID_TODAY = 1000
METHODS = ("efectivo", "efectivo", "yape", "plin", "tarjeta", "transferencia")
OVER, ARRIVED = 40, 20  # of today's visits: finished, and in the waiting room


@dataclass(frozen=True)
class Size:
    patients: int
    past_days: int
    coming_days: int

    @property
    def appointments(self) -> int:
        return (self.past_days + self.coming_days + 1) * A_DAY


SIZES = {"small": Size(2_000, 12, 12), "large": Size(40_000, 480, 12)}


@dataclass(frozen=True)
class Clinic:
    """What the operations need to know of what was generated."""

    today: date
    therapists: list[DemoTherapist]
    expected: list[int]  # today's visits that can arrive
    busy_day: date  # the next open day: ten visits for each therapist, and some time left
    free_days: list[date]  # open days after the generated ones


def build(size: Size, now: datetime) -> Clinic:
    """Fill an empty, migrated database. The caller commits."""
    context = DemoContext(now, ZONE, PASSWORD)
    tenancy.write_clinics(context)
    identity.write_accounts(context)
    clinics.write_clinics(context)
    patients.write_patients(context, size.patients)
    billing.write_catalogue(context)
    staff = [*(t for t in clinics.THERAPISTS if t.clinic_id == MIRAFLORES), *_hired()]
    write_hours([*staff, *(t for t in clinics.THERAPISTS if t.clinic_id != MIRAFLORES)], context)
    past = _open_days(context, -1, size.past_days)[::-1]
    coming = _open_days(context, 1, size.coming_days + 30)
    days = [*past, context.today, *coming[: size.coming_days]]
    visits = list(_visits(staff, days, size, context))
    _write(visits, context)
    _till(visits, past, context)
    demo.mark_published()
    expected = [v["id"] for v in visits if v["day"] == context.today and v["status"] == "booked"]
    return Clinic(context.today, staff, expected, coming[0], coming[size.coming_days :])


def _open_days(context: DemoContext, step: int, how_many: int) -> list[date]:
    days = (context.today + timedelta(days=step * n) for n in range(1, 3 * how_many + 10))
    return list(islice((day for day in days if clinics.is_open(day, context)), how_many))


def _hired() -> list[DemoTherapist]:
    """Sixteen more therapists, each in a room of their own."""
    first = max(t.id for t in clinics.THERAPISTS) + 1
    room = len(clinics.ROOMS) + 1
    hired = [
        DemoTherapist(first + n, "Terapeuta", f"Número{n + 5}", MIRAFLORES, room + n, (1, 4), 8, 20, 13)
        for n in range(16)
    ]
    put(Room, [{"id": t.room_id, "clinic_id": 1, "name": f"Sala {t.id + 10}", "is_active": True} for t in hired])
    clinics.write_therapists(hired)
    return hired


def _visits(staff: list[DemoTherapist], days: list[date], size: Size, context: DemoContext) -> Iterator[dict[str, Any]]:
    """Ten for each therapist and day; ids in the order of time."""
    patients = cycle(range(1, size.patients + 1))
    number = 0
    for day in days:
        for place in range(A_DAY // len(staff)):
            for therapist in staff:
                number += 1
                service_id = therapist.services[0]
                minutes, cents = clinics.service_minutes(service_id), clinics.service_cents(service_id)
                starts_at = clock.at(day, _minute(therapist, place, minutes), ZONE)
                yield {
                    "id": number,
                    "day": day,
                    "therapist": therapist,
                    "patient_id": next(patients),
                    "starts_at": starts_at,
                    "ends_at": starts_at + timedelta(minutes=minutes),
                    "status": _status(day, number, context),
                    "cents": cents,
                }


def _minute(therapist: DemoTherapist, place: int, minutes: int) -> int:
    (morning, noon), (afternoon, _) = therapist.shifts
    before = (noon - morning) // minutes
    return morning + place * minutes if place < before else afternoon + (place - before) * minutes


def _status(day: date, number: int, context: DemoContext) -> str:
    if day != context.today:
        return "fulfilled" if day < context.today else "booked"
    place = number % A_DAY
    return "fulfilled" if place < OVER else "arrived" if place < OVER + ARRIVED else "booked"


def _write(visits: list[dict[str, Any]], context: DemoContext) -> None:
    put(Appointment, [_appointment(visit, context) for visit in visits])
    put(AppointmentEvent, [event for visit in visits for event in _events(visit, context)])
    over = [visit for visit in visits if visit["status"] == "fulfilled"]
    encounters.write_encounters([_encounter(visit, context) for visit in over])
    pairs = {(visit["patient_id"], visit["therapist"].id) for visit in visits}
    care = {"clinic_id": MIRAFLORES, "source": "appointment", "since": context.now}
    patients.write_care_relations([{"patient_id": p, "therapist_id": t, **care} for p, t in sorted(pairs)])
    tickets = [_ticket(visit, context) for visit in visits]
    billing.issue_tickets(tickets)
    billing.write_series(tickets)


def _since(visit: dict[str, Any], context: DemoContext) -> datetime:
    return min(visit["starts_at"], context.now - timedelta(minutes=5))


def _booked_at(visit: dict[str, Any], context: DemoContext) -> datetime:
    return _since(visit, context) - timedelta(days=7)


def _appointment(visit: dict[str, Any], context: DemoContext) -> dict[str, Any]:
    therapist: DemoTherapist = visit["therapist"]
    is_here = visit["status"] != "booked"
    return {
        "id": visit["id"],
        "uid": str(UUID(int=context.random.getrandbits(128), version=4)),
        "organization_id": 1,
        "clinic_id": MIRAFLORES,
        "therapist_id": therapist.id,
        "patient_id": visit["patient_id"],
        "service_id": therapist.services[0],
        "room_id": therapist.room_id,
        "starts_at": visit["starts_at"],
        "ends_at": visit["ends_at"],
        "status": visit["status"],
        "status_since": _since(visit, context) if is_here else _booked_at(visit, context),
        "arrived_at": _since(visit, context) if is_here else None,
        "created_at": _booked_at(visit, context),
        "created_by": USER["ana"],
    }


def _events(visit: dict[str, Any], context: DemoContext) -> Iterator[dict[str, Any]]:
    row = {"appointment_id": visit["id"], "by_user_id": USER["ana"]}
    yield {**row, "from_status": None, "to_status": "booked", "at": _booked_at(visit, context)}
    if visit["status"] != "booked":
        yield {**row, "from_status": "booked", "to_status": "arrived", "at": _since(visit, context)}
    if visit["status"] == "fulfilled":
        yield {**row, "from_status": "arrived", "to_status": "fulfilled", "at": _since(visit, context)}


def _encounter(visit: dict[str, Any], context: DemoContext) -> dict[str, Any]:
    at = _since(visit, context)
    return {
        "organization_id": 1,
        "clinic_id": MIRAFLORES,
        "patient_id": visit["patient_id"],
        "therapist_id": visit["therapist"].id,
        "appointment_id": visit["id"],
        "status": "finished",
        "started_at": at,
        "finished_at": at,
    }


def _ticket(visit: dict[str, Any], context: DemoContext) -> dict[str, Any]:
    therapist: DemoTherapist = visit["therapist"]
    return {
        "id": visit["id"],
        "clinic_id": MIRAFLORES,
        "number": visit["id"],
        "appointment_id": visit["id"],
        "patient_id": visit["patient_id"],
        "therapist_id": therapist.id,
        "service_id": therapist.services[0],
        "concept": clinics.service_name(therapist.services[0]),
        "amount_cents": visit["cents"],
        "currency": "PEN",
        "tax_rate_bp": 1800,
        "service_day": visit["day"],
        "issued_at": _booked_at(visit, context),
        "issued_by": USER["ana"],
    }


# ------------------------------------------------------------------ money


def _till(visits: list[dict[str, Any]], past: list[date], context: DemoContext) -> None:
    """Past visits were paid on their days, except the last thousand: those came in today."""
    done = [visit for visit in visits if visit["day"] < context.today]
    late = {visit["id"] for visit in done[-PAID_TODAY:]}
    ana = identity.actor(USER["ana"], context.now)
    for day in past:
        paid = [visit for visit in done if visit["day"] == day and visit["id"] not in late]
        if paid:
            session_id = _take(paid, ana, clock.at(day, 450, ZONE), clock.at(day, 1200, ZONE))
            expected = till_queries.figures(session_id, clinic_id=MIRAFLORES, opening_float_cents=20000)
            counted = {figure.code: figure.expected_cents for figure in expected}
            at = clock.at(day, 1290, ZONE)
            counts.submit_count(session_id, counted=counted, actor=ana, now=at)
            tills.close_till(session_id, actor=ana, now=at)
    midnight, _ = clock.day_bounds(context.today, ZONE)
    _take(
        [visit for visit in done if visit["id"] in late],
        ana,
        max(midnight, context.now - timedelta(hours=6)),
        context.now,
    )


def _take(visits: list[dict[str, Any]], ana: Actor, opened_at: datetime, until: datetime) -> int:
    session_id = tills.open_till(1, opening_float_cents=20000, note="Fondo repuesto", actor=ana, now=opened_at)
    step = (until - opened_at) / (len(visits) + 1)
    billing.record_movements([_payment(v, n, session_id, opened_at + n * step) for n, v in enumerate(visits, start=1)])
    return session_id


def _payment(visit: dict[str, Any], number: int, session_id: int, at: datetime) -> dict[str, Any]:
    method = METHODS[number % len(METHODS)]
    is_cash = method == "efectivo"
    return {
        "clinic_id": MIRAFLORES,
        "session_id": session_id,
        "kind": "payment",
        "method_id": billing.method_id(MIRAFLORES, method),
        "amount_cents": visit["cents"],
        "ticket_id": visit["id"],
        "tendered_cents": visit["cents"] if is_cash else None,
        "reference": "" if is_cash else f"{number:07d}",
        "received_at": at,
        "received_by": USER["ana"],
    }
