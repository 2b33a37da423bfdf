"""``/api/appointments/available``: free times."""

import datetime as dt
from typing import Any

from pydantic import AliasChoices, Field

from app.clinics import queries as clinics
from app.http import cycle, limits
from app.http.json import ApiBlueprint
from app.http.resources import Day, Id, Period, Query
from app.kernel.access import Actor
from app.kernel.errors import Invalid
from app.kernel.i18n import N_
from app.patients.profiles import patient_id_of
from app.scheduling import permissions
from app.scheduling.queries import bookable, slots
from app.scheduling.queries.bookable import Asked, Bookable
from app.scheduling.resources import SlotsResource
from app.scheduling.rules.calendar import Slot

api = ApiBlueprint("free_times", __name__)

ASKERS = (
    *(permissions.READ, permissions.READ_ASSIGNED, permissions.READ_OWN),
    *(permissions.BOOK, permissions.BOOK_OWN),
)
MAX_DAYS, MAX_DAYS_OF_PATIENTS = 62, 14
MAX_THERAPIST_DAYS = 600
DAYS_PER_REQUEST = 20  # of a therapist: as many cost as much as another request


class FreeQuery(Query, Period):
    therapist_id: Id | None = Field(None, validation_alias=AliasChoices("therapist_id", "doctor"))
    date_from: Day = Field(validation_alias=AliasChoices("date_from", "date"))
    service_id: Id | None = None
    clinic_id: Id | None = None


@api.get("/api/appointments/available/", requires=ASKERS, query=FreeQuery, answers=SlotsResource)
def available(query: FreeQuery) -> dict[str, Any]:
    """Free times of one therapist or any, for a service; without one for the therapist's default service (D43)."""
    return {"results": [slot.as_json() for slot in _free(query, cycle.actor(), cycle.now())]}


@api.get("/api/appointments/available-slots/", requires=ASKERS, query=FreeQuery, answers=SlotsResource)
def available_slots(query: FreeQuery) -> dict[str, Any]:
    """The same for one day."""
    return {"results": [slot.as_json() for slot in _free(query, cycle.actor(), cycle.now())]}


def _free(query: FreeQuery, actor: Actor, now: dt.datetime) -> list[Slot]:
    first, last = query.date_from, query.date_from if query.date_to is None else query.date_to
    asked = Asked(query.clinic_id, query.therapist_id, query.service_id)
    offers = bookable.bookable(asked, actor=actor)
    _check_size(offers, (last - first).days + 1, actor)
    free: list[Slot] = []
    for offer in offers:
        is_self = slots.books_for_self(offer.service.clinic_id, actor)
        limits.charge(((last - first).days + 1) * len(offer.therapist_ids) // DAYS_PER_REQUEST)
        free += slots.free(
            clinics.clinic(offer.service.clinic_id),
            offer.therapist_ids,
            first,
            last,
            duration_minutes=offer.service.duration_minutes,
            is_self=is_self,
            now=now,
            patient_id=patient_id_of(actor) if is_self else None,
        )
    return sorted(free, key=lambda slot: (slot.starts_at, slot.therapist_id))


def _check_size(offers: list[Bookable], days: int, actor: Actor) -> None:
    """Patients ask for two weeks of one clinic, staff for two months. Raises Invalid."""
    places = {offer.service.clinic_id for offer in offers}
    as_patient = any(slots.books_for_self(clinic_id, actor) for clinic_id in places)
    limit = MAX_DAYS_OF_PATIENTS if as_patient else MAX_DAYS
    if days > limit:
        raise Invalid({"date_to": N_("Pida %(days)s días como máximo.")}, days=limit)
    if as_patient and len(places) > 1:
        raise Invalid({"clinic_id": N_("Elija una sede.")})
    if days * sum(len(offer.therapist_ids) for offer in offers) > MAX_THERAPIST_DAYS:
        raise Invalid({"date_to": N_("Es demasiado de una vez. Pida menos días, una sede o un terapeuta.")})
