"""Rules: built-in roles, session lifetimes, delays after failed sign-ins, password strength."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.kernel.errors import RuleBroken
from app.kernel.i18n import N_


class RoleCode(StrEnum):
    PATIENT = "patient"
    THERAPIST = "therapist"
    RECEPTIONIST = "receptionist"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class BuiltinRole:
    """A built-in role, without its permissions; ``label`` is the Spanish source text."""

    code: RoleCode
    label: str
    rank: int
    scope: str = "clinic"


BUILTIN_ROLES = (
    BuiltinRole(RoleCode.ADMIN, N_("Administración"), 10),
    BuiltinRole(RoleCode.SUPERVISOR, N_("Supervisión"), 20),
    BuiltinRole(RoleCode.RECEPTIONIST, N_("Recepción"), 30),
    BuiltinRole(RoleCode.THERAPIST, N_("Terapeuta"), 40),
    BuiltinRole(RoleCode.PATIENT, N_("Paciente"), 100, scope="own"),
)

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
REFRESH_IDLE = timedelta(days=14)
GENERATION_TIME = timedelta(seconds=10)  # successors issued within it are one generation of refresh tokens
TOUCH_EVERY = timedelta(seconds=60)

FREE_FAILURES = 5
FAILURE_WINDOW = timedelta(minutes=15)
MAX_FAILURES_PER_ADDRESS = 60  # by devices that are not known; known ones have counters of their own
DEVICE_LIFETIME = timedelta(days=180)
MAX_USERS_PER_DEVICE = 12  # who share a computer at the desk
MIN_PASSWORD_LENGTH = {"staff": 12, "patient": 8}
MAX_PASSWORD_LENGTH = 128


class WeakPassword(RuleBroken):
    code = "WEAK_PASSWORD"
    message = N_("Use al menos %(length)s caracteres y no una contraseña conocida.")
    field = "password"


def wait_after(failures: int) -> timedelta:
    """Delay after the last failed sign-in of an account: 1, 2, 4 … 60 s from the fifth on. No hard lock-out, which
    could be abused to lock another user out (ASVS 6.1.1)."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    return timedelta(seconds=min(2 ** (failures - FREE_FAILURES), 60))


def is_valid_on(day: date, valid_from: date | None, valid_until: date | None) -> bool:
    """Whether a membership holds on a day of its clinic; both ends are included."""
    return (valid_from is None or valid_from <= day) and (valid_until is None or day <= valid_until)


def is_idle(last_seen_at: datetime, kind: str, now: datetime) -> bool:
    return now - last_seen_at > (IDLE if kind == "browser" else REFRESH_IDLE)


def is_spent(generation_id: int, parent_id: int | None, head: int | None) -> bool:
    """Whether a refresh token may be used no more: only the head's tokens and those of its children may (D41)."""
    return head not in (generation_id, parent_id)


def check_password(password: str, *, staff: bool, words: tuple[str, ...] = ()) -> None:
    """Length and common words only; no composition rules (ASVS 6.2.5). Raises WeakPassword."""
    length = MIN_PASSWORD_LENGTH["staff" if staff else "patient"]
    plain = password.casefold()
    known = plain in COMMON or any(len(w) > 3 and plain == w.casefold() for w in words)
    if not length <= len(password) <= MAX_PASSWORD_LENGTH or known or len(set(plain)) < 4:
        raise WeakPassword(length=length)


def temporary_password() -> str:
    """Sixteen characters without ambiguous letters, ``k7wp-3mqz-hx9t-4bne``: 79 random bits."""
    groups = ("".join(secrets.choice(UNAMBIGUOUS_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


UNAMBIGUOUS_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0 and 1
COMMON = frozenset(
    [
        "password",
        "password1",
        "password123",
        "contraseña",
        "contrasena",
        "contrasena1",
        "12345678",
        "123456789",
        "1234567890",
        "qwerty123",
        "qwertyuiop",
        "abcd1234",
        "abc12345",
        "iloveyou",
        "teamomucho",
        "mediconnect",
        "clinica123",
        "peru2026",
        "bienvenido",
        "administrador",
        "administrator",
        "123456789012",
        "password1234",
        "qwerty123456",
    ]
)
