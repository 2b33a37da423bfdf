"""Sixty days of visits and three weeks of bookings: planned, told as rows, written, paid and announced.

What lies below is written by the demos of those packages: encounters, care relations, tickets, payments, messages.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from app.billing import demo as billing
from app.clinics.demo import THERAPISTS
from app.encounters import demo as encounters
from app.kernel.demo import DemoContext, put
from app.patients import demo as patients
from app.scheduling import rules
from app.scheduling.actions.reach import CARE_SOURCE
from app.scheduling.demo.history import VisitHistory, build_history
from app.scheduling.demo.hours import write_day_off, write_hours
from app.scheduling.demo.notices import write_notices
from app.scheduling.demo.plan import planned_visits
from app.scheduling.models import Appointment, AppointmentEvent


def write_schedule(context: DemoContext) -> None:
    write_hours(THERAPISTS, context)
    write_day_off(context)
    histories = _histories(context)
    _write_visits(histories)
    _write_money(histories, context)
    write_notices(histories, context)


def _histories(context: DemoContext) -> list[VisitHistory]:
    """In the order of booking, which is the order of each clinic's ticket numbers."""
    tickets: Counter[int] = Counter()
    known_patients: set[int] = set()
    histories = []
    for visit in planned_visits(context):
        tickets[visit.clinic_id] += 1
        is_first = visit.patient_id not in known_patients
        history = build_history(visit, tickets[visit.clinic_id], is_first, context)
        histories.append(history)
        if history.appointment["status"] in rules.OCCUPYING:
            known_patients.add(visit.patient_id)
    return histories


def _write_visits(histories: Sequence[VisitHistory]) -> None:
    put(Appointment, [history.appointment for history in histories])
    changes = [change for history in histories for change in history.changes]
    put(AppointmentEvent, sorted(changes, key=lambda change: change["at"]))
    encounters.write_encounters([history.encounter for history in histories if history.encounter])
    patients.write_care_relations(_care_relations(histories))


def _care_relations(histories: Iterable[VisitHistory]) -> list[dict[str, Any]]:
    """Who treats whom, since the first visit that was neither cancelled nor written in error."""
    relations: dict[tuple[int, int], dict[str, Any]] = {}
    for history in sorted(histories, key=lambda history: history.visit.created_at):
        row = history.appointment
        if row["status"] in rules.TREATING:
            relation = {name: row[name] for name in ("patient_id", "therapist_id", "clinic_id")}
            relation |= {"source": CARE_SOURCE, "since": row["created_at"]}
            relations.setdefault((row["patient_id"], row["therapist_id"]), relation)
    return list(relations.values())


def _write_money(histories: Sequence[VisitHistory], context: DemoContext) -> None:
    tickets = [history.ticket for history in histories]
    billing.issue_tickets(tickets)
    billing.write_series(tickets)
    visits = [_finished(history) for history in histories if history.is_over and history.ticket["amount_cents"]]
    past_days = sorted({history.visit.day for history in histories if history.visit.day < context.today})
    billing.write_till_days(visits, past_days, context)


def _finished(history: VisitHistory) -> billing.FinishedVisit:
    return billing.FinishedVisit(
        ticket_id=history.ticket["id"],
        clinic_id=history.visit.clinic_id,
        patient_id=history.visit.patient_id,
        day=history.visit.day,
        ended_at=history.changes[-1]["at"],
        cents=history.ticket["amount_cents"],
    )


DEMO = write_schedule
