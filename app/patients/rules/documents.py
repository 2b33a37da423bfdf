"""Identity documents: their kinds, their normal form, their checks, how they are shown."""

import re

from app.kernel import contacts
from app.kernel.contacts import InvalidValue
from app.kernel.i18n import N_

LABELS = {
    "DNI": N_("DNI"),
    "CE": N_("Carné de extranjería"),
    "PAS": N_("Pasaporte"),
    "PTP": N_("PTP (permiso temporal de permanencia)"),
    "CPP": N_("CPP (carné de permiso temporal de permanencia)"),
    "CDI": N_("Carné de identidad diplomático"),
    "RUC": N_("RUC"),
    "OTRO": N_("Otro documento"),
}
_PATTERNS = {
    "DNI": (r"\d{8}", N_("El DNI tiene 8 dígitos.")),
    "CE": (r"[A-Z0-9]{9,12}", N_("El carné de extranjería tiene de 9 a 12 letras o dígitos.")),
    "PAS": (r"[A-Z0-9]{5,12}", N_("El pasaporte tiene de 5 a 12 letras o dígitos.")),
    "PTP": (r"[A-Z0-9]{6,15}", N_("El PTP tiene de 6 a 15 letras o dígitos.")),
    "CPP": (r"[A-Z0-9]{6,15}", N_("El CPP tiene de 6 a 15 letras o dígitos.")),
    "CDI": (r"[A-Z0-9]{4,15}", N_("El carné diplomático tiene de 4 a 15 letras o dígitos.")),
    "OTRO": (r"[A-Z0-9]{3,20}", N_("El documento tiene de 3 a 20 letras o dígitos.")),
}
_LENGTHS = {"DNI": 8, "CE": 9}  # of numbers that may begin with zeros
_MOST_LOST = 3  # zeros that a spreadsheet may have dropped
_LOST_ZEROS = {
    "DNI": N_("El DNI tiene 8 dígitos. Si se perdieron los ceros del inicio, escriba %(number)s."),
    "CE": N_("El carné de extranjería tiene 9 dígitos. Si se perdieron los ceros del inicio, escriba %(number)s."),
}


def normalize(kind: str, number: str | None) -> str | None:
    """The number without blanks, dots and dashes, in capitals; None when there is none.

    Raises InvalidValue; for a number that lost its leading zeros its sentence names the whole one.
    """
    compact = _compact(number)
    if not compact:
        return None
    if kind == "RUC":
        return contacts.ruc(compact)
    pattern, message = _PATTERNS.get(kind, _PATTERNS["OTRO"])
    if re.fullmatch(pattern, compact, re.ASCII):
        return compact
    whole = with_zeros(kind, compact)
    raise InvalidValue(_LOST_ZEROS[kind], number=whole) if whole else InvalidValue(message)


def with_zeros(kind: str, number: str | None) -> str:
    """The number with the leading zeros that it seems to have lost; empty when it has not.

    >>> with_zeros("DNI", "141286"), with_zeros("DNI", "1234"), with_zeros("PAS", "141286")
    ('00141286', '', '')
    """
    compact, length = _compact(number), _LENGTHS.get(kind, 0)
    seems_short = compact.isdigit() and 0 < length - len(compact) <= _MOST_LOST
    return compact.zfill(length) if seems_short else ""


def _compact(number: str | None) -> str:
    return re.sub(r"[\s.\-/]", "", contacts.normal_form(number or "")).upper()


def show(kind: str, number: str | None, *, whole: bool = True) -> str:
    """``DNI 45678912``, or ``DNI …8912`` (``whole=False``) on screens that others can read."""
    if not number:
        return ""
    kind = "" if kind == "OTRO" else f"{kind} "
    return f"{kind}{number}" if whole else f"{kind}…{number[-4:]}"
