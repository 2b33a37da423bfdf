"""The demo from the first row to the last, in one transaction."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.billing import models as billing
from app.billing.actions import bulk
from app.cli.demo import history, money, notices, people, places, plan
from app.cli.demo.context import Moment, put, renumber
from app.cli.demo.history import Story
from app.encounters import models as encounters
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.patients import models as patients
from app.scheduling import models as scheduling
from app.scheduling import rules
from app.scheduling.actions.reach import CARE_SOURCE
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
    _mark_published()
    return Summary(people.HOW_MANY, len(stories))


def _stories(moment: Moment) -> list[Story]:
    tickets: Counter[int] = Counter()
    known: set[int] = set()
    stories = []
    for visit in plan.visits(moment):
        tickets[visit.clinic_id] += 1
        stories.append(history.build_story(visit, tickets[visit.clinic_id], visit.patient_id not in known, moment))
        if history.status_of(visit) in rules.OCCUPYING:
            known.add(visit.patient_id)
    return stories


def _write(stories: list[Story]) -> None:
    put(scheduling.Appointment, [story.appointment for story in stories])
    events = [event for story in stories for event in story.events]
    put(scheduling.AppointmentEvent, sorted(events, key=lambda event: event["at"]))
    put(encounters.Encounter, [story.encounter for story in stories if story.encounter])
    put(patients.CareRelation, _care_relations(stories))
    bulk.issue_tickets([story.ticket for story in stories])
    numbers = Counter(story.visit.clinic_id for story in stories)
    series = [{"clinic_id": clinic, "kind": "ticket", "next_number": last + 1} for clinic, last in numbers.items()]
    put(billing.DocumentSeries, series)


def _care_relations(stories: list[Story]) -> list[dict[str, Any]]:
    """Who treats whom, since the first visit that was neither cancelled nor written in error."""
    relations: dict[tuple[int, int], dict[str, Any]] = {}
    for story in sorted(stories, key=lambda story: story.visit.created_at):
        if story.appointment["status"] in rules.TREATING:
            row = story.appointment
            relation = {name: row[name] for name in ("patient_id", "therapist_id", "clinic_id")}
            relation |= {"source": CARE_SOURCE, "since": row["created_at"]}
            relations.setdefault((row["patient_id"], row["therapist_id"]), relation)
    return list(relations.values())


def _mark_published() -> None:
    """Mark every event published: none of it is to be sent or shown as new."""
    db.session.execute(update(EventRow).values(published=True))
    db.session.info.pop("after_commit", None)
