"""Actions: what a clinic offers. A new price is for new visits; tickets keep the price they were made with."""

from datetime import datetime

from sqlalchemy import select

from app.clinics import events, permissions, rules
from app.clinics.models import Service, Specialty
from app.kernel import outbox
from app.kernel.access import Actor, require
from app.kernel.db import db, lock
from app.kernel.errors import Invalid, NotFound
from app.kernel.i18n import N_


def create_service(clinic_id: int, data: rules.ServiceData, *, actor: Actor, now: datetime) -> int:
    """Offer something in a clinic; returns its id. Raises Invalid, NameTaken; NotFound for a foreign clinic."""
    if clinic_id not in actor.clinics_with(permissions.MANAGE_SERVICES):
        raise NotFound
    require(actor, permissions.MANAGE_SERVICES, clinic_id)
    _check(clinic_id, data, actor)
    service = Service(clinic_id=clinic_id)
    for name, (_old, new) in rules.differences(service, data).items():
        setattr(service, name, new)
    db.session.add(service)
    db.session.flush()  # flush for the primary key
    event = events.ServiceCreated(service_id=service.id)
    outbox.record(event, actor=actor, now=now, clinic_id=clinic_id, subject_id=service.id)
    return service.id


def update_service(service_id: int, data: rules.ServiceData, *, actor: Actor, now: datetime) -> None:
    """Change a service. Raises Invalid, NameTaken, NotFound."""
    service = _service(service_id, actor)
    _check(service.clinic_id, data, actor, but=service.id)
    _change(service, rules.differences(service, data), actor=actor, now=now)


def retire_service(service_id: int, *, actor: Actor, now: datetime) -> None:
    """Offer it no more; booked visits keep it."""
    service = _service(service_id, actor)
    _change(service, {"is_active": [True, False]} if service.is_active else {}, actor=actor, now=now)


def restore_service(service_id: int, *, actor: Actor, now: datetime) -> None:
    service = _service(service_id, actor)
    _change(service, {} if service.is_active else {"is_active": [False, True]}, actor=actor, now=now)


def _change(service: Service, changes: dict[str, list[object]], *, actor: Actor, now: datetime) -> None:
    if not changes:
        return
    for name, (_old, new) in changes.items():
        setattr(service, name, new)
    event = events.ServiceChanged(service_id=service.id, fields=sorted(changes))
    outbox.record(event, actor=actor, now=now, clinic_id=service.clinic_id, subject_id=service.id, changes=changes)


def _service(service_id: int, actor: Actor) -> Service:
    scope = actor.clinics_with(permissions.MANAGE_SERVICES)
    service = db.session.scalar(select(Service).where(Service.id == service_id, Service.clinic_id.in_(scope)))
    if service is None:
        raise NotFound
    require(actor, permissions.MANAGE_SERVICES, service.clinic_id)
    return service


def _check(clinic_id: int, data: rules.ServiceData, actor: Actor, but: int | None = None) -> None:
    rules.check_service(data)
    if data.specialty_id is not None and not db.session.scalar(
        select(Specialty.id).where(
            Specialty.id == data.specialty_id, Specialty.organization_id == actor.organization_id
        )
    ):
        raise Invalid({"specialty_id": N_("Esta especialidad no existe.")})
    lock("service", clinic_id)  # two services of the same name at once would violate the unique index
    same = select(Service.id).where(Service.clinic_id == clinic_id, Service.name == data.name, Service.id != but)
    if db.session.scalar(same):
        raise rules.NameTaken
