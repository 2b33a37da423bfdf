"""Identifiers, telephone numbers and addresses as people write them: one normal form, the checks, how they are shown.

Messages are gettext source texts.
"""

import re
import unicodedata
from functools import lru_cache

from app.kernel.i18n import N_

HOME_REGION = "PE"  # of a number without a country code
HOME_PREFIX = "+51"
LIMA = "1"  # the only area code whose local numbers have seven digits
LOCAL_DIGITS = 6  # of a number without its area code, outside Lima

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
_RUC = re.compile(r"(10|15|16|17|20)\d{9}", re.ASCII)
_RUC_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_MOBILE_DIGITS = 9


class InvalidValue(ValueError):
    """A value that fails validation; its text is a gettext source text, filled with ``params``."""

    def __init__(self, text: str, **params: str) -> None:
        super().__init__(text)
        self.params = params


def normal_form(text: str) -> str:
    """An identifier in one form: NFKC, digits of every script as 0-9, every dash as ``-``, nothing invisible.

    >>> normal_form("٢٠１２—a")
    '2012-a'
    """
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFKC", text).translate(_DASHES)
    visible = (c for c in composed if unicodedata.category(c) != "Cf")
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in visible)


def is_ruc(number: str) -> bool:
    """Whether these are the eleven digits of a RUC, its check digit included (modulo 11).

    >>> is_ruc("20100047218"), is_ruc("20123456789")
    (True, False)
    """
    if not _RUC.fullmatch(number):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _RUC_WEIGHTS, strict=False))
    return (11 - total % 11) % 10 == int(number[10])


def ruc(text: str) -> str:
    """A RUC without blanks and dashes; empty stays empty. Raises InvalidValue."""
    number = re.sub(r"[\s.\-]", "", normal_form(text))
    if number and not is_ruc(number):
        raise InvalidValue(
            N_("El RUC tiene 11 dígitos y empieza con 10, 15, 16, 17 o 20.")
            if not _RUC.fullmatch(number)
            else N_("El último dígito del RUC no corresponde a los demás. Revise el número.")
        )
    return number


def is_local(text: str) -> bool:
    """Whether a telephone number lacks the area code of its city, and is not of Lima."""
    digits = re.sub(r"[\s.()\-]", "", normal_form(text))
    return digits.isdecimal() and len(digits) == LOCAL_DIGITS


def phone(text: str, *, area_code: str = "") -> str:
    """E.164 (``+51987654321``) of a number dialled in any way; empty stays empty. Raises InvalidValue.

    Without a country code the number is Peruvian; six digits are completed by ``area_code``, seven are of Lima.
    """
    typed = normal_form(text).strip()
    if not typed:
        return ""
    local = re.sub(r"[\s.()\-]", "", typed)
    if is_local(typed):
        typed = area_code + local
    elif local.isdigit() and len(local) == LOCAL_DIGITS + 1 and not local.startswith("0"):
        typed = LIMA + local
    import phonenumbers  # imported late: 7 MB and 40 ms, needed by writes only

    try:
        number = phonenumbers.parse(typed, HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise InvalidValue(_BAD_PHONE) from error
    if number.extension or not phonenumbers.is_valid_number(number):
        raise InvalidValue(_BAD_PHONE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_BAD_PHONE = N_("Escriba un teléfono válido, por ejemplo 987 654 321; si es fijo, con el código de la ciudad.")


def national_digits(number: str) -> str:
    """The digits of an E.164 number without the country code of Peru.

    >>> national_digits("+51987654321")
    '987654321'
    """
    return number.removeprefix(HOME_PREFIX).removeprefix("+")


def dialled_digits(digits: str) -> str:
    """Typed digits without what is dialled before a national number: exit code, country code, trunk zero.

    >>> [dialled_digits(typed) for typed in ("0051987654321", "51987654321", "014456789", "00141286")]
    ['987654321', '987654321', '14456789', '141286']
    """
    bare = digits.lstrip("0")
    is_national = bare.startswith("51") and len(bare) in (10, 11)
    return bare.removeprefix("51") if is_national else bare


def format_phone(number: str) -> str:
    """As people write it: ``987 654 321``, ``(01) 456 7890``, ``(054) 281 234``, ``+34 612 34 56 78``.

    >>> format_phone("+51987654321"), format_phone("+5114567890"), format_phone("+5154281234")
    ('987 654 321', '(01) 456 7890', '(054) 281 234')
    """
    compact = re.sub(r"[\s.()\-]", "", number)
    if not re.fullmatch(r"\+\d{8,15}", compact, re.ASCII):
        return number
    if not compact.startswith(HOME_PREFIX):
        return _format_foreign(compact)
    digits = national_digits(compact)
    if len(digits) == _MOBILE_DIGITS:
        return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return re.sub(r"^(1|\d\d)(\d{3})(\d+)$", r"(0\1) \2 \3", digits)


@lru_cache(maxsize=1024)
def _format_foreign(number: str) -> str:
    import phonenumbers  # imported late, see ``phone``

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def email(text: str) -> str:
    """A well-formed address in lower case; empty stays empty. Deliverability is not checked. Raises InvalidValue.

    The domain may be international; before the @ only ASCII, as most mail servers take nothing else (RFC 6531).
    """
    typed = normal_form(text).strip()
    if not typed:
        return ""
    if not typed.rpartition("@")[0].isascii():
        raise InvalidValue(_BEYOND_ASCII)
    from email_validator import EmailNotValidError, validate_email  # imported late, needed by writes only

    try:
        return validate_email(typed, check_deliverability=False).normalized.casefold()
    except EmailNotValidError as error:
        raise InvalidValue(N_("Escriba un correo válido, por ejemplo nombre@correo.pe.")) from error


_BEYOND_ASCII = N_("Nuestro correo no llega a direcciones con tildes o eñes antes de la arroba. Use otra dirección.")
