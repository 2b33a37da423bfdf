"""When two records seem to be of one person."""

from collections.abc import Mapping
from typing import Any

from app.patients.rules import Details, names


def is_probable(typed: Details, known: Mapping[str, Any]) -> bool:
    """Whether a person about to be registered seems to be one who is known; the document is another or not given.

    The same names count unless birth date, or document of one kind, tells two people apart; a name sake with the same
    birth date counts whatever the document. The same birth date and telephone count with one name in common.
    """
    has_same_birth_date = typed.birth_date is not None and typed.birth_date == known["birth_date"]
    has_other_birth_date = not has_same_birth_date and None not in (typed.birth_date, known["birth_date"])
    if _have_same_names(typed, known):
        return has_same_birth_date or not (has_other_birth_date or _has_other_document(typed, known))
    has_same_phone = bool(typed.phone) and typed.phone == known["phone"]
    return has_same_birth_date and has_same_phone and _have_a_name_in_common(typed, known)


def _have_same_names(typed: Details, known: Mapping[str, Any]) -> bool:
    given, known_given = names.words(typed.given_names), names.words(known["given_names"])
    maternal, known_maternal = names.words(typed.maternal_surname), names.words(known["maternal_surname"])
    return (
        given[:1] == known_given[:1]
        and names.words(typed.paternal_surname) == names.words(known["paternal_surname"])
        and (maternal == known_maternal or not maternal or not known_maternal)
    )


def _has_other_document(typed: Details, known: Mapping[str, Any]) -> bool:
    number, known_number = typed.document_number, known["document_number"]
    is_one_kind = typed.document_type == known["document_type"]
    return bool(number and known_number and is_one_kind and number != known_number)


def _have_a_name_in_common(typed: Details, known: Mapping[str, Any]) -> bool:
    return bool({*names.words(typed.full_name)} & {*names.words(known["full_name"])})
