"""Who acts, and what they may do where.

One vocabulary (each domain's ``permissions.py``), one function ``can``, checked at four points:
the route, the scope of a query, the first line of an action, the subscription of a socket.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from flask import Flask, current_app

from app.kernel.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Permission:
    """``code`` is the value in JSON; ``about`` describes the permission to administrators."""

    code: str
    about: str

    def __str__(self) -> str:
        return self.code


class ActorKind(StrEnum):
    USER = "user"  # a person who signed in
    API_CLIENT = "api_client"  # a program with a key of its own
    SYSTEM = "system"  # the product itself: operators' commands, subscribers, periodic jobs


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, loaded once per request or socket.

    ``grants`` maps a clinic to the permission codes held there; ``own`` are permissions on what is the person's own
    (a patient's appointments) and belong to no clinic. ``profiles`` maps a kind of record to the id of the one that
    describes this person; the package that owns the record reads it by a function of its own (``patients.profiles``).
    ``role`` is the most powerful role held anywhere: it decides the home page only, never a permission.
    """

    user_id: int | None
    session_id: int | None
    organization_id: int
    name: str
    email: str = ""
    locale: str | None = None
    theme: str | None = None
    kind: ActorKind = ActorKind.USER
    channel: str = "desk"  # how the actor reached us: desk, online, api, job, webhook, system
    role: str = ""
    role_label: str = ""
    roles: tuple[tuple[int | None, str], ...] = ()
    grants: Mapping[int, frozenset[str]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    profiles: Mapping[str, int] = field(default_factory=dict)
    has_temporary_password: bool = False  # then there are no rights but those on the own account

    @property
    def person_id(self) -> int:
        """The user's id, for what only a person can do. Raises Forbidden for programs and the system."""
        if self.user_id is None:
            raise Forbidden
        return self.user_id

    @property
    def is_system(self) -> bool:
        return self.kind is ActorKind.SYSTEM

    def clinics_with(self, permission: Permission) -> frozenset[int]:
        """The clinics in which this actor holds the permission: the scope of every query."""
        if self.is_system:
            return frozenset(self.grants)
        return frozenset(c for c, codes in self.grants.items() if permission.code in codes)


def system_actor(organization_id: int, clinic_ids: Iterable[int] = (), *, channel: str = "system") -> Actor:
    """The product itself, acting within one organization.

    It holds every permission in every clinic it is asked about. ``clinic_ids`` are the clinics that its queries see.
    """
    return Actor(
        user_id=None,
        session_id=None,
        organization_id=organization_id,
        name="MediConnect",
        kind=ActorKind.SYSTEM,
        channel=channel,
        grants={clinic_id: frozenset() for clinic_id in clinic_ids},
    )


Grants = Mapping[str, Iterable[Permission]]  # role → permissions


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of record that can describe a user. ``subject`` selects its id for a row of users (SQL, correlated).

    ``own_role`` is the built-in role that such a record gives on what is the person's own; "" gives none.
    """

    kind: str
    subject: Any
    own_role: str = ""


def register(app: Flask, grants_of_packages: Iterable[Grants], profiles_of_packages: Iterable[Profile]) -> None:
    """Make the permissions, grants and profiles of every package known to an application."""
    vocabulary: dict[str, Permission] = {}
    granted: dict[str, set[str]] = {}
    for grants in grants_of_packages:
        for role, permissions in grants.items():
            vocabulary |= {permission.code: permission for permission in permissions}
            granted.setdefault(role, set()).update(permission.code for permission in permissions)
    app.extensions["permissions"] = vocabulary
    app.extensions["granted_codes"] = {role: frozenset(codes) for role, codes in granted.items()}
    app.extensions["profiles"] = tuple(profiles_of_packages)


def profiles() -> tuple[Profile, ...]:
    """The kinds of record that can describe a user."""
    declared: tuple[Profile, ...] = current_app.extensions["profiles"]
    return declared


def builtin_roles() -> Mapping[str, frozenset[str]]:
    """The built-in roles with the permission codes that the packages grant to them."""
    granted: Mapping[str, frozenset[str]] = current_app.extensions["granted_codes"]
    return granted


def codes_of(role: str) -> frozenset[str]:
    """The permission codes that the code grants to a built-in role: what its rows are synchronised with."""
    return builtin_roles().get(role, frozenset())


def vocabulary() -> dict[str, Permission]:
    declared: dict[str, Permission] = current_app.extensions["permissions"]
    return declared


def can(actor: Actor | None, permission: Permission, clinic_id: int) -> bool:
    """Whether ``actor`` holds ``permission`` in that clinic."""
    if actor is None:
        return False
    return actor.is_system or permission.code in actor.grants.get(clinic_id, frozenset())


def can_anywhere(actor: Actor | None, permission: Permission) -> bool:
    """Whether ``actor`` holds ``permission`` in any clinic, or on what is the person's own."""
    if actor is None:
        return False
    held = permission.code in actor.own or any(permission.code in codes for codes in actor.grants.values())
    return held or actor.is_system


def require(actor: Actor | None, permission: Permission, clinic_id: int) -> None:
    """Raise Forbidden unless ``can``."""
    if not can(actor, permission, clinic_id):
        raise Forbidden


def require_anywhere(actor: Actor | None, permission: Permission) -> None:
    """Raise Forbidden unless ``can_anywhere``."""
    if not can_anywhere(actor, permission):
        raise Forbidden


class SessionLoader(Protocol):
    """How JSON and sockets find the actor of a session; ``app.wiring`` hands them the function of ``identity``."""

    def __call__(self, *, session_id: int) -> Actor | None: ...
