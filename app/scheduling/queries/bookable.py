"""What can be booked: services with the therapists who give them (D7, D8, D43), and why something else cannot.

A refusal names the field at fault. What is unknown, foreign, retired or hidden is answered by one sentence.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from app.clinics import queries as clinics
from app.clinics.models import Service, Therapist, therapist_service
from app.clinics.queries import ServiceView
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import Invalid
from app.kernel.i18n import N_
from app.scheduling.queries import slots
from app.tenancy import queries as tenancy
from app.tenancy.models import Clinic

NO_CLINIC = N_("Esta sede no existe.")
NO_THERAPIST = N_("Este terapeuta no existe o ya no atiende.")
NO_SERVICE = N_("Este servicio no existe o no se ofrece.")
NO_PATIENT = N_("Este paciente no existe.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a booking or a question for free times names; ids as they came in."""

    clinic_id: int | None = None
    therapist_id: int | None = None
    service_id: int | None = None


@dataclass(frozen=True, slots=True)
class Bookable:
    """A service and the therapists who give it, by id."""

    service: ServiceView
    therapist_ids: list[int]


def bookable(asked: Asked, *, actor: Actor) -> list[Bookable]:
    """The services that are asked for, with their therapists; without one the default services (D43). Two queries.

    Empty when nobody gives the service. Raises Invalid at the field at fault.
    """
    mine = _visible_clinics(actor)
    wanted = mine if asked.clinic_id is None else [asked.clinic_id] if asked.clinic_id in mine else []
    service = therapist_service.c.is_default if asked.service_id is None else Service.id == asked.service_id
    found = _given(therapist_service.c.therapist_id, *_columns()).where(
        Service.clinic_id.in_(wanted), _open_to(actor, mine), service
    )
    if asked.therapist_id is not None:
        found = found.where(Therapist.id == asked.therapist_id)
    services: dict[int, Bookable] = {}
    for row in db.session.execute(found.order_by(Service.id, Therapist.id)):
        values = {name: value for name, value in row._mapping.items() if name != "therapist_id"}
        services.setdefault(row.id, Bookable(ServiceView(**values), [])).therapist_ids.append(row.therapist_id)
    if not services:
        refuse(asked, actor=actor)
    return list(services.values())


def refuse(asked: Asked, *, actor: Actor) -> None:
    """Raise Invalid at the first field that names what the actor cannot book, if there is one."""
    mine = _visible_clinics(actor)
    if asked.clinic_id is not None and asked.clinic_id not in mine:
        raise Invalid({"clinic_id": NO_CLINIC})
    if asked.therapist_id is not None:
        here = _given(Service.clinic_id).where(Therapist.id == asked.therapist_id, Service.clinic_id.in_(mine))
        places = set(db.session.scalars(here))
        if not places:
            raise Invalid({"therapist_id": NO_THERAPIST})
        if asked.clinic_id not in places | {None}:
            raise Invalid({"clinic_id": N_("Este terapeuta no atiende en esa sede.")})
    if asked.service_id is not None:
        _refuse_service(asked, asked.service_id, actor, mine)
    elif asked.therapist_id is not None:
        raise Invalid({"service_id": N_("Indique el servicio: este terapeuta no tiene uno por defecto.")})
    else:
        raise Invalid({"service_id": N_("Indique el servicio o el terapeuta.")})


def _refuse_service(asked: Asked, service_id: int, actor: Actor, mine: list[int]) -> None:
    offered = select(Service.clinic_id).where(
        Service.id == service_id, Service.is_active, Service.clinic_id.in_(mine), _open_to(actor, mine)
    )
    clinic_id = db.session.scalar(offered)
    if clinic_id is None:
        raise Invalid({"service_id": NO_SERVICE})
    if asked.clinic_id not in {None, clinic_id}:
        raise Invalid({"service_id": N_("Este servicio no se ofrece en esa sede.")})
    if asked.therapist_id is not None and not clinics.offers(asked.therapist_id, service_id):
        raise Invalid({"service_id": N_("Este terapeuta no da este servicio.")})


def _visible_clinics(actor: Actor) -> list[int]:
    rows = select(Clinic.id).where(tenancy.visible_clinic(actor), Clinic.is_active.is_(True)).order_by(Clinic.id)
    return list(db.session.scalars(rows))


def _open_to(actor: Actor, clinic_ids: list[int]) -> ColumnElement[bool]:
    """Patients book what is offered online."""
    as_patient = [clinic_id for clinic_id in clinic_ids if slots.books_for_self(clinic_id, actor)]
    return or_(Service.clinic_id.not_in(as_patient), Service.is_online.is_(True))


def _columns() -> list[Any]:
    return [getattr(Service, name) for name in ServiceView.__dataclass_fields__]


def _given(*columns: Any) -> Select[Any]:
    """Active services with the active therapists who give them."""
    return (
        select(*columns)
        .select_from(therapist_service)
        .join(Service, Service.id == therapist_service.c.service_id)
        .join(Therapist, Therapist.id == therapist_service.c.therapist_id)
        .where(Service.is_active.is_(True), Therapist.deleted_at.is_(None))
    )
