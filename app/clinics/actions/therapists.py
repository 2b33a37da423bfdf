"""Actions: who treats, with specialties and services; specialties of the organization."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Table, delete, insert, select

from app.clinics import events, permissions, queries, rules
from app.clinics.models import Service, Specialty, Therapist, therapist_service, therapist_specialty
from app.identity import permissions as identity_permissions
from app.identity.actions import staff
from app.kernel import outbox
from app.kernel.access import Actor, require, require_anywhere
from app.kernel.db import db, lock
from app.kernel.errors import Invalid, NotFound
from app.kernel.i18n import N_

UNCHANGED = -1  # leaves the default service as it is


def create_therapist(
    data: rules.TherapistData,
    *,
    clinic_id: int,
    specialty_ids: Collection[int] = (),
    service_ids: Collection[int] = (),
    default_service_id: int | None = None,
    actor: Actor,
    now: datetime,
) -> int:
    """Register a therapist; returns the id. ``clinic_id`` manages them while they have no service.

    Raises Forbidden, Invalid.
    """
    require(actor, permissions.MANAGE_THERAPISTS, clinic_id)
    therapist = Therapist(organization_id=actor.organization_id, home_clinic_id=clinic_id)
    _write(therapist, rules.check_therapist(data))
    db.session.add(therapist)
    db.session.flush()  # flush for the primary key
    _link(therapist, specialty_ids, service_ids, default_service_id, actor)
    event = events.TherapistCreated(therapist_id=therapist.id)
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=therapist.id)
    return therapist.id


def update_therapist(
    therapist_id: int,
    data: rules.TherapistData,
    *,
    specialty_ids: Collection[int] | None = None,
    service_ids: Collection[int] | None = None,
    default_service_id: int | None = UNCHANGED,
    actor: Actor,
    now: datetime,
) -> None:
    """Change a therapist; None leaves the links. Services of clinics the actor does not manage stay."""
    therapist = _therapist(therapist_id, actor)
    changes = _write(therapist, rules.check_therapist(data))
    _link(therapist, specialty_ids, service_ids, default_service_id, actor)
    fields = sorted(changes)
    fields += [name for name, ids in (("specialties", specialty_ids), ("services", service_ids)) if ids is not None]
    event = events.TherapistChanged(therapist_id=therapist.id, fields=fields)
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=therapist.id, changes=changes)


def retire_therapist(therapist_id: int, *, actor: Actor, now: datetime) -> None:
    """Retire a therapist: no new bookings; their visits and records stay.

    Raises TherapistWorksElsewhere when they also treat in a clinic that the actor does not manage.
    """
    therapist = _therapist(therapist_id, actor)
    if not queries.lists.clinics_of_therapist(therapist.id) <= actor.clinics_with(permissions.MANAGE_THERAPISTS):
        raise rules.TherapistWorksElsewhere
    if therapist.deleted_at is not None:
        return
    therapist.deleted_at = now
    event = events.TherapistRetired(therapist_id=therapist.id)
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=therapist.id)


def restore_therapist(therapist_id: int, *, actor: Actor, now: datetime) -> None:
    """Restore a retired therapist with their services and hours."""
    therapist = _therapist(therapist_id, actor)
    if therapist.deleted_at is None:
        return
    therapist.deleted_at = None
    event = events.TherapistRestored(therapist_id=therapist.id)
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=therapist.id)


def open_account(therapist_id: int, email: str, *, temporary_hash: str, actor: Actor, now: datetime) -> int:
    """An account for a therapist, with the role in the clinics of their services; its id.

    Raises AlreadyHasAccount, EmailTaken; Invalid without a service in a clinic of the actor.
    """
    require_anywhere(actor, identity_permissions.MANAGE_USERS)
    therapist = _therapist(therapist_id, actor)
    if queries.lists.account_of_therapist(therapist.id) is not None:
        raise rules.AlreadyHasAccount
    scope = actor.clinics_with(identity_permissions.MANAGE_USERS)
    clinics = sorted(queries.lists.clinics_of_therapist(therapist.id) & scope)
    if not clinics:
        raise Invalid({"email": N_("Elija primero los servicios que atiende; de ellos salen sus sedes.")})
    name = f"{therapist.given_names} {therapist.surnames}"
    user_id = staff.open_account(email=email, full_name=name, temporary_hash=temporary_hash, actor=actor, now=now)
    therapist.user_id = user_id
    db.session.flush()  # the role asks whose record the account is
    staff.set_roles(user_id, [(clinic_id, "therapist") for clinic_id in clinics], actor=actor, now=now)
    return user_id


def _therapist(therapist_id: int, actor: Actor) -> Therapist:
    """One whom the actor may manage. Raises NotFound."""
    require_anywhere(actor, permissions.MANAGE_THERAPISTS)
    visible = queries.lists.visible_therapist(actor, permissions.MANAGE_THERAPISTS)
    therapist = db.session.scalar(select(Therapist).where(Therapist.id == therapist_id, visible))
    if therapist is None:
        raise NotFound
    return therapist


def _write(therapist: Therapist, data: rules.TherapistData) -> dict[str, list[object]]:
    changes = rules.differences(therapist, data)
    for name, (_old, new) in changes.items():
        setattr(therapist, name, new)
    return changes


def _link(
    therapist: Therapist,
    specialty_ids: Collection[int] | None,
    service_ids: Collection[int] | None,
    default_service_id: int | None,
    actor: Actor,
) -> None:
    """Replace the specialties, and within the clinics that the actor manages the services and the default one."""
    if specialty_ids is not None:
        known = select(Specialty.id).where(Specialty.organization_id == actor.organization_id)
        _replace(therapist_specialty, "specialty_id", therapist.id, set(specialty_ids), set(db.session.scalars(known)))
    if service_ids is None and default_service_id == UNCHANGED:
        return
    scope = actor.clinics_with(permissions.MANAGE_THERAPISTS)
    here = select(Service.id).where(Service.clinic_id.in_(scope), Service.is_active.is_(True))
    managed = set(db.session.scalars(here))
    default = _default_service(therapist.id) if default_service_id == UNCHANGED else default_service_id
    if service_ids is not None:
        before = queries.lists.clinics_of_therapist(therapist.id)
        _replace(therapist_service, "service_id", therapist.id, set(service_ids), managed)
        after = queries.lists.clinics_of_therapist(therapist.id)
        therapist.home_clinic_id = rules.home_clinic(therapist.home_clinic_id, before, after)
    given = set(db.session.scalars(queries.lists.given_by(therapist.id)))
    if default_service_id not in given & managed | {None, UNCHANGED}:
        raise Invalid({"default_service_id": N_("Elija uno de los servicios que atiende.")})
    if default is None and len(given) == 1:  # the only one needs no choice
        default = min(given)
    _set_default(therapist.id, default if default in given else None, managed)


def _default_service(therapist_id: int) -> int | None:
    link = therapist_service.c
    return db.session.scalar(select(link.service_id).where(link.therapist_id == therapist_id, link.is_default))


def _set_default(therapist_id: int, service_id: int | None, managed: set[int]) -> None:
    """The default service of a therapist; None leaves one of a clinic that is not managed here."""
    link = therapist_service.c
    mine = therapist_service.update().where(link.therapist_id == therapist_id)
    cleared = mine.where(link.service_id.in_(managed)) if service_id is None else mine
    db.session.execute(cleared.values(is_default=False))
    if service_id is not None:
        db.session.execute(mine.where(link.service_id == service_id).values(is_default=True))


def _replace(table: Table, column: str, therapist_id: int, wanted: set[int], known: set[int]) -> None:
    """Among ``known`` exactly ``wanted``. Raises Invalid for an id that is not among them."""
    if not wanted <= known:
        raise Invalid({f"{column}s": N_("Uno de los elegidos no existe.")})
    mine = (table.c.therapist_id == therapist_id, table.c[column].in_(known))
    db.session.execute(delete(table).where(*mine))
    if wanted:
        db.session.execute(insert(table), [{"therapist_id": therapist_id, column: i} for i in sorted(wanted)])


def add_specialty(name: str, *, actor: Actor, now: datetime) -> int:
    """A specialty of the organization; the same name again gives the one there is."""
    require_anywhere(actor, permissions.MANAGE_THERAPISTS)
    name = name.strip()[:80]
    if not name:
        raise Invalid({"name": N_("Escriba el nombre de la especialidad.")})
    lock("specialty", actor.organization_id)
    found = db.session.scalar(
        select(Specialty.id).where(Specialty.organization_id == actor.organization_id, Specialty.name == name)
    )
    if found is not None:
        return found
    specialty = Specialty(organization_id=actor.organization_id, name=name)
    db.session.add(specialty)
    db.session.flush()  # flush for the primary key
    return specialty.id
