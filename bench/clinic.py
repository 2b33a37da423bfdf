"""A generated clinic: twenty therapists in Miraflores with two hundred visits on every open day.

It stands on the demo's places and people. ``small`` is the size of the ceilings; ``large`` has the same
day in a longer history and among more people, so that a row's growth is the price of the history.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID

from app.billing import models as billing
from app.billing.actions import bulk, tills
from app.billing.queries import tills as reads
from app.cli.demo import people, places
from app.cli.demo.context import ZONE, Moment, put, renumber
from app.cli.demo.places import MIRAFLORES, Worker
from app.clinics import models as clinics
from app.encounters import models as encounters
from app.kernel import clock
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.patients import models as patients
from app.scheduling import models as scheduling

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
    therapists: list[Worker]
    expected: list[int]  # today's visits that can arrive
    busy_day: date  # the next open day: ten visits for each therapist, and some time left
    free_days: list[date]  # open days after the generated ones


def build(size: Size, now: datetime) -> Clinic:
    """Fill an empty, migrated database. The caller commits."""
    moment = Moment(now)
    places.write(moment)
    people.write(moment, PASSWORD, size.patients)
    renumber()
    staff = [*(t for t in places.THERAPISTS if t.clinic_id == MIRAFLORES), *_hired(moment)]
    past = _open_days(moment, -1, size.past_days)[::-1]
    coming = _open_days(moment, 1, size.coming_days + 30)
    days = [*past, moment.today, *coming[: size.coming_days]]
    visits = list(_visits(staff, days, size, moment))
    _write(visits, moment)
    renumber()
    _till(visits, past, moment)
    db.session.query(EventRow).update({"published": True})
    db.session.info.pop("after_commit", None)
    expected = [v["id"] for v in visits if v["day"] == moment.today and v["status"] == "booked"]
    return Clinic(moment.today, staff, expected, coming[0], coming[size.coming_days :])


def _open_days(moment: Moment, step: int, how_many: int) -> list[date]:
    days = (moment.day(step * n) for n in range(1, 3 * how_many + 10))
    return list(islice((day for day in days if places.is_open(day, moment)), how_many))


def _hired(moment: Moment) -> list[Worker]:
    """Sixteen more therapists, each in a room of their own."""
    first = max(t.id for t in places.THERAPISTS) + 1
    room = len(places.ROOMS) + 1
    hired = [
        Worker(first + n, "Terapeuta", f"Número{n + 5}", MIRAFLORES, room + n, (1, 4), 8, 20, 13) for n in range(16)
    ]
    put(
        clinics.Room, [{"id": t.room_id, "clinic_id": 1, "name": f"Sala {t.id + 10}", "is_active": True} for t in hired]
    )
    put(clinics.Therapist, [places.therapist_row(t) for t in hired])
    put(clinics.therapist_service, [{"therapist_id": t.id, "service_id": s} for t in hired for s in t.services])
    put(scheduling.WorkingHours, [row for t in hired for row in places.hours_rows(t, moment)])
    return hired


def _visits(staff: list[Worker], days: list[date], size: Size, moment: Moment) -> Iterator[dict[str, Any]]:
    """Ten for each therapist and day; ids in the order of time."""
    patients = cycle(range(1, size.patients + 1))
    number = 0
    for day in days:
        for place in range(A_DAY // len(staff)):
            for therapist in staff:
                number += 1
                minutes, cents = places.service(therapist.services[0])
                starts_at = clock.at(day, _minute(therapist, place, minutes), ZONE)
                yield {
                    "id": number,
                    "day": day,
                    "therapist": therapist,
                    "patient_id": next(patients),
                    "starts_at": starts_at,
                    "ends_at": starts_at + timedelta(minutes=minutes),
                    "status": _status(day, number, moment),
                    "cents": cents,
                }


def _minute(therapist: Worker, place: int, minutes: int) -> int:
    (morning, noon), (afternoon, _) = therapist.shifts
    before = (noon - morning) // minutes
    return morning + place * minutes if place < before else afternoon + (place - before) * minutes


def _status(day: date, number: int, moment: Moment) -> str:
    if day != moment.today:
        return "fulfilled" if day < moment.today else "booked"
    place = number % A_DAY
    return "fulfilled" if place < OVER else "arrived" if place < OVER + ARRIVED else "booked"


def _write(visits: list[dict[str, Any]], moment: Moment) -> None:
    put(scheduling.Appointment, [_appointment(visit, moment) for visit in visits])
    put(scheduling.AppointmentEvent, [event for visit in visits for event in _events(visit, moment)])
    over = [visit for visit in visits if visit["status"] == "fulfilled"]
    put(encounters.Encounter, [_encounter(visit, moment) for visit in over])
    pairs = {(visit["patient_id"], visit["therapist"].id) for visit in visits}
    care = {"clinic_id": MIRAFLORES, "source": "appointment", "since": moment.now}
    put(patients.CareRelation, [{"patient_id": p, "therapist_id": t, **care} for p, t in sorted(pairs)])
    bulk.issue_tickets([_ticket(visit, moment) for visit in visits])
    series = {"clinic_id": MIRAFLORES, "kind": "ticket", "next_number": len(visits) + 1}
    put(billing.DocumentSeries, [series])


def _since(visit: dict[str, Any], moment: Moment) -> datetime:
    return min(visit["starts_at"], moment.now - timedelta(minutes=5))


def _booked_at(visit: dict[str, Any], moment: Moment) -> datetime:
    return _since(visit, moment) - timedelta(days=7)


def _appointment(visit: dict[str, Any], moment: Moment) -> dict[str, Any]:
    therapist: Worker = visit["therapist"]
    is_here = visit["status"] != "booked"
    return {
        "id": visit["id"],
        "uid": str(UUID(int=moment.rng.getrandbits(128), version=4)),
        "organization_id": 1,
        "clinic_id": MIRAFLORES,
        "therapist_id": therapist.id,
        "patient_id": visit["patient_id"],
        "service_id": therapist.services[0],
        "room_id": therapist.room_id,
        "starts_at": visit["starts_at"],
        "ends_at": visit["ends_at"],
        "status": visit["status"],
        "status_since": _since(visit, moment) if is_here else _booked_at(visit, moment),
        "arrived_at": _since(visit, moment) if is_here else None,
        "created_at": _booked_at(visit, moment),
        "created_by": people.USER["ana"],
    }


def _events(visit: dict[str, Any], moment: Moment) -> Iterator[dict[str, Any]]:
    row = {"appointment_id": visit["id"], "by_user_id": people.USER["ana"]}
    yield {**row, "from_status": None, "to_status": "booked", "at": _booked_at(visit, moment)}
    if visit["status"] != "booked":
        yield {**row, "from_status": "booked", "to_status": "arrived", "at": _since(visit, moment)}
    if visit["status"] == "fulfilled":
        yield {**row, "from_status": "arrived", "to_status": "fulfilled", "at": _since(visit, moment)}


def _encounter(visit: dict[str, Any], moment: Moment) -> dict[str, Any]:
    at = _since(visit, moment)
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


def _ticket(visit: dict[str, Any], moment: Moment) -> dict[str, Any]:
    therapist: Worker = visit["therapist"]
    return {
        "id": visit["id"],
        "clinic_id": MIRAFLORES,
        "number": visit["id"],
        "appointment_id": visit["id"],
        "patient_id": visit["patient_id"],
        "therapist_id": therapist.id,
        "service_id": therapist.services[0],
        "concept": places.SERVICES[therapist.services[0] - 1][2],
        "amount_cents": visit["cents"],
        "currency": "PEN",
        "tax_rate_bp": 1800,
        "service_day": visit["day"],
        "issued_at": _booked_at(visit, moment),
        "issued_by": people.USER["ana"],
    }


# ------------------------------------------------------------------ money


def _till(visits: list[dict[str, Any]], past: list[date], moment: Moment) -> None:
    """Past visits were paid on their days, except the last thousand: those came in today."""
    done = [visit for visit in visits if visit["day"] < moment.today]
    late = {visit["id"] for visit in done[-PAID_TODAY:]}
    ana = people.actor("ana", moment.now)
    for day in past:
        paid = [visit for visit in done if visit["day"] == day and visit["id"] not in late]
        if paid:
            session_id = _take(paid, ana, clock.at(day, 450, ZONE), clock.at(day, 1200, ZONE))
            expected = reads.figures(session_id, clinic_id=MIRAFLORES, opening_float_cents=20000)
            counted = {figure.code: figure.expected_cents for figure in expected}
            tills.close_till(session_id, counted=counted, actor=ana, now=clock.at(day, 1290, ZONE))
    midnight, _ = clock.day_bounds(moment.today, ZONE)
    _take(
        [visit for visit in done if visit["id"] in late],
        ana,
        max(midnight, moment.now - timedelta(hours=6)),
        moment.now,
    )


def _take(visits: list[dict[str, Any]], ana: Actor, opened_at: datetime, until: datetime) -> int:
    session_id = tills.open_till(1, opening_float_cents=20000, actor=ana, now=opened_at)
    step = (until - opened_at) / (len(visits) + 1)
    bulk.record_movements([_payment(v, n, session_id, opened_at + n * step) for n, v in enumerate(visits, start=1)])
    return session_id


def _payment(visit: dict[str, Any], number: int, session_id: int, at: datetime) -> dict[str, Any]:
    method = METHODS[number % len(METHODS)]
    is_cash = method == "efectivo"
    return {
        "clinic_id": MIRAFLORES,
        "session_id": session_id,
        "kind": "payment",
        "method_id": places.method_id(MIRAFLORES, method),
        "amount_cents": visit["cents"],
        "ticket_id": visit["id"],
        "tendered_cents": visit["cents"] if is_cash else None,
        "reference": "" if is_cash else f"{number:07d}",
        "received_at": at,
        "received_by": people.USER["ana"],
    }
