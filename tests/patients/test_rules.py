"""Documents, phones, names, and how a person is found."""

from datetime import UTC, date, datetime

import pytest

from app.kernel.errors import Invalid
from app.patients import rules
from app.patients.rules import Details

TODAY = date(2026, 11, 24)


def wrong_fields(**values: object) -> set[str]:
    try:
        rules.normalize(Details(**{"given_names": "Rosa", "paternal_surname": "Díaz", **values}), today=TODAY)
    except Invalid as error:
        return set(error.details)
    return set()


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("DNI", " 45.678 912 ", "45678912"),
        ("CE", "ab-1234567", "AB1234567"),
        ("CE", "000123456789", "000123456789"),
        ("PAS", "aa12345", "AA12345"),
        ("RUC", "10456789121", "10456789121"),
        ("DNI", "  ", None),
    ],
)
def test_documents_are_stored_without_ornament(kind: str, typed: str, stored: str | None) -> None:
    assert rules.document(kind, typed) == stored


@pytest.mark.parametrize(
    ("kind", "typed"),
    [("DNI", "1234567"), ("DNI", "123456789"), ("DNI", "1234567A"), ("DNI", "١٢٣٤٥٦٧٨x"), ("CE", "12345678"),
     ("CE", "1234567890123"), ("PAS", "A12"), ("RUC", "30456789121"), ("OTRO", "<b>")],
)  # fmt: skip
def test_documents_that_are_none(kind: str, typed: str) -> None:
    with pytest.raises(rules.InvalidValue):
        rules.document(kind, typed)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("987 654 321", "+51987654321"), ("+51 987-654-321", "+51987654321"), ("(01) 456 7890", "+5114567890"),
     ("+34 612 345 678", "+34612345678"), ("", "")],
)  # fmt: skip
def test_phones_become_e164(typed: str, stored: str) -> None:
    assert rules.phone(typed) == stored


@pytest.mark.parametrize("typed", ["12", "987 654", "llámame", "+99 1", "987654321 ext. 5"])
def test_phones_that_are_none(typed: str) -> None:
    with pytest.raises(rules.InvalidValue):
        rules.phone(typed)


def test_names_are_tidied() -> None:
    clean = rules.normalize(Details("  María   Elena\u200b ", "Quispe\tMamani ", "  "), today=TODAY)
    assert (clean.given_names, clean.paternal_surname, clean.maternal_surname) == ("María Elena", "Quispe Mamani", "")
    assert clean.full_name == "María Elena Quispe Mamani"


def test_the_longest_names_fit_their_columns() -> None:
    clean = rules.normalize(
        Details("a" * 76, "b" * 60, "c" * 60, phone="987654321", other_phone="987654322"), today=TODAY
    )
    assert len(clean.full_name) <= 200
    assert len(clean.search_text) <= 500


def test_every_wrong_field_is_named_at_once() -> None:
    found = wrong_fields(
        given_names="\u200b", document_number="1", phone="x", email="x@", sex="Q", birth_date=date(2026, 11, 25)
    )
    assert found == {"given_names", "document_number", "phone", "email", "sex", "birth_date"}


def test_birth_dates_have_bounds() -> None:
    assert wrong_fields(birth_date=date(1899, 12, 31)) == {"birth_date"}
    assert wrong_fields(birth_date=date(1900, 1, 1)) == wrong_fields(birth_date=TODAY) == set()


def test_the_day_is_the_one_in_peru() -> None:
    assert rules.today(datetime(2026, 11, 25, 3, 0, tzinfo=UTC)) == date(2026, 11, 24)


def test_age_counts_whole_years() -> None:
    born = date(1988, 11, 24)
    assert rules.age(born, date(2026, 11, 23)) == 37
    assert rules.age(born, date(2026, 11, 24)) == 38
    assert rules.age(None, TODAY) is None


def test_search_text_holds_every_word_after_a_space() -> None:
    person = Details("D'Angelo", "García-Huidobro", "Núñez", document_number="45678912", phone="+51987654321")
    assert person.search_text == " d angelo garcia huidobro nunez 45678912 987654321"


def test_sought_words() -> None:
    assert rules.search_terms("QUISPE, clara") == ["quispe", "clara"]
    assert rules.search_terms("987 654 321") == rules.search_terms("+51 987-654-321") == ["987654321"]
    assert rules.search_terms("% _ ' \\") == []
    assert len(rules.search_terms("a " * 50)) == rules.MAX_SEARCH_TERMS


def test_guess_reads_what_was_typed() -> None:
    assert rules.parse_query("45678912").document_number == "45678912"
    assert rules.parse_query("987 654 321").phone == "987654321"
    rosa = rules.parse_query("Rosa Elena Huamán Díaz")
    assert (rosa.given_names, rosa.paternal_surname, rosa.maternal_surname) == ("Rosa Elena", "Huamán", "Díaz")
    assert rules.parse_query("").given_names == ""


def test_labels_show_the_end_of_the_document_only() -> None:
    person = {
        "given_names": "Clara Inés",
        "paternal_surname": "Núñez",
        "maternal_surname": "Quispe",
        "document_type": "DNI",
        "document_number": "45678912",
        "phone": "+51987654321",
    }
    assert rules.label(person) == "Núñez Quispe, Clara Inés · DNI …8912 · 987 654 321"
    assert rules.label(person | {"document_number": None, "phone": ""}) == "Núñez Quispe, Clara Inés"
