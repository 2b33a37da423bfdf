"""Actions: sign in and out, rotate tokens, the user's own account. User administration is in ``staff``."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.identity import events, queries, rules
from app.identity.models import LoginAttempt, User, UserSession
from app.kernel import ids, outbox
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import Invalid, NotFound, RateLimited
from app.kernel.i18n import N_

# OWASP's floor for argon2id: 19 MiB, two passes, one lane (29 ms measured on a small core).
HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new session with its secret, which is stored only as a digest."""

    token: str
    actor: Actor
    session_id: int


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    """A hash to verify against when the user is unknown, so that timing does not reveal which users exist."""
    return HASHER.hash(ids.secret())


def hash_password(password: str) -> str:
    return HASHER.hash(password)


def sign_in(*, login: str, password: str, kind: str, address: str, device: str, now: datetime) -> SignIn | None:
    """Open a session for an e-mail or user name; None when they or the password are wrong.

    Every attempt is recorded, so a wrong password returns instead of raising (the caller commits).
    Raises RateLimited while the account or the IP address is rate-limited.
    """
    login = login.strip().casefold()[:254]
    account, address_hash = ids.digest(f"account:{login}"), ids.digest(f"address:{address}")
    _check_rate_limit(account, address_hash, now)
    found = db.session.execute(
        select(User.id, User.password_hash).where(
            or_(User.email == login, User.username == login), User.is_active.is_(True)
        )
    ).first()
    good = (
        _verify(found.password_hash if found and found.password_hash else _dummy_hash(), password) and found is not None
    )
    db.session.add(LoginAttempt(account_hash=account, address_hash=address_hash, at=now, succeeded=good))
    if not good or found is None:
        return None
    if HASHER.check_needs_rehash(found.password_hash):
        db.session.execute(update(User).where(User.id == found.id).values(password_hash=HASHER.hash(password)))
    return open_session(found.id, kind=kind, device=device, now=now)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password[: rules.MAX_PASSWORD_LENGTH + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False


def _check_rate_limit(account: str, address_hash: str, now: datetime) -> None:
    attempt = LoginAttempt
    since = now - rules.FAILURE_WINDOW
    last_success = (
        select(func.max(attempt.at))
        .where(attempt.account_hash == account, attempt.succeeded.is_(True))
        .scalar_subquery()
    )
    row = db.session.execute(
        select(func.count(), func.max(attempt.at)).where(
            attempt.account_hash == account,
            attempt.at > since,
            attempt.succeeded.is_(False),
            or_(last_success.is_(None), attempt.at > last_success),
        )
    ).one()
    wait = rules.wait_after(row[0])
    if row[1] is not None and now < row[1] + wait:
        raise RateLimited(details={"retry_after": int((row[1] + wait - now).total_seconds()) + 1})
    address_failures = db.session.scalar(
        select(func.count()).where(
            attempt.address_hash == address_hash, attempt.at > since, attempt.succeeded.is_(False)
        )
    )
    if (address_failures or 0) >= rules.MAX_FAILURES_PER_ADDRESS:
        raise RateLimited(details={"retry_after": 60})


def record_attempt(purpose: str, *, address: str, max_attempts: int, now: datetime) -> None:
    """Record an anonymous attempt; raises RateLimited beyond ``max_attempts`` per IP address within FAILURE_WINDOW."""
    address_hash = ids.digest(f"{purpose}:{address}")
    recent = select(func.count()).where(
        LoginAttempt.address_hash == address_hash, LoginAttempt.at > now - rules.FAILURE_WINDOW
    )
    if (db.session.scalar(recent) or 0) >= max_attempts:
        raise RateLimited(details={"retry_after": 60})
    db.session.add(LoginAttempt(account_hash=address_hash, address_hash=address_hash, at=now, succeeded=True))


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
    found = queries.actors.actor_of_session(row.id, now=now)
    if found is None:
        raise NotFound
    actor = found[0]
    event = events.SignedIn(user_id=user_id, session_id=row.id, kind=kind)
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=row.id)
    return SignIn(token, actor, row.id)


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


def refresh(token: str, *, now: datetime) -> SignIn | None:
    """Exchange a refresh token for the next one; None when it is invalid or expired.

    Reuse of an exchanged token revokes the session, as one of its two holders stole it. Within REFRESH_GRACE
    it is only refused, for clients that retry after a lost response.
    """
    hashed = ids.digest(token)
    row = db.session.scalar(
        select(UserSession)
        .where(
            or_(UserSession.token_hash == hashed, UserSession.previous_token_hash == hashed),
            UserSession.kind == "api",
            UserSession.revoked_at.is_(None),
        )
        .with_for_update()
    )
    if row is None:
        return None
    if row.token_hash != hashed:
        if row.rotated_at is not None and now - row.rotated_at > rules.REFRESH_GRACE:
            _revoke(row.user_id, [row.id], actor=None, now=now)
        return None
    found = queries.actors.actor_of_session(row.id, now=now)
    if found is None:
        return None
    new_token = ids.secret()
    row.previous_token_hash, row.token_hash = row.token_hash, ids.digest(new_token)
    row.rotated_at = row.last_seen_at = now
    return SignIn(new_token, found[0], row.id)


def change_password(*, current: str, new: str, actor: Actor, now: datetime) -> None:
    """Change one's own password and end every other session. Raises Invalid or WeakPassword."""
    user = db.session.get_one(User, actor.user_id)
    if not _verify(user.password_hash or _dummy_hash(), current):
        raise Invalid({"current": N_("La contraseña actual no es correcta.")})
    rules.check_password(new, staff=bool(actor.grants), words=(user.email, user.full_name))
    user.password_hash = hash_password(new)
    outbox.record(events.PasswordChanged(user.id), actor=actor, now=now, clinic_id=None, subject_id=user.id)
    revoke_all_sessions(user.id, actor=actor, now=now, keep=actor.session_id)


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
    password: str | None,
    now: datetime,
    actor: Actor | None,
    is_staff: bool = True,
) -> int:
    """Create an account and return its id. The caller checks the permission, as self-registration has none.

    ``is_staff`` requires the longer password of users who see other people's data.
    Raises EmailTaken, WeakPassword.
    """
    email = email.strip().casefold()
    if db.session.scalar(select(User.id).where(User.email == email)):
        raise EmailTaken
    if password is not None:
        rules.check_password(password, staff=is_staff, words=(email, full_name))
    user = User(
        organization_id=organization_id,
        email=email,
        full_name=full_name.strip(),
        password_hash=hash_password(password) if password else None,
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
