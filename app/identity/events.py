"""Facts of this domain."""

from dataclasses import dataclass
from typing import ClassVar

from app.kernel.events import Event


@dataclass(frozen=True, slots=True)
class SignedIn(Event):
    type: ClassVar[str] = "identity.session.opened.v1"
    user_id: int
    session_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class SessionRevoked(Event):
    type: ClassVar[str] = "identity.session.revoked.v1"
    user_id: int
    session_ids: list[int]


@dataclass(frozen=True, slots=True)
class UserCreated(Event):
    type: ClassVar[str] = "identity.user.created.v1"
    user_id: int


@dataclass(frozen=True, slots=True)
class RolesChanged(Event):
    type: ClassVar[str] = "identity.roles.changed.v1"
    user_id: int
    roles: list[list[int | str]]


@dataclass(frozen=True, slots=True)
class PasswordChanged(Event):
    type: ClassVar[str] = "identity.password.changed.v1"
    user_id: int


@dataclass(frozen=True, slots=True)
class AccountClosed(Event):
    type: ClassVar[str] = "identity.account.closed.v1"
    user_id: int


@dataclass(frozen=True, slots=True)
class AccountOpened(Event):
    """A closed account was opened again."""

    type: ClassVar[str] = "identity.account.opened.v1"
    user_id: int
