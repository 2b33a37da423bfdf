"""Which visits an actor sees (D40): whole ones, and of the others in their clinics only that the time is taken.

The one place for it: agenda, day, lists, cards and reports ask here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_

from app.clinics import queries as clinics
from app.clinics.profiles import therapist_id_of
from app.kernel.access import Actor, can_anywhere
from app.patients.profiles import patient_id_of
from app.scheduling import permissions, rules
from app.scheduling.models import Appointment
from app.scheduling.queries.slots import NO_ID
from app.scheduling.queries.visit_rows import VisitRow

# Statements of the hot paths are built once: composing one costs more than running it.
SEEN = or_(
    Appointment.clinic_id.in_(bindparam("seen_clinics", expanding=True)),
    Appointment.therapist_id == bindparam("seen_therapist"),
    Appointment.patient_id == bindparam("seen_patient"),
)


@dataclass(frozen=True, slots=True)
class TakenTime:
    """A visit of another therapist: that the time is taken. ``patient_name`` is None unless the clinic shows names."""

    id: int
    starts_at: datetime
    ends_at: datetime
    therapist_id: int
    therapist_name: str
    clinic_id: int
    clinic_name: str
    patient_name: str | None


@dataclass(frozen=True, slots=True)
class Sight:
    """What an actor sees: all visits of ``clinics``, those of the own therapist and patient; of the other visits in
    ``agendas`` the times, in ``with_names`` the patient's name too."""

    clinics: frozenset[int]
    therapist_id: int
    patient_id: int
    agendas: frozenset[int]
    with_names: frozenset[int]

    def is_whole(self, visit: Any) -> bool:
        """Whether a row with clinic, therapist and patient is seen whole, as ``SEEN`` says."""
        return (
            visit.clinic_id in self.clinics
            or visit.therapist_id == self.therapist_id
            or visit.patient_id == self.patient_id
        )

    def sees_agenda(self, clinic_id: int, therapist_id: int) -> bool:
        """Whether all of a therapist's hours in a clinic are the actor's to know."""
        return clinic_id in self.clinics or therapist_id == self.therapist_id

    def of(self, visit: VisitRow) -> VisitRow | TakenTime:
        """The visit, or what is seen of it."""
        if self.is_whole(visit):
            return visit
        return TakenTime(
            id=visit.id,
            starts_at=visit.starts_at,
            ends_at=visit.ends_at,
            therapist_id=visit.therapist_id,
            therapist_name=visit.therapist_name,
            clinic_id=visit.clinic_id,
            clinic_name=visit.clinic_name,
            patient_name=visit.patient_name if visit.clinic_id in self.with_names else None,
        )


def values(actor: Actor) -> dict[str, Any]:
    """The parameters of ``SEEN``: the clinics whose visits the actor reads, their own agenda, their own visits."""
    assigned = therapist_id_of(actor) and can_anywhere(actor, permissions.READ_ASSIGNED)
    own = patient_id_of(actor) and permissions.READ_OWN.code in actor.own
    return {
        "seen_clinics": list(actor.clinics_with(permissions.READ_ALL)),
        "seen_therapist": therapist_id_of(actor) if assigned else NO_ID,
        "seen_patient": patient_id_of(actor) if own else NO_ID,
    }


def of_actor(actor: Actor) -> Sight:
    """What the actor sees. No query for who sees all visits of their clinics, else one."""
    known = values(actor)
    whole = frozenset(known["seen_clinics"])
    agendas = actor.clinics_with(permissions.READ) - whole
    return Sight(
        clinics=whole,
        therapist_id=known["seen_therapist"],
        patient_id=known["seen_patient"],
        agendas=agendas,
        with_names=clinics.showing_names(agendas) if agendas else frozenset(),
    )


def whole(actor: Actor) -> ColumnElement[bool]:
    """The WHERE of the visits seen whole, for statements composed on the way."""
    return SEEN.params(values(actor))


def taken(agendas: Collection[int]) -> ColumnElement[bool]:
    """The WHERE of the visits that take time in these clinics; those that freed it are nobody else's business."""
    return Appointment.clinic_id.in_(agendas) & Appointment.status.in_(rules.OCCUPYING)


def takes_time(status: str) -> bool:
    """``taken`` for the status of a row."""
    return status in rules.OCCUPYING
