"""The demo from the first row to the last, in one transaction."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from app.billing import models as billing
from app.billing.actions import bulk
from app.cli.demo import history, money, notices, people, places, plan
from app.cli.demo.context import Moment, put, renumber
from app.cli.demo.history import Story
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.scheduling import models as scheduling
from app.tenancy.models import Organization


class NotEmpty(Exception):
    """There is a clinic already."""


@dataclass(frozen=True)
class Summary:
    patients: int
    appointments: int

    def __str__(self) -> str:
        return f"Demo clinic: {self.patients} patients, {self.appointments} appointments."


def is_empty() -> bool:
    return db.session.scalar(select(Organization.id).limit(1)) is None


def load(*, password: str, now: datetime) -> Summary:
    """Write the demo clinic into an empty database. Never commits. Raises NotEmpty."""
    if not is_empty():
        raise NotEmpty
    moment = Moment(now)
    places.write(moment)
    people.write(moment, password)
    stories = _stories(moment)
    _write(stories)
    renumber()
    money.write(stories, moment)
    notices.write(stories, moment)
    _let_it_rest()
    return Summary(people.HOW_MANY, len(stories))


def _stories(moment: Moment) -> list[Story]:
    tickets: Counter[int] = Counter()
    known: set[int] = set()
    stories = []
    for visit in plan.visits(moment):
        tickets[visit.clinic_id] += 1
        stories.append(history.tell(visit, tickets[visit.clinic_id], visit.patient_id not in known, moment))
        if history.status_of(visit) in scheduling.OCCUPYING:
            known.add(visit.patient_id)
    return stories


def _write(stories: list[Story]) -> None:
    put(scheduling.Appointment, [story.appointment for story in stories])
    events = [event for story in stories for event in story.events]
    put(scheduling.AppointmentEvent, sorted(events, key=lambda event: event["at"]))
    put(scheduling.Encounter, [story.encounter for story in stories if story.encounter])
    bulk.issue_tickets([story.ticket for story in stories])
    numbers = Counter(story.visit.clinic_id for story in stories)
    series = [{"clinic_id": clinic, "kind": "ticket", "next_number": last + 1} for clinic, last in numbers.items()]
    put(billing.DocumentSeries, series)


def _let_it_rest() -> None:
    """It all happened long ago: no fact of it is news, and nobody is woken."""
    db.session.execute(update(EventRow).values(published=True))
    db.session.info.pop("after_commit", None)
