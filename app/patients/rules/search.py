"""How a person is found: the text that is searched, the words of a search, and a search read as a new person."""

import re
from collections.abc import Iterable

from app.kernel.contacts import dialled_digits, is_ruc, normal_form
from app.kernel.i18n import fold
from app.patients.rules import documents, names

MAX_TERMS = 8  # further words of a search are ignored
MAX_TEXT = 500
NUMBER_DIGITS = 6  # from so many digits on, the end of a number finds it too

_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s.()\-]+(?=\d)")
_COUNTRY = re.compile(r"\+51(?=\d)")
_KIND = "|".join(documents.LABELS)
_WITH_KIND = re.compile(rf"\b({_KIND})[\W_]*(?=[a-z]{{0,3}}\d)", re.IGNORECASE)  # "DNI 45678912", "CE001234567"
_TYPED_DOCUMENT = re.compile(rf"\s*({_KIND})[\W_]*(?=[a-z]{{0,3}}\d)(.+)", re.IGNORECASE | re.DOTALL)
_FOREIGN_DOCUMENT = re.compile(r"(?=.*\d)[A-Z]{1,3}\d{5,10}", re.IGNORECASE)


def text(full_name: str, numbers: Iterable[str]) -> str:
    """What a person is found by: names, numbers, other spellings; a space before and after each word."""
    parts = (*names.words(full_name), *map(fold, filter(None, numbers)), *names.other_spellings(full_name))
    return f" {' '.join(parts)}"[: MAX_TEXT - 1] + " "


def terms(typed: str) -> list[str]:
    """The words of a search. A number typed in groups is one word; what is said before it (``DNI``, +51) is dropped.

    >>> terms("+51 987 654-321 Núñez"), terms("CE001234567")
    (['987654321', 'nunez'], ['001234567'])
    """
    plain = _COUNTRY.sub(" ", _BETWEEN_DIGITS.sub("", normal_form(typed)))
    return names.words(_WITH_KIND.sub(" ", plain))[:MAX_TERMS]


def is_number(term: str) -> bool:
    """Whether a term is looked for as a number: also without what is dialled before it, and by its end."""
    return term.isdecimal() and len(dialled_digits(term)) >= NUMBER_DIGITS


def patterns(term: str) -> list[str]:
    """The LIKE patterns of which one has to match ``text``. Letters and digits only, so no wildcard gets in.

    >>> patterns("quispe"), patterns("0994552474")
    (['% quispe%'], ['% 0994552474%', '% 994552474%', '%994552474 %'])
    """
    if not is_number(term):
        return [f"% {term}%"]
    dialled = dialled_digits(term)
    return [f"% {term}%", f"% {dialled}%", f"%{dialled} %"]


def guess(typed: str) -> tuple[str, dict[str, str]]:
    """Read a search without results as a new person: ``("phone", {"phone": …})``, ``"document"`` or ``"names"``.

    The values are those of the fields of ``Details``.
    """
    line = normal_form(typed).strip()
    if stated := _TYPED_DOCUMENT.fullmatch(line):
        return "document", _document(stated[1].upper(), stated[2])
    compact = re.sub(r"[\s.()\-/]", "", line)
    if compact.startswith("+") and compact[1:].isdecimal():
        return "phone", {"phone": compact}
    if compact.isdecimal():
        return _guess_number(compact, is_grouped=compact != line)
    if _FOREIGN_DOCUMENT.fullmatch(compact):
        return "document", _document("PAS", compact)
    found = names.split(typed)
    return "names", {name: getattr(found, name)[:60] for name in found.__slots__}


def _guess_number(digits: str, *, is_grouped: bool) -> tuple[str, dict[str, str]]:
    dialled = dialled_digits(digits)
    if is_ruc(digits):
        return "document", _document("RUC", digits)
    is_mobile = len(dialled) == 9 and dialled.startswith("9")
    has_area_code = digits.startswith("0") and not digits.startswith("00") and len(digits) == 9
    is_local = is_grouped and len(digits) == 7 and not digits.startswith("0")
    if is_mobile or has_area_code or is_local or len(digits) > 9:
        return "phone", {"phone": dialled if is_mobile else digits}
    return "document", _document("CE" if len(digits) == 9 else "DNI", digits)


def _document(kind: str, number: str) -> dict[str, str]:
    """The fields of a document, with the zeros that the number has lost."""
    whole = documents.with_zeros(kind, number) or re.sub(r"[\s.\-/]", "", number).upper()
    return {"document_type": kind, "document_number": whole[:20]}
