"""What may be chosen when a visit is booked or moved: people, services, free times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.clinics import queries as clinics
from app.clinics.models import therapist_service
from app.clinics.queries import ClinicFacts, ServiceFacts, TherapistFacts
from app.kernel import clock
from app.kernel.db import db
from app.kernel.errors import NotFound, RuleBroken
from app.kernel.i18n import N_
from app.scheduling.queries import slots
from app.scheduling.queries.slots import Slot

NEAR_TIMES = 6
MOST_DAYS = 4
MOST_PEOPLE = 4


class NobodyTreats(RuleBroken):
    message = N_("En esta sede todavía no atiende nadie. Agregue un terapeuta con sus servicios en Administración.")


@dataclass(frozen=True, slots=True)
class Choices:
    """``therapist`` and ``service`` are the chosen ones; ``times`` the free ones near the wanted time."""

    people: list[TherapistFacts]
    therapist: TherapistFacts
    services: list[ServiceFacts]
    service: ServiceFacts
    times: list[Slot]


def choices(
    clinic: ClinicFacts, *, therapist_id: int | None, service_id: int | None, wanted: datetime, now: datetime
) -> Choices:
    """For a new visit; without a therapist the first, without a service of theirs their first.

    Raises NotFound for a therapist or a service of somewhere else, NobodyTreats.
    """
    people = clinics.therapists_of(clinic.id)
    if not people:
        raise NobodyTreats
    therapist = _one(people, therapist_id)
    everything = clinics.services_of(clinic.id)
    if service_id is not None:
        _one(everything, service_id)
    given = _services_given_by(therapist.id)
    services = [service for service in everything if service.id in given]
    service = next((s for s in services if s.id == service_id), services[0])
    times = slots.nearest(
        clinic, therapist.id, wanted, duration_minutes=service.duration_minutes, now=now, count=NEAR_TIMES
    )
    return Choices(people, therapist, services, service, times)


def _one(choices: Sequence[Any], wanted: int | None) -> Any:
    found = next((choice for choice in choices if wanted in {None, choice.id}), None)
    if found is None:
        raise NotFound
    return found


def _services_given_by(therapist_id: int) -> set[int]:
    link = therapist_service.c
    return set(db.session.scalars(select(link.service_id).where(link.therapist_id == therapist_id)))


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The free times of somebody on a day."""

    therapist: TherapistFacts
    day: date
    times: list[Slot]


def times_to_move(
    clinic: ClinicFacts, visit: Mapping[str, Any], people: Sequence[TherapistFacts], *, now: datetime
) -> list[FreeTimes]:
    """Where a visit could go: the next days of its therapist, then the others on its day.

    The times nearest to the present hour of the visit, in order. ``people`` give its service.
    """
    by_id = {person.id: person for person in people}
    zone, minutes = clinic.timezone, (visit["ends_at"] - visit["starts_at"]) // timedelta(minutes=1)
    first = max(clock.local_day(now, zone), clock.local_day(visit["starts_at"], zone))
    until = first + timedelta(days=slots.LOOK_AHEAD_DAYS)
    own = [visit["therapist_id"]] if visit["therapist_id"] in by_id else []
    others = [person.id for person in people if person.id != visit["therapist_id"]]
    groups: dict[tuple[int, date], list[Slot]] = {}
    for ids, last in ((own, until), (others, first)):
        for slot in slots.free(clinic, ids, first, last, duration_minutes=minutes, now=now) if ids else ():
            groups.setdefault((slot.therapist_id, clock.local_day(slot.starts_at, zone)), []).append(slot)
    hour = clock.local(visit["starts_at"], zone)
    found = [
        FreeTimes(by_id[therapist_id], day, _nearest(times, clock.at(day, hour.hour * 60 + hour.minute, zone)))
        for (therapist_id, day), times in groups.items()
    ]
    same = [group for group in found if group.therapist.id in own][:MOST_DAYS]
    return same + [group for group in found if group.therapist.id not in own][:MOST_PEOPLE]


def _nearest(times: list[Slot], wanted: datetime) -> list[Slot]:
    chosen = sorted(times, key=lambda slot: abs(slot.starts_at - wanted))[:NEAR_TIMES]
    return sorted(chosen, key=lambda slot: slot.starts_at)
