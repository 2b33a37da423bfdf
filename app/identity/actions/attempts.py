"""Actions: the pace of guessing passwords. An attempt is counted before its password is checked.

Counters: per account and device for a device on which the account has signed in before; else per account, and per
address. So nobody's wrong passwords keep out who sits at a computer of their own, and what is guessed in parallel is
counted as if it came one by one.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update

from app.identity import rules
from app.identity.models import LoginAttempt, User
from app.kernel import ids
from app.kernel.db import db, lock
from app.kernel.errors import RateLimited


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that proves it signed in as this user before; ``proof`` is of the password it used."""

    user_id: int
    device_id: str
    proof: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt; ``password_hash`` is None when there is no such account, or none that may sign in."""

    id: int
    user_id: int | None
    password_hash: str | None


def reserve_sign_in(*, login: str, address: str, devices: tuple[KnownDevice, ...], now: datetime) -> Attempt:
    """Count an attempt to sign in by e-mail or user name as failed until ``succeed``. Raises RateLimited."""
    login = login.strip().casefold()[:254]
    user = db.session.execute(
        select(User.id, User.password_hash).where(
            or_(User.email == login, User.username == login), User.is_active.is_(True)
        )
    ).first()
    known = user and next((d for d in devices if d.user_id == user.id and d.proof == proof(user.password_hash)), None)
    if known:
        account, place = f"device:{known.user_id}:{known.device_id}", ""
    else:
        account, place = f"account:{login}", f"address:{address}"
    attempt_id = _reserve(account, place, now)
    return Attempt(attempt_id, user.id if user else None, user.password_hash if user else None)


def reserve_password_check(user_id: int, *, now: datetime) -> Attempt:
    """Count an attempt of a signed-in user to name their present password. Raises RateLimited."""
    attempt_id = _reserve(f"password:{user_id}", "", now)
    return Attempt(attempt_id, user_id, db.session.scalar(select(User.password_hash).where(User.id == user_id)))


def succeed(attempt: Attempt) -> None:
    """The password was right: the account's earlier failures count no more."""
    db.session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt.id).values(succeeded=True))


def proof(password_hash: str | None) -> str:
    """What a device's cookie holds of the password it signed in with: another password ends it."""
    return ids.digest(f"device:{password_hash}")[:22]


def check_visits(purpose: str, *, address: str, max_visits: int, now: datetime) -> None:
    """Raise RateLimited when an address has used up what ``record_visit`` counts within FAILURE_WINDOW."""
    place = ids.digest(f"{purpose}:{address}")
    recent = select(func.count()).where(
        LoginAttempt.address_hash == place, LoginAttempt.at > now - rules.FAILURE_WINDOW
    )
    if (db.session.scalar(recent) or 0) >= max_visits:
        raise RateLimited(details={"retry_after": 60})


def record_visit(purpose: str, *, address: str, max_visits: int, now: datetime) -> None:
    """Count an anonymous use of a public form. Raises RateLimited."""
    place = ids.digest(f"{purpose}:{address}")
    _lock(place)
    check_visits(purpose, address=address, max_visits=max_visits, now=now)
    db.session.add(LoginAttempt(account_hash=place, address_hash=place, at=now, succeeded=True))


def _reserve(account: str, place: str, now: datetime) -> int:
    """A row of a failed attempt, if neither the account nor the place has to wait; ``place`` may be empty."""
    account, place = ids.digest(account), ids.digest(place) if place else ""
    _lock(account)
    _check_account(account, now)
    if place:
        _lock(place)
        _check_place(place, now)
    row = LoginAttempt(account_hash=account, address_hash=place, at=now, succeeded=False)
    db.session.add(row)
    db.session.flush()  # for the primary key
    return row.id


def _lock(hashed: str) -> None:
    """Attempts of one account, or from one address, are counted one after the other."""
    lock("sign-in", zlib.crc32(hashed.encode()) - 2**31)


def _check_account(account: str, now: datetime) -> None:
    attempt = LoginAttempt
    last_success = (
        select(func.max(attempt.at))
        .where(attempt.account_hash == account, attempt.succeeded.is_(True))
        .scalar_subquery()
    )
    failures, last_at = db.session.execute(
        select(func.count(), func.max(attempt.at)).where(
            attempt.account_hash == account,
            attempt.at > now - rules.FAILURE_WINDOW,
            attempt.succeeded.is_(False),
            or_(last_success.is_(None), attempt.at > last_success),
        )
    ).one()
    wait = rules.wait_after(failures)
    if last_at is not None and now < last_at + wait:
        raise RateLimited(details={"retry_after": int((last_at + wait - now).total_seconds()) + 1})


def _check_place(place: str, now: datetime) -> None:
    recent = (LoginAttempt.at > now - rules.FAILURE_WINDOW, LoginAttempt.succeeded.is_(False))
    failures = db.session.scalar(select(func.count()).where(LoginAttempt.address_hash == place, *recent))
    if (failures or 0) >= rules.MAX_FAILURES_PER_ADDRESS:
        raise RateLimited(details={"retry_after": 60})
