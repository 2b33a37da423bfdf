"""Writes of who administers: accounts of colleagues, roles per clinic, temporary passwords, closing."""

from datetime import datetime

from sqlalchemy import delete, select, update

from app.identity import events, permissions, queries, rules
from app.identity.actions import EmailTaken, create_user, revoke_all_sessions
from app.identity.models import Membership, User
from app.kernel import outbox
from app.kernel.access import Actor, profiles, require_anywhere
from app.kernel.db import db
from app.kernel.errors import Invalid, NotFound, RuleBroken
from app.kernel.i18n import N_


def create_staff(
    *, email: str, full_name: str, roles: list[tuple[int, str]], temporary_hash: str, actor: Actor, now: datetime
) -> int:
    """An account with roles in the actor's clinics; its id.

    Raises EmailTaken; NotFound for a foreign clinic; NoRole without roles.
    """
    if not roles:
        raise NoRole
    user_id = open_account(email=email, full_name=full_name, temporary_hash=temporary_hash, actor=actor, now=now)
    set_roles(user_id, roles, actor=actor, now=now)
    return user_id


def open_account(*, email: str, full_name: str, temporary_hash: str, actor: Actor, now: datetime) -> int:
    """An account of the actor's organization, still without roles; its id.

    ``temporary_hash`` is of a random password, so no user chooses another's. Raises EmailTaken.
    """
    require_anywhere(actor, permissions.MANAGE_USERS)
    return create_user(
        organization_id=actor.organization_id,
        email=email,
        full_name=full_name,
        password_hash=temporary_hash,
        expires_at=now + rules.TEMPORARY_PASSWORD,
        actor=actor,
        now=now,
    )


class NoRole(Invalid):
    """An account without roles would have no permissions and appear in no list of staff."""

    def __init__(self) -> None:
        super().__init__({"roles": N_("Elija al menos un rol. Para quitar el acceso, cierre la cuenta.")})


class OwnRights(Invalid):
    """Administrators cannot remove their own role of administrator."""

    def __init__(self) -> None:
        super().__init__({"roles": N_("No puede quitarse a sí mismo el rol de administración.")})


class NoProfile(Invalid):
    """A role that is also a kind of profile (the therapist's) needs to know whose record it is."""

    def __init__(self) -> None:
        super().__init__({"roles": N_("La cuenta de un terapeuta se crea en su ficha.")})


def set_roles(user_id: int, roles: list[tuple[int, str]], *, actor: Actor, now: datetime) -> None:
    """Give a user exactly these ``(clinic_id, role code)`` in the clinics that the actor manages.

    Roles that stay keep their dates. The user's sessions end: they sign in again with the new permissions.
    Raises NotFound for a foreign clinic, person or role, OwnRights, NoProfile.
    """
    require_anywhere(actor, permissions.MANAGE_USERS)
    scope = actor.clinics_with(permissions.MANAGE_USERS)
    _check_roles(user_id, roles, scope, actor)
    role_codes = _by_id(roles, actor.organization_id)
    memberships = db.session.execute(
        select(Membership.id, Membership.clinic_id, Membership.role_id).where(
            Membership.user_id == user_id, Membership.clinic_id.in_(scope)
        )
    ).all()
    removed = [row.id for row in memberships if (row.clinic_id, row.role_id) not in role_codes]
    db.session.execute(delete(Membership).where(Membership.id.in_(removed)))
    for clinic_id, role_id in role_codes.keys() - {(row.clinic_id, row.role_id) for row in memberships}:
        db.session.add(Membership(user_id=user_id, clinic_id=clinic_id, role_id=role_id))
    event = events.RolesChanged(user_id=user_id, roles=[[c, r] for c, r in roles])
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=user_id)
    revoke_all_sessions(user_id, actor=actor, now=now, keep=actor.session_id)


def _by_id(roles: list[tuple[int, str]], organization_id: int) -> dict[tuple[int, int], str]:
    """``{(clinic_id, role_id): code}``. Raises NotFound for a role that cannot be given in the organization."""
    ids = {role.code: role.id for role in queries.roles.roles_of_organization(organization_id)}
    if any(code not in ids for _clinic_id, code in roles):
        raise NotFound
    return {(clinic_id, ids[code]): code for clinic_id, code in dict.fromkeys(roles)}


def _check_roles(user_id: int, roles: list[tuple[int, str]], scope: frozenset[int], actor: Actor) -> None:
    organization_id = db.session.scalar(select(User.organization_id).where(User.id == user_id))
    if organization_id != actor.organization_id or any(clinic_id not in scope for clinic_id, _ in roles):
        raise NotFound
    if user_id == actor.user_id and {(clinic_id, str(rules.RoleCode.ADMIN)) for clinic_id in scope} - set(roles):
        raise OwnRights
    needed = {profile.kind for profile in profiles()} & {code for _clinic_id, code in roles}
    if not needed <= queries.roles.profiles_of(user_id).keys():
        raise NoProfile


def change_roles(user_id: int, roles: list[tuple[int, str]], *, actor: Actor, now: datetime) -> None:
    """``set_roles`` for one of the actor's staff. Raises NotFound; NoRole when none would be left."""
    queries.staff_member(user_id, actor=actor)
    scope = actor.clinics_with(permissions.MANAGE_USERS)
    if not roles and not queries.clinics_of_user(user_id) - scope:
        raise NoRole
    set_roles(user_id, roles, actor=actor, now=now)


def add_role(user_id: int, clinic_id: int, role: str, *, actor: Actor, now: datetime) -> None:
    """One more role for a user, in a clinic made in this transaction. Permission is the caller's."""
    ((_clinic_id, role_id),) = _by_id([(clinic_id, role)], actor.organization_id)
    db.session.add(Membership(user_id=user_id, clinic_id=clinic_id, role_id=role_id))
    event = events.RolesChanged(user_id=user_id, roles=[[clinic_id, role]])
    outbox.record(event, actor=actor, now=now, clinic_id=clinic_id, subject_id=user_id)


def update_person(user_id: int, *, full_name: str, email: str, actor: Actor, now: datetime) -> None:
    """Correct the name or the address of one of the actor's staff.

    Raises NotFound, EmailTaken, UserWorksElsewhere: the address is what they sign in with.
    """
    require_anywhere(actor, permissions.MANAGE_USERS)
    person = queries.staff_member(user_id, actor=actor)
    if (person["full_name"], person["email"]) == (full_name.strip(), email.strip().casefold()):
        return
    _require_all_clinics(user_id, actor)
    email = email.strip().casefold()
    if db.session.scalar(select(User.id).where(User.email == email, User.id != user_id)):
        raise EmailTaken
    db.session.execute(update(User).where(User.id == user_id).values(full_name=full_name.strip(), email=email))


def reset_password(user_id: int, *, temporary_hash: str, actor: Actor, now: datetime) -> None:
    """A new temporary password for one of the actor's staff; their sessions end.

    Raises NotFound, UserWorksElsewhere.
    """
    require_anywhere(actor, permissions.MANAGE_USERS)
    queries.staff_member(user_id, actor=actor)
    _require_all_clinics(user_id, actor)
    values = {"password_hash": temporary_hash, "password_expires_at": now + rules.TEMPORARY_PASSWORD}
    db.session.execute(update(User).where(User.id == user_id).values(**values))
    outbox.record(events.PasswordChanged(user_id), actor=actor, now=now, clinic_id=None, subject_id=user_id)
    revoke_all_sessions(user_id, actor=actor, now=now, keep=actor.session_id)


class UserWorksElsewhere(RuleBroken):
    """Only an administrator of all clinics of an account may take it over or close it."""

    code = "WORKS_ELSEWHERE"
    message = N_("Esta persona también trabaja en una sede que usted no administra. Quite aquí sus roles de esta sede.")


def _require_all_clinics(user_id: int, actor: Actor) -> None:
    if not queries.clinics_of_user(user_id) <= actor.clinics_with(permissions.MANAGE_USERS):
        raise UserWorksElsewhere


def set_active(user_id: int, active: bool, *, actor: Actor, now: datetime) -> None:
    """Close an account or open it again. Raises NotFound outside the actor's clinics, and for oneself."""
    require_anywhere(actor, permissions.MANAGE_USERS)
    queries.staff_member(user_id, actor=actor)
    if user_id == actor.user_id:
        raise Invalid({"is_active": N_("No puede cerrar su propia cuenta.")})
    _require_all_clinics(user_id, actor)
    db.session.execute(update(User).where(User.id == user_id).values(is_active=active))
    event = events.AccountOpened(user_id) if active else events.AccountClosed(user_id)
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=user_id)
    if not active:
        revoke_all_sessions(user_id, actor=actor, now=now)
