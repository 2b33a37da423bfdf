"""Reads: a user's own sessions, the users of a clinic. Who acts stands in ``actors``, roles stand in ``roles``."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.identity import permissions, rules
from app.identity.models import Membership, Role, User, UserSession
from app.identity.queries import actors as actors
from app.identity.queries import roles as roles
from app.kernel import clock
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound


def own_sessions(*, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """The actor's open sessions, the newest first."""
    rows = db.session.execute(
        select(
            UserSession.id,
            UserSession.kind,
            UserSession.device,
            UserSession.created_at,
            UserSession.last_seen_at,
        )
        .where(
            UserSession.user_id == actor.user_id,
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > now,
        )
        .order_by(UserSession.last_seen_at.desc())
    )
    return [
        {**row._mapping, "is_current": row.id == actor.session_id, "device_words": rules.device_of(row.device or "")}
        for row in rows
        if not rules.is_idle(row.last_seen_at, row.kind, now)
    ]


def staff(*, actor: Actor) -> list[dict[str, Any]]:
    """The users with a role in a clinic that the actor manages: ``{id, full_name, email, roles, …}``.

    ``roles`` are ``(clinic_id, code)``, also those of another time; ``memberships`` their rows with id and label.
    """
    scope = actor.clinics_with(permissions.MANAGE_USERS)
    rows = db.session.execute(
        select(
            User.id,
            User.full_name,
            User.email,
            User.is_active,
            Membership.clinic_id,
            Membership.role_id,
            Role.code,
            Role.label,
        )
        .join(Membership, Membership.user_id == User.id)
        .join(Role, Role.id == Membership.role_id)
        .where(User.organization_id == actor.organization_id, Membership.clinic_id.in_(scope))
        .order_by(User.full_name, User.id, Membership.clinic_id, Role.rank)
    )
    people: dict[int, dict[str, Any]] = {}
    for row in rows:
        person = people.setdefault(
            row.id,
            {
                "id": row.id,
                "full_name": row.full_name,
                "email": row.email,
                "is_active": row.is_active,
                "roles": [],
                "memberships": [],
            },
        )
        person["roles"].append((row.clinic_id, row.code))
        person["memberships"].append(row)
    return list(people.values())


def staff_member(user_id: int, *, actor: Actor) -> dict[str, Any]:
    """One of ``staff``. Raises NotFound."""
    member = next((person for person in staff(actor=actor) if person["id"] == user_id), None)
    if member is None:
        raise NotFound
    return member


def organization_of(user_id: int) -> int:
    """The organization of a user."""
    return int(db.session.execute(select(User.organization_id).where(User.id == user_id)).scalar_one())


def clinics_of_user(user_id: int) -> set[int]:
    """All clinics in which a user has a role."""
    return set(db.session.scalars(select(Membership.clinic_id).where(Membership.user_id == user_id)))


def sessions_alive(session_ids: set[int]) -> set[int]:
    """Those of these sessions that are still good (the sockets ask every few seconds)."""
    now = clock.now()
    rows = db.session.execute(
        select(UserSession.id, UserSession.kind, UserSession.last_seen_at)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.id.in_(session_ids),
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > now,
            User.is_active.is_(True),
        )
    ).all()
    return {row.id for row in rows if not rules.is_idle(row.last_seen_at, row.kind, now)}
