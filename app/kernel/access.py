"""Who acts, and what they may do where.

One vocabulary (each domain's ``permissions.py``), one function ``can``, four doors: the route,
the query's scope, the action's first line, the socket's subscription.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flask import Flask, current_app

from app.kernel.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Permission:
    """``code`` is what the wire says; ``about`` is a sentence for the person who grants it."""

    code: str
    about: str

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in user, loaded once per request or socket.

    ``grants`` maps a clinic to the permission codes held there; ``own`` are permissions on what is
    the person's own (a patient's appointments) and belong to no clinic.
    """

    user_id: int
    session_id: int
    organization_id: int
    name: str
    email: str = ""
    locale: str | None = None
    theme: str | None = None
    channel: str = "desk"  # how the actor reached us: desk, online, api, job
    roles: tuple[tuple[int | None, str], ...] = ()
    grants: Mapping[int, frozenset[str]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    patient_id: int | None = None
    therapist_id: int | None = None

    @property
    def role(self) -> str:
        """The most powerful role held anywhere; decides the home page only, never a permission."""
        held = {role for _, role in self.roles}
        return next((role for role in ROLE_ORDER if role in held), "patient")

    def clinics_with(self, permission: Permission) -> frozenset[int]:
        """The clinics in which this actor holds the permission: the scope of every query."""
        return frozenset(c for c, codes in self.grants.items() if permission.code in codes)


ROLE_ORDER = ("admin", "supervisor", "receptionist", "therapist", "patient")

Grants = Mapping[str, Iterable[Permission]]  # role → permissions


def register(app: Flask, grants_of_packages: Iterable[Grants]) -> None:
    """Make the permissions and the grants of every package known to an application."""
    vocabulary: dict[str, Permission] = {}
    granted: dict[str, set[str]] = {}
    for grants in grants_of_packages:
        for role, permissions in grants.items():
            vocabulary |= {permission.code: permission for permission in permissions}
            granted.setdefault(role, set()).update(permission.code for permission in permissions)
    app.extensions["permissions"] = vocabulary
    app.extensions["granted_codes"] = {role: frozenset(codes) for role, codes in granted.items()}


def codes_of(role: str) -> frozenset[str]:
    """The permission codes of a role."""
    codes: Mapping[str, frozenset[str]] = current_app.extensions["granted_codes"]
    return codes.get(role, frozenset())


def vocabulary() -> dict[str, Permission]:
    found: dict[str, Permission] = current_app.extensions["permissions"]
    return found


def can(actor: Actor | None, permission: Permission, clinic_id: int) -> bool:
    """Whether ``actor`` holds ``permission`` in that clinic."""
    return actor is not None and permission.code in actor.grants.get(clinic_id, frozenset())


def can_anywhere(actor: Actor | None, permission: Permission) -> bool:
    """Whether ``actor`` holds ``permission`` in any clinic, or on what is the person's own."""
    if actor is None:
        return False
    return permission.code in actor.own or any(permission.code in codes for codes in actor.grants.values())


def require(actor: Actor | None, permission: Permission, clinic_id: int) -> None:
    """Raise Forbidden unless ``can``."""
    if not can(actor, permission, clinic_id):
        raise Forbidden


def require_anywhere(actor: Actor | None, permission: Permission) -> None:
    """Raise Forbidden unless ``can_anywhere``."""
    if not can_anywhere(actor, permission):
        raise Forbidden


class SessionLoader(Protocol):
    """How the request cycle finds an actor; ``identity`` provides it in ``app.extensions["load_actor"]``."""

    def __call__(self, *, session_id: int) -> Actor | None: ...
