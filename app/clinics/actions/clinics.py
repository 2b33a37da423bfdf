"""Actions: a clinic's settings, rooms and closed days."""

from dataclasses import fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select

from app.clinics import events, permissions, queries, rules
from app.clinics.models import Closure, Room, Settings
from app.identity.actions import staff
from app.kernel import outbox
from app.kernel.access import Actor, require, require_anywhere
from app.kernel.db import db, insert, lock
from app.kernel.errors import Forbidden, Invalid, NotFound
from app.kernel.i18n import N_
from app.tenancy.models import Clinic, Organization


def create_clinic(settings: rules.ClinicSettings, *, actor: Actor, now: datetime) -> int:
    """Open a clinic of the actor's organization; a user becomes its admin. Returns its id.

    Payment methods, till and document series follow by billing's subscriber.
    """
    require_anywhere(actor, permissions.MANAGE)
    settings = rules.check_settings(settings)
    clinic, row = Clinic(organization_id=actor.organization_id), Settings()
    _write(clinic, row, settings)
    db.session.add(clinic)
    db.session.flush()  # for the primary key
    row.clinic_id = clinic.id
    db.session.add(row)
    if actor.user_id is not None:
        staff.add_role(actor.user_id, clinic.id, "admin", actor=actor, now=now)
    event = events.ClinicCreated(clinic_id=clinic.id)
    outbox.record(event, actor=actor, now=now, clinic_id=clinic.id, subject_id=clinic.id)
    return clinic.id


def update_clinic(clinic_id: int, settings: rules.ClinicSettings, *, actor: Actor, now: datetime) -> None:
    """Give a clinic these settings. What is booked or ticketed already stays as it was."""
    clinic = _clinic(clinic_id, actor)
    settings = rules.check_settings(settings)
    changes = _write(clinic, db.session.get_one(Settings, clinic.id), settings)
    if not changes:
        return
    event = events.ClinicChanged(clinic_id=clinic.id, fields=sorted(changes))
    outbox.record(event, actor=actor, now=now, clinic_id=clinic.id, subject_id=clinic.id, changes=changes)


def _write(clinic: Clinic, row: Settings, settings: rules.ClinicSettings) -> dict[str, list[Any]]:
    """Set what is different in the clinic's identity and in its settings: ``{field: [old, new]}``."""
    changes: dict[str, list[Any]] = {}
    for field in fields(settings):
        target = clinic if hasattr(Clinic, field.name) else row
        new = getattr(settings, field.name)
        new = sorted(new) if isinstance(new, tuple) else new
        old = getattr(target, field.name)
        if old != new:
            setattr(target, field.name, new)
            changes[field.name] = [old, new]
    return changes


def _clinic(clinic_id: int, actor: Actor) -> Clinic:
    """A clinic that the actor manages. Raises NotFound."""
    clinic = db.session.get(Clinic, clinic_id) if clinic_id in actor.clinics_with(permissions.MANAGE) else None
    if clinic is None:
        raise NotFound
    require(actor, permissions.MANAGE, clinic.id)
    return clinic


def share_patients(shares: bool, *, actor: Actor, now: datetime) -> None:
    """Whether the clinics of the actor's organization share the register of people (D39).

    Raises Forbidden unless the actor manages all of its clinics.
    """
    if not queries.lists.manages_organization(actor):
        raise Forbidden
    organization = db.session.get_one(Organization, actor.organization_id)
    if organization.shares_patients == shares:
        return
    organization.shares_patients = shares
    event = events.OrganizationChanged(organization_id=organization.id, fields=["shares_patients"])
    changes: dict[str, list[Any]] = {"shares_patients": [not shares, shares]}
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=organization.id, changes=changes)


# ------------------------------------------------------------------ rooms


def add_room(clinic_id: int, name: str, *, actor: Actor, now: datetime) -> int:
    """Open a room. Raises NameTaken."""
    clinic = _clinic(clinic_id, actor)
    room = Room(clinic_id=clinic.id, name=_free_room_name(clinic.id, name))
    db.session.add(room)
    db.session.flush()  # flush for the primary key
    _tell_room(room, actor=actor, now=now)
    return room.id


def rename_room(room_id: int, name: str, *, actor: Actor, now: datetime) -> None:
    """Give a room another name. Raises NameTaken."""
    room = _room(room_id, actor)
    room.name = _free_room_name(room.clinic_id, name, but=room.id)
    _tell_room(room, actor=actor, now=now)


def close_room(room_id: int, *, actor: Actor, now: datetime) -> None:
    """No new bookings go there; what is booked there stays."""
    room = _room(room_id, actor)
    room.is_active = False
    _tell_room(room, actor=actor, now=now)


def reopen_room(room_id: int, *, actor: Actor, now: datetime) -> None:
    room = _room(room_id, actor)
    room.is_active = True
    _tell_room(room, actor=actor, now=now)


def _room(room_id: int, actor: Actor) -> Room:
    room = db.session.scalar(
        select(Room).where(Room.id == room_id, Room.clinic_id.in_(actor.clinics_with(permissions.MANAGE)))
    )
    if room is None:
        raise NotFound
    require(actor, permissions.MANAGE, room.clinic_id)
    return room


def _free_room_name(clinic_id: int, name: str, but: int | None = None) -> str:
    name = name.strip()[:60]
    if not name:
        raise Invalid({"name": N_("Escriba el nombre de la sala.")})
    lock("room", clinic_id)  # two rooms of the same name at once would violate the unique index
    if db.session.scalar(select(Room.id).where(Room.clinic_id == clinic_id, Room.name == name, Room.id != but)):
        raise rules.NameTaken
    return name


def _tell_room(room: Room, *, actor: Actor, now: datetime) -> None:
    event = events.RoomChanged(room_id=room.id)
    outbox.record(event, actor=actor, now=now, clinic_id=room.clinic_id, subject_id=room.id)


# ------------------------------------------------------------------ closed days


def add_closure(clinic_id: int, day: date, reason: str, *, actor: Actor, now: datetime) -> None:
    """Shut the clinic for a day; the same day again replaces the reason. Booked visits stay booked."""
    clinic = _clinic(clinic_id, actor)
    if not reason.strip():
        raise Invalid({"reason": N_("Escriba el motivo, por ejemplo «Feriado».")})
    values = {"clinic_id": clinic.id, "day": day, "reason": reason.strip()[:120]}
    row = insert(Closure).values(**values)
    row = row.on_conflict_do_update(index_elements=["clinic_id", "day"], set_={"reason": values["reason"]})
    db.session.execute(row)
    _tell_closure(clinic.id, day, actor=actor, now=now)


def remove_closure(closure_id: int, *, actor: Actor, now: datetime) -> int:
    """Open the clinic again on that day; returns the clinic. Raises NotFound."""
    found = db.session.execute(select(Closure.clinic_id, Closure.day).where(Closure.id == closure_id)).first()
    if found is None:
        raise NotFound
    clinic = _clinic(found.clinic_id, actor)
    db.session.execute(delete(Closure).where(Closure.id == closure_id))
    _tell_closure(clinic.id, found.day, actor=actor, now=now)
    return clinic.id


def _tell_closure(clinic_id: int, day: date, *, actor: Actor, now: datetime) -> None:
    event = events.ClosuresChanged(clinic_id=clinic_id, day=day.isoformat())
    outbox.record(event, actor=actor, now=now, clinic_id=clinic_id, subject_id=clinic_id)
