"""Rules: built-in roles, session lifetimes, delays after failed sign-ins, password strength."""

import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from app.kernel.errors import RuleBroken
from app.kernel.i18n import N_, fold


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
MIN_PASSWORD_LENGTH = 12
TEMPORARY_PASSWORD = timedelta(days=1)
MAX_PASSWORD_LENGTH = 128


class WeakPassword(RuleBroken):
    code = "WEAK_PASSWORD"
    message = N_("Use al menos %(length)s caracteres, y ni una contraseña conocida ni su nombre o el de la clínica.")
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


# The first that is named counts: browsers call themselves by the names of others too.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> tuple[str, str]:
    """Browser and system of a user agent, as people call them; empty for what is not known.

    >>> device_of("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143.0")
    ('Edge', 'Windows')
    """
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    return browser, next((name for mark, name in _SYSTEMS if mark in user_agent), "")


def is_spent(generation_id: int, parent_id: int | None, head: int | None) -> bool:
    """Whether a refresh token may be used no more: only the head's tokens and those of its children may (D41)."""
    return head not in (generation_id, parent_id)


def check_password(password: str, *, words: Iterable[str] = ()) -> None:
    """The same rule for everybody and at every door: twelve characters or more, exactly as typed, no rule of
    composition (ASVS 6.2.5), and nothing known. ``words`` are the person's and the clinic's own. Raises WeakPassword.
    """
    own = {part for word in words for part in re.split("[^a-z]+", fold(word)) if len(part) >= SHORT_WORD}
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH or is_known(password, own):
        raise WeakPassword(length=MIN_PASSWORD_LENGTH)


def is_known(password: str, own: Collection[str] = ()) -> bool:
    """Whether a password is one of the common ones, or made of one as people do: with digits and signs at its ends,
    digits for letters, repeated, two of them together; or of the person's and the clinic's ``own`` words."""
    plain = fold(password).replace(" ", "")
    once = _smallest_period(plain)
    core = once.strip(NO_LETTERS)
    forms = {plain, once, core, _smallest_period(core), core.translate(DIGITS_AS_LETTERS)}
    if any(len(set(form)) < FEW_CHARACTERS or form in _common() for form in forms):
        return True
    letters = re.sub("[^a-z]", "", core.translate(DIGITS_AS_LETTERS))
    left = re.sub("|".join(sorted(map(re.escape, own), key=len, reverse=True)), "", letters) if own else letters
    return len(left) < SHORT_WORD or (len(letters) < LONG_ENOUGH and _is_two_words(letters))


def _smallest_period(text: str) -> str:
    """``abcabc`` is ``abc``."""
    period = (text + text).find(text, 1)
    return text[:period] if period > 0 else text


def _is_two_words(letters: str) -> bool:
    common = _common()
    cuts = range(SHORT_WORD, len(letters) - SHORT_WORD + 1)
    return any(letters[:cut] in common and letters[cut:] in common for cut in cuts)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """The listed passwords, and what is left of them without the digits and signs at their ends."""
    listed = (Path(__file__).parent / "data/common_passwords.txt").read_text("utf-8").split()
    cores = (word.strip(NO_LETTERS) for word in listed)
    return frozenset(PERUVIAN.split()).union(listed, (core for core in cores if len(core) >= SHORT_WORD))


def temporary_password() -> str:
    """Sixteen characters without ambiguous letters, ``k7wp-3mqz-hx9t-4bne``: 79 random bits."""
    groups = ("".join(secrets.choice(UNAMBIGUOUS_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


UNAMBIGUOUS_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0 and 1
NO_LETTERS = "0123456789 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
DIGITS_AS_LETTERS = str.maketrans("0134578@$!", "oieastbasi")
SHORT_WORD, LONG_ENOUGH, FEW_CHARACTERS = 4, 16, 5  # letters; letters; different characters
PERUVIAN = """
contrasena clave clavesecreta micontrasena miclave bienvenido bienvenida administrador administracion administrator
usuario invitado mediconnect clinica clinicas consultorio hospital terapia terapeuta terapias fisioterapia paciente
pacientes recepcion recepcionista doctor doctora medico medica salud enfermera peru lima arequipa cusco trujillo
chiclayo piura iquitos tacna huancayo miraflores callao machupicchu alianzalima alianza universitario sportingcristal
cristal futbol peruano peruana vivaelperu arribaperu teamo teamomucho teextrano miamor amor amormio mivida micorazon
corazon jesus jesusteamo jesucristo diosesamor dios dioses diosmio virgen princesa princesita estrella mariposa
enero febrero marzo abril mayo junio julio agosto setiembre septiembre octubre noviembre diciembre lunes martes
miercoles jueves viernes sabado domingo verano invierno primavera otono siempre nunca hola familia mama papa mihija
mihijo hermosa bonita chiquita chocolate gatito perrito hola1234 empezar cambiar cambiame temporal secreto secreta
"""
