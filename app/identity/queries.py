"""Reads: the actor behind a session, a user's own data, the users of a clinic."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select

from app.identity import permissions, rules
from app.identity.models import Membership, User, UserSession
from app.kernel import clock, ids
from app.kernel.access import Actor, codes_of
from app.kernel.db import db
from app.kernel.errors import NotFound

_ACTOR = (
    select(
        UserSession.id.label("session_id"),
        UserSession.kind,
        UserSession.last_seen_at,
        UserSession.expires_at,
        User.id.label("user_id"),
        User.organization_id,
        User.full_name,
        User.email,
        User.locale,
        User.theme,
        User.patient_id,
        User.therapist_id,
        Membership.clinic_id,
        Membership.role,
    )
    .join(User, User.id == UserSession.user_id)
    .outerjoin(Membership, Membership.user_id == User.id)
    .where(UserSession.revoked_at.is_(None), User.is_active.is_(True))
)


def actor_of_token(token: str, *, now: datetime) -> tuple[Actor, datetime] | None:
    """The actor behind a cookie's secret and when it was last seen; None when the session is over."""
    return _actor(_ACTOR.where(UserSession.token_hash == ids.digest(token)), now)


def actor_of_session(session_id: int, *, now: datetime) -> tuple[Actor, datetime] | None:
    """The same by the number of the session row (access tokens, sockets)."""
    return _actor(_ACTOR.where(UserSession.id == session_id), now)


def _actor(statement: Select[Any], now: datetime) -> tuple[Actor, datetime] | None:
    rows = db.session.execute(statement).all()
    if not rows:
        return None
    row = rows[0]
    if row.expires_at < now or rules.is_idle(row.last_seen_at, row.kind, now):
        return None
    return actor_from(row, [(r.clinic_id, r.role) for r in rows if r.role]), row.last_seen_at


def actor_from(row: Row[Any], roles: Sequence[tuple[int, str]]) -> Actor:
    """Build an actor from a user's row and roles; permissions are read from the code, every time."""
    grants: dict[int, frozenset[str]] = {}
    for clinic_id, role in roles:
        grants[clinic_id] = grants.get(clinic_id, frozenset()) | codes_of(role)
    own = codes_of(rules.Role.PATIENT) if row.patient_id else frozenset()
    patient = ((None, str(rules.Role.PATIENT)),) if row.patient_id else ()
    return Actor(
        user_id=row.user_id,
        session_id=row.session_id,
        organization_id=row.organization_id,
        name=row.full_name,
        email=row.email,
        locale=row.locale,
        theme=row.theme,
        roles=(*((clinic, role) for clinic, role in roles), *patient),
        grants=grants,
        own=own,
        patient_id=row.patient_id,
        therapist_id=row.therapist_id,
    )


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
        {**row._mapping, "is_current": row.id == actor.session_id}
        for row in rows
        if not rules.is_idle(row.last_seen_at, row.kind, now)
    ]


def staff(*, actor: Actor) -> list[dict[str, Any]]:
    """The users with a role in a clinic that the actor manages: ``{id, full_name, email, roles, …}``."""
    scope = actor.clinics_with(permissions.MANAGE_USERS)
    rows = db.session.execute(
        select(
            User.id,
            User.full_name,
            User.email,
            User.is_active,
            User.therapist_id,
            Membership.clinic_id,
            Membership.role,
        )
        .join(Membership, Membership.user_id == User.id)
        .where(User.organization_id == actor.organization_id, Membership.clinic_id.in_(scope))
        .order_by(User.full_name, User.id, Membership.clinic_id)
    )
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        person = found.setdefault(
            row.id,
            {
                "id": row.id,
                "full_name": row.full_name,
                "email": row.email,
                "is_active": row.is_active,
                "therapist_id": row.therapist_id,
                "roles": [],
            },
        )
        person["roles"].append((row.clinic_id, row.role))
    return list(found.values())


def staff_member(user_id: int, *, actor: Actor) -> dict[str, Any]:
    """One of ``staff``. Raises NotFound."""
    found = next((person for person in staff(actor=actor) if person["id"] == user_id), None)
    if found is None:
        raise NotFound
    return found


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
