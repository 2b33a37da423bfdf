"""Rules: validation of the settings of a clinic, of services and therapists."""

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from app.kernel import contacts, money
from app.kernel.errors import Conflict, Invalid, RuleBroken
from app.kernel.i18n import N_

SLOT_MINUTES = (5, 10, 15, 20, 30, 60)
COLOURS = range(1, 9)
CURRENCIES = tuple(money.SYMBOLS)
WEEKDAYS = (
    N_("Lunes"),
    N_("Martes"),
    N_("Miércoles"),
    N_("Jueves"),
    N_("Viernes"),
    N_("Sábado"),
    N_("Domingo"),
)
MAX_SERVICE_MINUTES = 480  # minutes


class NameTaken(Invalid):
    """Two things of one kind may not have the same name in one place."""

    def __init__(self) -> None:
        super().__init__({"name": N_("Ya hay otro con este nombre. Escriba uno distinto.")})


class TherapistWorksElsewhere(RuleBroken):
    code = "WORKS_ELSEWHERE"
    message = N_("También atiende en una sede que usted no administra. Quite aquí sus servicios de esta sede.")


class AlreadyHasAccount(Conflict):
    code = "ACCOUNT_EXISTS"
    message = N_("Este terapeuta ya tiene una cuenta.")


@dataclass(frozen=True, slots=True)
class ClinicSettings:
    """The settings of a clinic that an admin may change; the units are those of the table."""

    name: str
    legal_name: str = ""
    tax_id: str = ""
    address: str = ""
    phone: str = ""
    whatsapp: str = ""
    email: str = ""
    timezone: str = "America/Lima"
    currency: str = "PEN"
    tax_rate_bp: int = 1800
    opens_minute: int = 480
    closes_minute: int = 1200
    closed_weekdays: tuple[int, ...] = (6,)
    slot_minutes: int = 15
    notice_minutes: int = 60
    change_notice_hours: int = 12
    horizon_days: int = 60
    auto_confirm: bool = True
    open_visits_limit: int = 5
    noshow_grace_minutes: int = 15
    pending_hours: int = 24
    therapists_receive: bool = True
    blind_close: bool = True
    therapists_see_names: bool = False
    difference_limit_cents: int = 50
    cash_rounding: str = "currency"


@dataclass(frozen=True, slots=True)
class ServiceData:
    name: str
    duration_minutes: int
    price_cents: int
    description: str = ""
    specialty_id: int | None = None
    colour: int = 1
    is_online: bool = True


@dataclass(frozen=True, slots=True)
class TherapistData:
    given_names: str
    surnames: str
    display_name: str = ""
    document_number: str = ""
    licence_number: str = ""
    email: str = ""
    phone: str = ""


# The area code of landlines by region (the first two digits of an ubigeo).
AREA_CODES = {
    "01": "41",
    "02": "43",
    "03": "83",
    "04": "54",
    "05": "66",
    "06": "76",
    "07": "1",
    "08": "84",
    "09": "67",
    "10": "62",
    "11": "56",
    "12": "64",
    "13": "44",
    "14": "74",
    "15": "1",
    "16": "65",
    "17": "82",
    "18": "53",
    "19": "63",
    "20": "73",
    "21": "51",
    "22": "42",
    "23": "52",
    "24": "72",
    "25": "61",
}


def area_code(phone: str, ubigeo: str | None) -> str:
    """The area code of a clinic: of its own landline, else of its region; empty when neither is known.

    >>> area_code("+5154281234", None), area_code("+51987654321", "150122")
    ('54', '1')
    """
    digits = contacts.national_digits(phone)
    of_its_phone = next((code for code in AREA_CODES.values() if len(digits) == 8 and digits.startswith(code)), "")
    return of_its_phone or AREA_CODES.get((ubigeo or "")[:2], "")


def check_settings(settings: ClinicSettings) -> ClinicSettings:
    """The settings as they are stored. Raises Invalid with a sentence per field."""
    wrong: dict[str, str] = {}
    clean: dict[str, Any] = {
        "phone": _cleaned("phone", lambda: contacts.phone(settings.phone), wrong),
        "whatsapp": _cleaned("whatsapp", lambda: contacts.phone(settings.whatsapp), wrong),
        "email": _cleaned("email", lambda: contacts.email(settings.email), wrong),
        "tax_id": _cleaned("tax_id", lambda: _tax_id(settings), wrong),
    }
    if not settings.name.strip():
        wrong["name"] = N_("Escriba el nombre de la sede.")
    if settings.timezone not in available_timezones():
        wrong["timezone"] = N_("Esta zona horaria no existe; por ejemplo America/Lima.")
    if settings.currency not in CURRENCIES:
        wrong["currency"] = N_("Esta moneda no se admite.")
    if not 0 <= settings.tax_rate_bp <= 5000:
        wrong["tax_rate_bp"] = N_("Escriba un porcentaje entre 0 y 50.")
    if not 0 <= settings.opens_minute < settings.closes_minute <= 1440:
        wrong["closes_minute"] = N_("La sede debe cerrar después de abrir.")
    if not set(settings.closed_weekdays) <= set(range(7)) or len(set(settings.closed_weekdays)) == 7:
        wrong["closed_weekdays"] = N_("Deje abierto al menos un día de la semana.")
    if settings.slot_minutes not in SLOT_MINUTES:
        wrong["slot_minutes"] = N_("Elija uno de los pasos ofrecidos.")
    for name in ("notice_minutes", "change_notice_hours", "horizon_days", "noshow_grace_minutes", "pending_hours"):
        if getattr(settings, name) < 0:
            wrong[name] = N_("Escriba cero o más.")
    if settings.horizon_days < 1:
        wrong["horizon_days"] = N_("Escriba al menos un día.")
    if not 1 <= settings.open_visits_limit <= 100:
        wrong["open_visits_limit"] = N_("Escriba un número de 1 a 100.")
    if settings.cash_rounding not in money.CASH_ROUNDING:
        wrong["cash_rounding"] = N_("Elija una de las opciones.")
    if settings.difference_limit_cents < 0:
        wrong["difference_limit_cents"] = N_("Escriba cero o más.")
    if wrong:
        raise Invalid(wrong)
    return dataclasses.replace(settings, **clean)


def _tax_id(settings: ClinicSettings) -> str:
    """A RUC where the currency is Peru's; elsewhere the number as typed."""
    return contacts.ruc(settings.tax_id) if settings.currency == "PEN" else settings.tax_id.strip()


def _cleaned(name: str, check: Callable[[], str], wrong: dict[str, str]) -> str:
    try:
        return check()
    except contacts.InvalidValue as error:
        wrong[name] = str(error)
        return ""


def check_service(service: ServiceData) -> None:
    """Raises Invalid with a sentence per field."""
    wrong: dict[str, str] = {}
    if not service.name.strip():
        wrong["name"] = N_("Escriba el nombre del servicio.")
    if not 0 < service.duration_minutes <= MAX_SERVICE_MINUTES or service.duration_minutes % 5:
        wrong["duration_minutes"] = N_("Use un múltiplo de 5, entre 5 y 480.")
    if service.price_cents < 0:
        wrong["price_cents"] = N_("Escriba cero o más.")
    if service.colour not in COLOURS:
        wrong["colour"] = N_("Elija un color de la lista.")
    if wrong:
        raise Invalid(wrong)


def check_therapist(therapist: TherapistData) -> TherapistData:
    """The same with a display name (``Bruno Salas``) when none was given. Raises Invalid."""
    wrong: dict[str, str] = {}
    if not therapist.given_names.strip():
        wrong["given_names"] = N_("Escriba los nombres.")
    if not therapist.surnames.strip():
        wrong["surnames"] = N_("Escriba los apellidos.")
    phone = _cleaned("phone", lambda: contacts.phone(therapist.phone), wrong)
    email = _cleaned("email", lambda: contacts.email(therapist.email), wrong)
    if wrong:
        raise Invalid(wrong)
    display_name = (
        therapist.display_name.strip() or f"{therapist.given_names.split()[0]} {therapist.surnames.split()[0]}"
    )
    return dataclasses.replace(
        therapist,
        display_name=display_name[:80],
        document_number=contacts.normal_form(therapist.document_number).strip(),
        phone=phone,
        email=email,
    )


def differences(row: Any, data: Any) -> dict[str, list[Any]]:
    """The fields in which ``data`` differs from ``row``: ``{field: [old, new]}``."""
    found = {}
    for field in dataclasses.fields(data):
        new = getattr(data, field.name)
        new = sorted(new) if isinstance(new, tuple) else new
        if getattr(row, field.name) != new:
            found[field.name] = [getattr(row, field.name), new]
    return found


def home_clinic(home: int | None, before: Collection[int], after: Collection[int]) -> int | None:
    """The clinic that manages a therapist without services: one of the clinics of the last ones.

    ``before`` and ``after`` are the clinics of the services that a change takes and leaves.
    """
    if after:
        return home if home in after else min(after)
    return home if home is not None else min(before, default=None)
