"""Reads: who acts. One statement finds the user, the roles with their permissions and the profiles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import FromClause, Integer, Row, Select, String, bindparam, func, join, null, select

from app.identity import permissions, rules
from app.identity.models import Membership, Role, RolePermission, User, UserSession
from app.kernel import access, clock, ids
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.tenancy.models import Clinic

# Permission codes contain no space: one string instead of a row for each.
_CODES = (
    select(func.aggregate_strings(RolePermission.permission_code, " "))
    .where(RolePermission.role_id == Role.id)
    .correlate(Role)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class _Statements:
    by_token: Select[Any]
    by_session: Select[Any]
    by_user: Select[Any]


def actor_of_token(token: str, *, now: datetime) -> tuple[Actor, datetime] | None:
    """The actor behind a cookie's secret and when it was last seen; None when the session is over."""
    return _of_session(_statements(access.profiles()).by_token, {"token_hash": ids.digest(token)}, now)


def actor_of_session(session_id: int, *, now: datetime) -> tuple[Actor, datetime] | None:
    """The same by the number of the session row (access tokens, sockets)."""
    return _of_session(_statements(access.profiles()).by_session, {"session_id": session_id}, now)


def actor_of_user(user_id: int, *, channel: str, now: datetime) -> Actor:
    """A user with the rights held now and without a session: for whom a job works. Raises NotFound."""
    rows = db.session.execute(_statements(access.profiles()).by_user, {"user_id": user_id}).all()
    if not rows:
        raise NotFound
    return _actor(rows, now, channel=channel)


def _of_session(statement: Select[Any], values: dict[str, Any], now: datetime) -> tuple[Actor, datetime] | None:
    rows = db.session.execute(statement, values).all()
    if not rows:
        return None
    row = rows[0]
    if row.expires_at < now or rules.is_idle(row.last_seen_at, row.kind, now):
        return None
    actor = _actor(rows, now)
    return _restricted(actor) if row.password_expires_at else actor, row.last_seen_at


def _restricted(actor: Actor) -> Actor:
    """Who signed in with a temporary password, until it is changed."""
    return replace(
        actor,
        roles=(),
        grants={},
        own=frozenset({permissions.OWN_ACCOUNT.code}),
        profiles={},
        has_temporary_password=True,
    )


@lru_cache(maxsize=8)
def _statements(profiles: tuple[access.Profile, ...]) -> _Statements:
    """A row for each membership of the user, one without when there is none."""
    columns = (
        User.id.label("user_id"),
        User.organization_id,
        User.full_name,
        User.email,
        User.locale,
        User.theme,
        User.password_expires_at,
        Membership.clinic_id,
        Membership.valid_from,
        Membership.valid_until,
        Clinic.timezone,
        Role.code,
        Role.label,
        Role.rank,
        _CODES.label("codes"),
        *(profile.subject.label(f"profile_{profile.kind}") for profile in profiles),
        *(_own_codes(profile).label(f"own_{profile.kind}") for profile in profiles if profile.own_role),
    )
    session = (UserSession.id.label("session_id"), UserSession.kind, UserSession.last_seen_at, UserSession.expires_at)

    def of(users: FromClause, *first: Any) -> Select[Any]:
        return (
            select(*first, *columns)
            .select_from(users)
            .outerjoin(Membership, Membership.user_id == User.id)
            .outerjoin(Clinic, Clinic.id == Membership.clinic_id)
            .outerjoin(Role, Role.id == Membership.role_id)
            .where(User.is_active.is_(True))
        )

    sessions = join(UserSession, User, User.id == UserSession.user_id)
    alive = of(sessions, *session).where(UserSession.revoked_at.is_(None))
    return _Statements(
        by_token=alive.where(UserSession.token_hash == bindparam("token_hash", type_=String)),
        by_session=alive.where(UserSession.id == bindparam("session_id", type_=Integer)),
        by_user=of(User.__table__, null().label("session_id")).where(User.id == bindparam("user_id", type_=Integer)),
    )


def _own_codes(profile: access.Profile) -> Any:
    return (
        select(func.aggregate_strings(RolePermission.permission_code, " "))
        .join(Role, Role.id == RolePermission.role_id)
        .where(Role.code == profile.own_role, Role.scope == "own")
        .correlate(None)
        .scalar_subquery()
    )


def _actor(rows: Sequence[Row[Any]], now: datetime, channel: str = "desk") -> Actor:
    first = rows[0]
    held = [row for row in rows if row.clinic_id is not None and _is_valid(row, now)]
    grants: dict[int, frozenset[str]] = {}
    for row in held:
        grants[row.clinic_id] = grants.get(row.clinic_id, frozenset()) | _split(row.codes)
    subject_ids = {profile: getattr(first, f"profile_{profile.kind}") for profile in access.profiles()}
    present = [profile for profile, subject_id in subject_ids.items() if subject_id is not None]
    own = [profile for profile in present if profile.own_role]
    top = min(((row.rank, row.code, row.label) for row in held), default=None)
    top = top or next(((0, profile.own_role, _label(profile.own_role)) for profile in own), (0, "", ""))
    return Actor(
        user_id=first.user_id,
        session_id=first.session_id,
        organization_id=first.organization_id,
        name=first.full_name,
        email=first.email,
        locale=first.locale,
        theme=first.theme,
        channel=channel,
        role=top[1],
        role_label=top[2],
        roles=(*((row.clinic_id, row.code) for row in held), *((None, profile.own_role) for profile in own)),
        grants=grants,
        own=frozenset().union(*(_split(getattr(first, f"own_{profile.kind}")) for profile in own)),
        profiles={profile.kind: subject_ids[profile] for profile in present},
    )


def _is_valid(row: Row[Any], now: datetime) -> bool:
    """A membership's days are those of its clinic: who works until the 30th works its whole evening."""
    if row.valid_from is None and row.valid_until is None:
        return True
    return rules.is_valid_on(clock.local_day(now, row.timezone), row.valid_from, row.valid_until)


@lru_cache(maxsize=256)
def _split(codes: str | None) -> frozenset[str]:
    return frozenset((codes or "").split())


def _label(code: str) -> str:
    return next((role.label for role in rules.BUILTIN_ROLES if role.code == code), code)
