"""Rules of patients' data: validation and normalization, formatting.

``documents``, ``names`` and ``search`` are about one thing each. Pure functions on values. Messages are gettext source
texts, translated by the pages and the API.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from app.kernel import clock, contacts
from app.kernel.contacts import InvalidValue, format_phone, national_digits
from app.kernel.errors import Invalid
from app.kernel.i18n import N_
from app.patients.rules import documents, search

HOME_ZONE = "America/Lima"  # time zone for ages and birthdays: patients belong to no clinic
MIN_BIRTH_DATE = date(1900, 1, 1)
SEX_LABELS = {"": N_("Sin indicar"), "F": N_("Mujer"), "M": N_("Hombre"), "X": N_("Otro")}
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
        """What this person is found by (``search.text``)."""
        numbers = (self.document_number or "", national_digits(self.phone), national_digits(self.other_phone))
        return search.text(self.full_name, numbers)


FIELDS = tuple(field.name for field in fields(Details))


def has_local_phone(details: Details) -> bool:
    """Whether a telephone number needs the area code of the clinic."""
    return any(contacts.is_local(getattr(details, name)) for name in PHONES)


@dataclass(frozen=True, slots=True)
class Context:
    """What the checks need besides the values; ``area_code`` completes local telephone numbers."""

    today: date
    area_code: str = ""


def normalize(details: Details, *, today: date, area_code: str = "") -> Details:
    """Validate the details and return them as they are stored. Raises Invalid with every wrong field."""
    context = Context(today, area_code)
    clean: dict[str, Any] = {}
    errors: dict[str, str] = {}
    params: dict[str, str] = {}
    for name, check in _CHECKS.items():
        try:
            clean[name] = check(getattr(details, name), details, context)
        except InvalidValue as error:
            errors[name] = str(error)
            params |= error.params
    if errors:
        raise Invalid(errors, **params)
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


def birth_date(value: date | None, *, today: date) -> date | None:
    if value is not None and value > today:
        raise InvalidValue(N_("La fecha de nacimiento no puede ser futura."))
    if value is not None and value < MIN_BIRTH_DATE:
        raise InvalidValue(N_("La fecha de nacimiento no puede ser anterior a 1900."))
    return value


def label(person: Mapping[str, Any]) -> str:
    """A patient in one line for pickers: ``Núñez Quispe, Clara Inés · DNI …8912 · 987 654 321``."""
    surnames = " ".join(filter(None, (person["paternal_surname"], person["maternal_surname"])))
    return " · ".join(filter(None, (f"{surnames}, {person['given_names']}", numbers(person))))


def numbers(person: Mapping[str, Any]) -> str:
    """What tells people of one name apart: ``DNI …8912 · 987 654 321``."""
    short = documents.show(person["document_type"], person["document_number"], whole=False)
    return " · ".join(filter(None, (short, format_phone(person["phone"]))))


def brief(person: Mapping[str, Any]) -> str:
    """One line to tell people apart: ``Clara Núñez · DNI …8912 · 14/05/1988 · 987 654 321``."""
    born = date.fromisoformat(str(person["birth_date"])) if person["birth_date"] else None
    short = documents.show(person["document_type"], person["document_number"], whole=False)
    day = born.strftime("%d/%m/%Y") if born else ""
    return " · ".join(filter(None, (person["full_name"], short, day, format_phone(person["phone"]))))


def shown(person: Mapping[str, Any], name: str) -> str:
    """A detail as people read it; empty when there is none."""
    value = person[name]
    if name == "ubigeo":
        return f"{person['district']}, {person['province']}, {person['region']}" if value else ""
    if name in PHONES:
        return format_phone(value)
    return value.strftime("%d/%m/%Y") if isinstance(value, date) else str(value or "")


def age(born: date | None, today: date) -> int | None:
    """Whole years."""
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def today(now: datetime) -> date:
    """The calendar day by which ages and birthdays are counted."""
    return clock.local_day(now, HOME_ZONE)


def _text(name: str) -> Callable[..., Any]:
    return lambda value, _details, _context: text(value, max_length=LIMITS[name])


def _name(name: str) -> Callable[..., Any]:
    return lambda value, _details, _context: required_text(value, max_length=LIMITS[name])


def _phone(value: str, _details: Details, context: Context) -> str:
    return contacts.phone(value, area_code=context.area_code)


# Normalization of each field; arguments: value, all details, context.
_CHECKS: dict[str, Callable[[Any, Details, Context], Any]] = {
    "given_names": _name("given_names"),
    "paternal_surname": _name("paternal_surname"),
    "maternal_surname": _text("maternal_surname"),
    "document_type": lambda value, _details, _context: one_of(documents.LABELS, value),
    "document_number": lambda value, details, _context: documents.normalize(details.document_type, value),
    "birth_date": lambda value, _details, context: birth_date(value, today=context.today),
    "sex": lambda value, _details, _context: one_of(SEX_LABELS, value),
    "email": lambda value, _details, _context: contacts.email(value),
    "occupation": _text("occupation"),
    "address": _text("address"),
    "ubigeo": lambda value, _details, _context: value or None,
    "emergency_name": _text("emergency_name"),
    **dict.fromkeys(PHONES, _phone),
    "admin_note": lambda value, _details, _context: lines(value, max_length=LIMITS["admin_note"]),
}


def to_view(person: Mapping[str, Any], today: date) -> dict[str, Any]:
    """A patient with the formatted texts of the screens: age, document, phone, label."""
    return {
        **person,
        "age": age(person["birth_date"], today),
        "document": documents.show(person["document_type"], person["document_number"]),
        "phone_text": format_phone(person["phone"]),
        "label": label(person),
    }
