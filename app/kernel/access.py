"""Who acts, and what they may do where.

One vocabulary (each domain's ``permissions.py``), one function ``can``, four doors: the route,
the query's scope, the action's first line, the socket's subscription.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

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

_grants: dict[str, set[str]] = {}
_vocabulary: dict[str, Permission] = {}


def declare(roles: Mapping[str, Iterable[Permission]]) -> None:
    """Add a domain's grants: role → permissions. Called by ``wiring`` only."""
    for role, permissions in roles.items():
        for permission in permissions:
            _vocabulary[permission.code] = permission
            _grants.setdefault(role, set()).add(permission.code)


def codes_of(role: str) -> frozenset[str]:
    """The permission codes of a role."""
    return frozenset(_grants.get(role, ()))


def vocabulary() -> dict[str, Permission]:
    return dict(_vocabulary)


def can(actor: Actor | None, permission: Permission, clinic_id: int | None = None) -> bool:
    """Whether ``actor`` holds ``permission`` in a clinic, or anywhere when no clinic is named."""
    if actor is None:
        return False
    if clinic_id is not None:
        return permission.code in actor.grants.get(clinic_id, frozenset())
    return permission.code in actor.own or any(permission.code in codes for codes in actor.grants.values())


def require(actor: Actor | None, permission: Permission, clinic_id: int | None = None) -> None:
    """Raise Forbidden unless ``can``."""
    if not can(actor, permission, clinic_id):
        raise Forbidden


class SessionLoader(Protocol):
    """How the shells find an actor; ``identity`` provides it in ``app.extensions["load_actor"]``."""

    def __call__(self, *, session_id: int) -> Actor | None: ...
