"""Writes of who administers: accounts of colleagues, roles per clinic, temporary passwords, closing."""

from datetime import datetime

from sqlalchemy import delete, select, update

from app.identity import events, permissions, queries, rules
from app.identity.actions import EmailTaken, create_user, hash_password, revoke_all_sessions
from app.identity.models import Membership, User
from app.kernel import outbox
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import db
from app.kernel.errors import Invalid, NotFound, RuleBroken
from app.kernel.i18n import N_


def create_staff(
    *,
    email: str,
    full_name: str,
    roles: list[tuple[int, str]],
    actor: Actor,
    now: datetime,
    therapist_id: int | None = None,
) -> tuple[int, str]:
    """An account with roles in the actor's clinics: ``(user_id, temporary password)``.

    Nobody chooses another person's password: it is drawn here, shown once and kept only hashed.
    Raises EmailTaken; NotFound for a foreign clinic; NoRole without roles.
    """
    require_anywhere(actor, permissions.MANAGE_USERS)
    if not roles:
        raise NoRole
    password = rules.temporary_password()
    user_id = create_user(
        organization_id=actor.organization_id,
        email=email,
        full_name=full_name,
        password=password,
        therapist_id=therapist_id,
        actor=actor,
        now=now,
    )
    set_roles(user_id, roles, actor=actor, now=now)
    return user_id, password


class NoRole(Invalid):
    """Somebody without a role could do nothing, and nobody would find the account again."""

    def __init__(self) -> None:
        super().__init__({"roles": N_("Elija al menos un rol. Para quitar el acceso, cierre la cuenta.")})


class OwnRights(Invalid):
    """Whoever administers cannot lock themselves out."""

    def __init__(self) -> None:
        super().__init__({"roles": N_("No puede quitarse a sí mismo el rol de administración.")})


class NotATherapist(Invalid):
    """The role needs to know whose agenda it is."""

    def __init__(self) -> None:
        super().__init__({"roles": N_("La cuenta de un terapeuta se crea en su ficha.")})


def set_roles(user_id: int, roles: list[tuple[int, str]], *, actor: Actor | None, now: datetime) -> None:
    """Give a user exactly these ``(clinic_id, role)`` in the clinics that the actor manages.

    The user's sessions end: the next click runs with the new rights. ``actor=None`` is the command line.
    Raises NotFound for a foreign clinic or person, OwnRights, NotATherapist.
    """
    if actor is not None:
        _check_roles(user_id, roles, actor)
        scope = actor.clinics_with(permissions.MANAGE_USERS)
        db.session.execute(delete(Membership).where(Membership.user_id == user_id, Membership.clinic_id.in_(scope)))
    for clinic_id, role in dict.fromkeys(roles):
        db.session.add(Membership(user_id=user_id, clinic_id=clinic_id, role=rules.Role(role)))
    outbox.record(
        events.RolesChanged(user_id=user_id, roles=[[c, r] for c, r in roles]),
        actor=actor,
        now=now,
        organization_id=queries.organization_of(user_id),
        clinic_id=None,
        subject_id=user_id,
    )
    if actor is not None:
        revoke_all_sessions(user_id, actor=actor, now=now, keep=actor.session_id)


def _check_roles(user_id: int, roles: list[tuple[int, str]], actor: Actor) -> None:
    require_anywhere(actor, permissions.MANAGE_USERS)
    scope = actor.clinics_with(permissions.MANAGE_USERS)
    person = db.session.execute(select(User.organization_id, User.therapist_id).where(User.id == user_id)).first()
    if person is None or person.organization_id != actor.organization_id or any(c not in scope for c, _ in roles):
        raise NotFound
    if user_id == actor.user_id and {(c, "admin") for c in scope} - set(roles):
        raise OwnRights
    if person.therapist_id is None and any(role == rules.Role.THERAPIST for _, role in roles):
        raise NotATherapist


def change_roles(user_id: int, roles: list[tuple[int, str]], *, actor: Actor, now: datetime) -> None:
    """``set_roles`` for one of the actor's staff. Raises NotFound; NoRole when none would be left."""
    queries.staff_member(user_id, actor=actor)
    scope = actor.clinics_with(permissions.MANAGE_USERS)
    if not roles and not queries.clinics_of_user(user_id) - scope:
        raise NoRole
    set_roles(user_id, roles, actor=actor, now=now)


def add_role(user_id: int, clinic_id: int, role: str, *, actor: Actor, now: datetime) -> None:
    """One more role for a user, in a clinic made in this transaction. Permission is the caller's."""
    db.session.add(Membership(user_id=user_id, clinic_id=clinic_id, role=rules.Role(role)))
    fact = events.RolesChanged(user_id=user_id, roles=[[clinic_id, role]])
    outbox.record(fact, actor=actor, now=now, clinic_id=clinic_id, subject_id=user_id)


def update_person(user_id: int, *, full_name: str, email: str, actor: Actor, now: datetime) -> None:
    """Correct the name or the address of one of the actor's staff.

    Raises NotFound, EmailTaken, WorksElsewhere: the address is what they sign in with.
    """
    require_anywhere(actor, permissions.MANAGE_USERS)
    person = queries.staff_member(user_id, actor=actor)
    if (person["full_name"], person["email"]) == (full_name.strip(), email.strip().casefold()):
        return
    _check_reach(user_id, actor)
    email = email.strip().casefold()
    if db.session.scalar(select(User.id).where(User.email == email, User.id != user_id)):
        raise EmailTaken
    db.session.execute(update(User).where(User.id == user_id).values(full_name=full_name.strip(), email=email))


def reset_password(user_id: int, *, actor: Actor, now: datetime) -> str:
    """A new temporary password for one of the actor's staff; their sessions end.

    Raises NotFound, WorksElsewhere.
    """
    require_anywhere(actor, permissions.MANAGE_USERS)
    queries.staff_member(user_id, actor=actor)
    _check_reach(user_id, actor)
    password = rules.temporary_password()
    db.session.execute(update(User).where(User.id == user_id).values(password_hash=hash_password(password)))
    outbox.record(events.PasswordChanged(user_id), actor=actor, now=now, clinic_id=None, subject_id=user_id)
    revoke_all_sessions(user_id, actor=actor, now=now, keep=actor.session_id)
    return password


class WorksElsewhere(RuleBroken):
    """An account belongs to all its clinics; only who administers all of them may take it over or close it."""

    code = "WORKS_ELSEWHERE"
    message = N_("Esta persona también trabaja en una sede que usted no administra. Quite aquí sus roles de esta sede.")


def _check_reach(user_id: int, actor: Actor) -> None:
    if not queries.clinics_of_user(user_id) <= actor.clinics_with(permissions.MANAGE_USERS):
        raise WorksElsewhere


def set_active(user_id: int, active: bool, *, actor: Actor, now: datetime) -> None:
    """Close an account or open it again. Raises NotFound outside the actor's clinics, and for oneself."""
    require_anywhere(actor, permissions.MANAGE_USERS)
    queries.staff_member(user_id, actor=actor)
    if user_id == actor.user_id:
        raise Invalid({"is_active": N_("No puede cerrar su propia cuenta.")})
    _check_reach(user_id, actor)
    db.session.execute(update(User).where(User.id == user_id).values(is_active=active))
    fact = events.AccountOpened(user_id) if active else events.AccountClosed(user_id)
    outbox.record(fact, actor=actor, now=now, clinic_id=None, subject_id=user_id)
    if not active:
        revoke_all_sessions(user_id, actor=actor, now=now)
