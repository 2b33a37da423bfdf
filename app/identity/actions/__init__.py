"""Actions: sign in and out, rotate tokens, the user's own account. User administration is in ``staff``."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.identity import events, queries, rules
from app.identity.actions import attempts, refresh
from app.identity.actions.attempts import Attempt
from app.identity.models import User, UserSession
from app.kernel import ids, outbox
from app.kernel.access import Actor
from app.kernel.db import changed, db
from app.kernel.errors import Conflict, Invalid, NotFound, RuleBroken
from app.kernel.i18n import N_


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new session with its secret, which is stored only as a digest."""

    token: str
    actor: Actor
    session_id: int


class WrongCredentials(RuleBroken):
    """The same for an unknown name, a closed account and a wrong password."""

    status = 401
    code = "INVALID_CREDENTIALS"
    message = N_("El correo o la contraseña no son correctos.")


class TemporaryPasswordOver(RuleBroken):
    """It was given out too long ago."""

    status = 401
    code = "TEMPORARY_PASSWORD_OVER"
    message = N_("Esta contraseña temporal ya venció. Pida una nueva a quien administra los usuarios.")


@dataclass(frozen=True, slots=True)
class Verified:
    """An attempt whose password was right; ``renewed_hash`` replaces one with outdated parameters."""

    attempt: Attempt
    renewed_hash: str | None = None

    @property
    def password_hash(self) -> str:
        """The account's hash from now on."""
        return self.renewed_hash or self.attempt.password_hash or ""


def sign_in(verified: Verified, *, kind: str, device: str, now: datetime) -> SignIn:
    """Open a session for a password that was checked before this transaction (``login.check_password``).

    Raises WrongCredentials when it was changed or the account closed meanwhile.
    """
    attempt = verified.attempt
    same = (User.id == attempt.user_id, User.password_hash == attempt.password_hash, User.is_active.is_(True))
    if not changed(db.session.execute(update(User).where(*same).values(password_hash=verified.password_hash))):
        raise WrongCredentials
    expires_at = db.session.scalar(select(User.password_expires_at).where(User.id == attempt.user_id))
    if expires_at is not None and expires_at <= now:
        raise TemporaryPasswordOver
    attempts.succeed(attempt)
    return open_session(attempt.user_id or 0, kind=kind, device=device, now=now)


def open_session(user_id: int, *, kind: str, device: str, now: datetime) -> SignIn:
    """A new session row with a secret of 256 bits. The identity was proven by the caller."""
    token = ids.secret()
    lifetime = rules.ABSOLUTE if kind == "browser" else rules.REFRESH_IDLE * 4
    row = UserSession(
        user_id=user_id,
        kind=kind,
        token_hash=ids.digest(token),
        created_at=now,
        last_seen_at=now,
        expires_at=now + lifetime,
        device=device[:120],
    )
    db.session.add(row)
    db.session.flush()  # the actor is read by a query that joins the session
    if kind == "api":
        refresh.begin(row, now=now)
    found = queries.actors.actor_of_session(row.id, now=now)
    if found is None:
        raise NotFound
    actor = found[0]
    event = events.SignedIn(user_id=user_id, session_id=row.id, kind=kind)
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=row.id)
    return SignIn(token, actor, row.id)


def exchange(token: str, *, now: datetime) -> SignIn | None:
    """Exchange a refresh token for a successor; None when it is unknown, or its session over.

    A spent one ends its session (``docs/adr/0006``): the caller commits that too.
    """
    row, next_token = refresh.exchange(token, now=now)
    if row is None:
        return None
    if next_token is None:
        _revoke(row.user_id, [row.id], actor=None, now=now)
        return None
    found = queries.actors.actor_of_session(row.id, now=now)
    if found is None:
        return None
    row.last_seen_at = now
    return SignIn(next_token, found[0], row.id)


def touch_session(session_id: int, *, now: datetime) -> None:
    """Record activity: the idle timeout starts again."""
    db.session.execute(update(UserSession).where(UserSession.id == session_id).values(last_seen_at=now))


def sign_out(*, actor: Actor, now: datetime) -> None:
    """End the actor's present session."""
    if actor.session_id is not None:
        _revoke(actor.person_id, [actor.session_id], actor=actor, now=now)


def revoke_own_session(session_id: int, *, actor: Actor, now: datetime) -> None:
    """End another of one's own sessions. Raises NotFound for another user's."""
    if session_id not in {row["id"] for row in queries.own_sessions(actor=actor, now=now)}:
        raise NotFound
    _revoke(actor.person_id, [session_id], actor=actor, now=now)


def revoke_other_sessions(*, actor: Actor, now: datetime) -> None:
    """End all of one's own sessions but the one that acts."""
    revoke_all_sessions(actor.person_id, actor=actor, now=now, keep=actor.session_id)


def revoke_all_sessions(user_id: int, *, actor: Actor | None, now: datetime, keep: int | None = None) -> None:
    """End all sessions of a user (password or roles changed, account closed)."""
    session_ids = db.session.scalars(
        select(UserSession.id).where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None))
    )
    _revoke(user_id, [session_id for session_id in session_ids if session_id != keep], actor=actor, now=now)


def _revoke(user_id: int, session_ids: list[int], *, actor: Actor | None, now: datetime) -> None:
    if not session_ids:
        return
    active = (UserSession.id.in_(session_ids), UserSession.revoked_at.is_(None))
    db.session.execute(update(UserSession).where(*active).values(revoked_at=now))
    outbox.record(
        events.SessionRevoked(user_id=user_id, session_ids=session_ids),
        actor=actor,
        now=now,
        organization_id=queries.organization_of(user_id),
        clinic_id=None,
        subject_id=user_id,
    )


def change_password(*, new: str, checked: Attempt, actor: Actor, now: datetime) -> None:
    """Change one's own password and end every other session.

    ``new`` is the hash of a password that ``rules.check_password`` accepts, ``checked`` proves the present one. Raises
    StalePassword when that was changed meanwhile.
    """
    same = (User.id == actor.user_id, User.password_hash == checked.password_hash)
    values = {"password_hash": new, "password_expires_at": None}
    if not changed(db.session.execute(update(User).where(*same).values(**values))):
        raise StalePassword
    attempts.succeed(checked)
    user_id = actor.person_id
    outbox.record(events.PasswordChanged(user_id), actor=actor, now=now, clinic_id=None, subject_id=user_id)
    revoke_all_sessions(user_id, actor=actor, now=now, keep=actor.session_id)


class WrongPassword(Invalid):
    """The present password, as the person typed it, is another one."""

    def __init__(self) -> None:
        super().__init__({"current": N_("La contraseña actual no es correcta.")})


class StalePassword(Conflict):
    message = N_("Su contraseña cambió hace un momento en otra sesión. No se cambió nada; vuelva a intentar.")


def change_preferences(*, locale: str | None, theme: str | None, actor: Actor) -> None:
    """Language and light or dark; None follows the browser."""
    db.session.execute(update(User).where(User.id == actor.user_id).values(locale=locale, theme=theme))


class EmailTaken(Invalid):
    """The address has an account already."""

    def __init__(self) -> None:
        super().__init__({"email": N_("Ya hay una cuenta con este correo.")})


def create_user(
    *,
    organization_id: int,
    email: str,
    full_name: str,
    password_hash: str | None,
    now: datetime,
    actor: Actor | None,
    expires_at: datetime | None = None,
) -> int:
    """Create an account and return its id. The caller checks the permission, as self-registration has none.

    ``password_hash`` is of a password that ``rules.check_password`` accepts, or of a temporary one, good until
    ``expires_at``. Raises EmailTaken.
    """
    email = email.strip().casefold()
    if db.session.scalar(select(User.id).where(User.email == email)):
        raise EmailTaken
    user = User(
        organization_id=organization_id,
        email=email,
        full_name=full_name.strip(),
        password_hash=password_hash,
        password_expires_at=expires_at,
        created_at=now,
    )
    db.session.add(user)
    try:
        db.session.flush()  # flush for the primary key, the subject of the event
    except IntegrityError as error:  # a concurrent request took the address
        raise EmailTaken from error
    outbox.record(
        events.UserCreated(user.id),
        actor=actor,
        now=now,
        organization_id=organization_id,
        clinic_id=None,
        subject_id=user.id,
    )
    return user.id
