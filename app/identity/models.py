"""Tables: users, roles with their permissions, memberships, sessions, sign-in attempts."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base
from app.tenancy.models import Clinic, Organization


class User(Base):
    """An account. Its profile (patient, therapist) refers to it by a column of the profile's own table."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey(Organization.id))
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    username: Mapped[str | None] = mapped_column(String(60), unique=True)
    full_name: Mapped[str] = mapped_column(String(160))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    password_expires_at: Mapped[datetime | None]  # of a temporary one, which has to be changed first
    locale: Mapped[str | None] = mapped_column(String(10))
    theme: Mapped[str | None] = mapped_column(String(10))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class Role(Base):
    """A named set of permissions. Built-in roles belong to no organization and always equal the code.

    ``scope`` says where it is held: "clinic" by a membership, "own" by a profile, on what is the person's own.
    """

    __tablename__ = "role"
    __table_args__ = (
        UniqueConstraint("organization_id", "code"),
        Index(
            "uq_role_builtin_code",
            "code",
            unique=True,
            sqlite_where=text("organization_id IS NULL"),
            postgresql_where=text("organization_id IS NULL"),
        ),
        CheckConstraint("scope IN ('clinic', 'own')", name="scope"),
        CheckConstraint("is_builtin = (organization_id IS NULL)", name="builtin"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int | None] = mapped_column(ForeignKey(Organization.id))
    code: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(80))  # of a built-in role: the Spanish source text, translated when shown
    rank: Mapped[int]  # the lowest of a person's roles decides their home page
    scope: Mapped[str] = mapped_column(String(6), default="clinic")
    is_builtin: Mapped[bool] = mapped_column(default=False)


class RolePermission(Base):
    """A permission of a role, by its code: the permissions themselves are code."""

    __tablename__ = "role_permission"

    role_id: Mapped[int] = mapped_column(ForeignKey(Role.id), primary_key=True)
    permission_code: Mapped[str] = mapped_column(String(60), primary_key=True)


class Membership(Base):
    """A role in a clinic, from one day of the clinic to another, both included; None is open."""

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("user_id", "clinic_id", "role_id"),
        CheckConstraint("valid_from <= valid_until", name="period"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    clinic_id: Mapped[int] = mapped_column(ForeignKey(Clinic.id), index=True)
    role_id: Mapped[int] = mapped_column(ForeignKey(Role.id))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]


class UserSession(Base):
    """A session of a browser (cookie) or an API client (refresh token). Revoking the row ends it everywhere."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id), index=True)
    kind: Mapped[str] = mapped_column(String(10))  # browser, api
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    refresh_head: Mapped[int | None]  # of an API client: the generation whose children are not spent yet
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    device: Mapped[str] = mapped_column(String(120), default="")


class RefreshGeneration(Base):
    """Refresh tokens of a session that were issued together, as successors of one token (``docs/adr/0006``)."""

    __tablename__ = "refresh_generation"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey(UserSession.id, ondelete="CASCADE"), index=True)
    parent_id: Mapped[int | None]  # the generation of the token they succeed
    begun_at: Mapped[datetime]


class RefreshToken(Base):
    """A refresh token by its digest, kept as long as its session: a spent one is known again whenever it comes."""

    __tablename__ = "refresh_token"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey(RefreshGeneration.id, ondelete="CASCADE"), index=True)


class LoginAttempt(Base):
    """Audit trail and rate limiting of sign-in attempts. Stores digests of the account name and the IP address."""

    __tablename__ = "login_attempt"
    __table_args__ = (
        Index("ix_login_attempt_account", "account_hash", "at"),
        Index("ix_login_attempt_address", "address_hash", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_hash: Mapped[str] = mapped_column(String(64))
    address_hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    succeeded: Mapped[bool]
