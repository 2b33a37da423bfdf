"""Rules of patients' data: validation and normalization of documents, phones and names; formatting; search terms.

Pure functions on values. Messages are gettext source texts, translated by the pages and the API.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from app.kernel import clock
from app.kernel.errors import Invalid
from app.kernel.i18n import N_, fold

HOME_ZONE = "America/Lima"  # time zone for ages and birthdays: patients belong to no clinic
HOME_REGION = "PE"  # default region of a phone without a country code
HOME_PREFIX = "+51"
MIN_BIRTH_DATE = date(1900, 1, 1)
MAX_SEARCH_TERMS = 8  # further words of a search are ignored

DOCUMENT_LABELS = {
    "DNI": N_("DNI"),
    "CE": N_("Carné de extranjería"),
    "PAS": N_("Pasaporte"),
    "RUC": N_("RUC"),
    "OTRO": N_("Otro documento"),
}
SEX_LABELS = {"": N_("Sin indicar"), "F": N_("Mujer"), "M": N_("Hombre"), "X": N_("Otro")}
_DOCUMENTS = {
    "DNI": (re.compile(r"\d{8}"), N_("El DNI tiene 8 dígitos.")),
    "CE": (re.compile(r"[A-Z0-9]{9,12}"), N_("El carné de extranjería tiene de 9 a 12 letras o dígitos.")),
    "PAS": (re.compile(r"[A-Z0-9]{5,12}"), N_("El pasaporte tiene de 5 a 12 letras o dígitos.")),
    "RUC": (re.compile(r"(10|15|16|17|20)\d{9}"), N_("El RUC tiene 11 dígitos y empieza con 10, 15, 16, 17 o 20.")),
    "OTRO": (re.compile(r"[A-Z0-9]{3,20}"), N_("El documento tiene de 3 a 20 letras o dígitos.")),
}
PHONES = ("phone", "other_phone", "emergency_phone")
LIMITS = {
    "given_names": 76,  # with the surnames and two spaces, 198 of the 200 of full_name
    "paternal_surname": 60,
    "maternal_surname": 60,
    "email": 254,
    "occupation": 80,
    "address": 200,
    "emergency_name": 120,
    "admin_note": 2000,
}


class InvalidValue(ValueError):
    """A value that fails validation; its text is a gettext source text."""


@dataclass(frozen=True, slots=True)
class Details:
    """The editable data of a patient, as typed or, after ``normalize``, as stored."""

    given_names: str
    paternal_surname: str
    maternal_surname: str = ""
    document_type: str = "DNI"
    document_number: str | None = None
    birth_date: date | None = None
    sex: str = ""
    phone: str = ""
    other_phone: str = ""
    email: str = ""
    occupation: str = ""
    address: str = ""
    ubigeo: str | None = None
    emergency_name: str = ""
    emergency_phone: str = ""
    admin_note: str = ""

    @property
    def full_name(self) -> str:
        """In Spanish order: given names, paternal surname, maternal surname."""
        return " ".join(filter(None, (self.given_names, self.paternal_surname, self.maternal_surname)))

    @property
    def search_text(self) -> str:
        """The searchable words (names, document, phones), each preceded by a space for prefix matching."""
        numbers = (self.document_number or "", national_digits(self.phone), national_digits(self.other_phone))
        return "".join(f" {word}" for word in (*words(self.full_name), *map(fold, filter(None, numbers))))


FIELDS = tuple(field.name for field in fields(Details))


def normalize(details: Details, *, today: date) -> Details:
    """Validate the details and return them as they are stored. Raises Invalid with every wrong field."""
    clean: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, check in _CHECKS.items():
        try:
            clean[name] = check(getattr(details, name), details, today)
        except InvalidValue as error:
            errors[name] = str(error)
    if errors:
        raise Invalid(errors)
    return Details(**clean)


def text(value: str, *, max_length: int) -> str:
    """One line: trimmed, inner blanks collapsed, no invisible characters."""
    composed = unicodedata.normalize("NFC", value)
    visible = "".join(c for c in composed if c.isspace() or not unicodedata.category(c).startswith("C"))
    cleaned = " ".join(visible.split())
    if len(cleaned) > max_length:
        raise InvalidValue(_TOO_LONG)
    return cleaned


def lines(value: str, *, max_length: int) -> str:
    """``text`` for a note of several lines."""
    cleaned = "\n".join(text(line, max_length=max_length) for line in value.strip().splitlines())
    if len(cleaned) > max_length:
        raise InvalidValue(_TOO_LONG)
    return cleaned


_TOO_LONG = N_("El texto es demasiado largo.")


def required_text(value: str, *, max_length: int) -> str:
    """A required line of text. Any visible character is allowed in a name; templates escape it."""
    name = text(value, max_length=max_length)
    if not name:
        raise InvalidValue(N_("Este dato es obligatorio."))
    return name


def one_of(allowed: Mapping[str, str], value: str) -> str:
    if value not in allowed:
        raise InvalidValue(N_("Elija una opción de la lista."))
    return value


def document(kind: str, number: str | None) -> str | None:
    """The number without blanks, dots and dashes, in capitals; None when there is none."""
    compact = re.sub(r"[\s.\-]", "", number or "").upper()
    if not compact:
        return None
    pattern, message = _DOCUMENTS.get(kind, _DOCUMENTS["OTRO"])
    if not pattern.fullmatch(compact):
        raise InvalidValue(message)
    return compact


def birth_date(value: date | None, *, today: date) -> date | None:
    if value is not None and value > today:
        raise InvalidValue(N_("La fecha de nacimiento no puede ser futura."))
    if value is not None and value < MIN_BIRTH_DATE:
        raise InvalidValue(N_("La fecha de nacimiento no puede ser anterior a 1900."))
    return value


def phone(value: str) -> str:
    """E.164 (``+51987654321``); without a country code the number is Peruvian. Empty stays empty."""
    if not value.strip():
        return ""
    import phonenumbers  # imported late: 7 MB and 40 ms, needed by writes only

    try:
        number = phonenumbers.parse(value, HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise InvalidValue(_BAD_PHONE) from error
    if number.extension or not phonenumbers.is_valid_number(number):
        raise InvalidValue(_BAD_PHONE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_BAD_PHONE = N_("Escriba un teléfono válido, por ejemplo 987 654 321.")


def email(value: str) -> str:
    """A well-formed address in lower case; deliverability is not checked.

    The domain may be international; before the @ only ASCII, as most mail servers take nothing else (RFC 6531).
    """
    if not value.strip():
        return ""
    if not value.rpartition("@")[0].isascii():
        raise InvalidValue(_BEYOND_ASCII)
    from email_validator import EmailNotValidError, validate_email  # imported late, needed by writes only

    try:
        return validate_email(value.strip(), check_deliverability=False).normalized.casefold()
    except EmailNotValidError as error:
        raise InvalidValue(N_("Escriba un correo válido, por ejemplo nombre@correo.pe.")) from error


_BEYOND_ASCII = N_("Nuestro correo no llega a direcciones con tildes o eñes antes de la arroba. Use otra dirección.")


def national_digits(number: str) -> str:
    """The digits of an E.164 number without the country code of Peru.

    >>> national_digits("+51987654321")
    '987654321'
    """
    return number.removeprefix(HOME_PREFIX).removeprefix("+")


def format_phone(number: str) -> str:
    """``+51987654321`` as ``987 654 321``; fixed lines and foreign numbers in groups of their own.

    >>> format_phone("+5114567890"), format_phone("+34612345678")
    ('1 456 7890', '+34612345678')
    """
    if not number.startswith(HOME_PREFIX):
        return number
    digits = national_digits(number)
    if len(digits) == 9:
        return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return re.sub(r"^(1|\d\d)(\d{3})(\d+)$", r"\1 \2 \3", digits)


def format_document(kind: str, number: str | None, *, whole: bool = True) -> str:
    """``DNI 45678912``, or ``DNI …8912`` (``whole=False``) on screens that others can read."""
    if not number:
        return ""
    kind = "" if kind == "OTRO" else f"{kind} "
    return f"{kind}{number}" if whole else f"{kind}…{number[-4:]}"


def label(person: Mapping[str, Any]) -> str:
    """A patient in one line for pickers: ``Núñez Quispe, Clara Inés · DNI …8912 · 987 654 321``."""
    surnames = " ".join(filter(None, (person["paternal_surname"], person["maternal_surname"])))
    short = format_document(person["document_type"], person["document_number"], whole=False)
    return " · ".join(filter(None, (f"{surnames}, {person['given_names']}", short, format_phone(person["phone"]))))


def age(born: date | None, today: date) -> int | None:
    """Whole years."""
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def today(now: datetime) -> date:
    """The calendar day by which ages and birthdays are counted."""
    return clock.local_day(now, HOME_ZONE)


def words(text: str) -> list[str]:
    """Lower-case words without accents; every other character is a separator.

    >>> words("García-Huidobro, D'Angelo")
    ['garcia', 'huidobro', 'd', 'angelo']
    """
    return _SEPARATORS.sub(" ", fold(text)).split()


_SEPARATORS = re.compile(r"[\W_]+")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s.()\-]+(?=\d)")
_COUNTRY = re.compile(r"\+51(?=\d)")


def search_terms(text: str) -> list[str]:
    """The words of a search. A number typed in groups is one word; Peru's country code is dropped.

    >>> search_terms("+51 987 654-321 Núñez")
    ['987654321', 'nunez']
    """
    return words(_COUNTRY.sub(" ", _BETWEEN_DIGITS.sub("", text)))[:MAX_SEARCH_TERMS]


def parse_query(typed: str) -> Details:
    """Read a search without results as details of a new patient: a document, a phone or names."""
    compact = re.sub(r"[\s.\-]", "", typed).removeprefix(HOME_PREFIX)
    if re.fullmatch(r"9\d{8}", compact):
        return Details("", "", phone=compact)
    if compact.isdigit():
        return Details("", "", document_number=compact[:20])
    parts = [word[:60] for word in typed.replace(",", " ").split()]
    if len(parts) >= 3:
        return Details(" ".join(parts[:-2]), parts[-2], parts[-1])
    return Details(parts[0] if parts else "", parts[1] if len(parts) > 1 else "")


def _text(name: str) -> Callable[..., Any]:
    return lambda value, _details, _today: text(value, max_length=LIMITS[name])


def _name(name: str) -> Callable[..., Any]:
    return lambda value, _details, _today: required_text(value, max_length=LIMITS[name])


def _phone(value: str, _details: Details, _today: date) -> str:
    return phone(value)


# Normalization of each field; arguments: value, all details, today.
_CHECKS: dict[str, Callable[[Any, Details, date], Any]] = {
    "given_names": _name("given_names"),
    "paternal_surname": _name("paternal_surname"),
    "maternal_surname": _text("maternal_surname"),
    "document_type": lambda value, _details, _today: one_of(DOCUMENT_LABELS, value),
    "document_number": lambda value, details, _today: document(details.document_type, value),
    "birth_date": lambda value, _details, today: birth_date(value, today=today),
    "sex": lambda value, _details, _today: one_of(SEX_LABELS, value),
    "email": lambda value, _details, _today: email(value),
    "occupation": _text("occupation"),
    "address": _text("address"),
    "ubigeo": lambda value, _details, _today: value or None,
    "emergency_name": _text("emergency_name"),
    **dict.fromkeys(PHONES, _phone),
    "admin_note": lambda value, _details, _today: lines(value, max_length=LIMITS["admin_note"]),
}


def to_view(person: Mapping[str, Any], today: date) -> dict[str, Any]:
    """A patient with the formatted texts of the screens: age, document, phone, label."""
    return {
        **person,
        "age": age(person["birth_date"], today),
        "document": format_document(person["document_type"], person["document_number"]),
        "phone_text": format_phone(person["phone"]),
        "label": label(person),
    }
