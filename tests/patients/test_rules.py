"""Documents, phones, names, and how a person is found."""

from datetime import UTC, date, datetime

import pytest

from app.kernel import contacts
from app.kernel.contacts import InvalidValue
from app.kernel.errors import Invalid
from app.patients import rules
from app.patients.rules import Details, documents, names, search

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
        ("RUC", "10456789124", "10456789124"),
        ("RUC", "٢٠١٠٠٠٤٧٢١٨", "20100047218"),
        ("DNI", "４５６７８９１２", "45678912"),
        ("CE", "00–123/4567", "001234567"),
        ("PTP", "00123456789", "00123456789"),
        ("CPP", "123456789", "123456789"),
        ("CDI", "d-12345", "D12345"),
        ("DNI", "  ", None),
    ],
)
def test_documents_are_stored_without_ornament(kind: str, typed: str, stored: str | None) -> None:
    assert documents.normalize(kind, typed) == stored


@pytest.mark.parametrize(
    ("kind", "typed"),
    [("DNI", "123456789"), ("DNI", "1234567A"), ("DNI", "١٢٣٤٥٦٧٨x"), ("CE", "12345678"),
     ("CE", "1234567890123"), ("PAS", "A12"), ("RUC", "30456789121"), ("RUC", "20123456789"), ("OTRO", "<b>")],
)  # fmt: skip
def test_documents_that_are_none(kind: str, typed: str) -> None:
    with pytest.raises(InvalidValue):
        documents.normalize(kind, typed)


@pytest.mark.parametrize(
    ("kind", "typed", "whole"),
    [("DNI", "0141286", "00141286"), ("DNI", "1412860", "01412860"), ("CE", "1234567", "001234567"),
     ("DNI", "1412", ""), ("PAS", "0141286", "")],
)  # fmt: skip
def test_the_zeros_that_a_spreadsheet_lost_are_offered(kind: str, typed: str, whole: str) -> None:
    assert documents.with_zeros(kind, typed) == whole
    if whole:
        with pytest.raises(InvalidValue) as refused:
            documents.normalize(kind, typed)
        assert refused.value.params == {"number": whole}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("987 654 321", "+51987654321"), ("+51 987-654-321", "+51987654321"), ("51987654321", "+51987654321"),
     ("0051 987 654 321", "+51987654321"), ("0987654321", "+51987654321"), ("９８７６５４３２１", "+51987654321"),
     ("(01) 456 7890", "+5114567890"), ("445-6789", "+5114456789"), ("281 234", "+5154281234"),
     ("+34 612 345 678", "+34612345678"), ("", "")],
)  # fmt: skip
def test_phones_become_e164(typed: str, stored: str) -> None:
    assert contacts.phone(typed, area_code="54") == stored


@pytest.mark.parametrize("typed", ["12", "987 654", "llámame", "+99 1", "987654321 ext. 5"])
def test_phones_that_are_none(typed: str) -> None:
    with pytest.raises(InvalidValue):
        contacts.phone(typed)


def test_phones_are_shown_as_people_write_them() -> None:
    shown = [
        contacts.format_phone(n) for n in ("+51987654321", "+5114456789", "+5154281234", "+34612345678", "anexo 3")
    ]
    assert shown == ["987 654 321", "(01) 445 6789", "(054) 281 234", "+34 612 34 56 78", "anexo 3"]


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


def test_search_text_holds_every_word_between_spaces() -> None:
    person = Details("D'Angelo", "García-Huidobro", "Núñez", document_number="45678912", phone="+51987654321")
    assert person.search_text == " dangelo garcia huidobro nunez 45678912 987654321 garciahuidobro angelo "


def test_a_name_of_special_letters_is_cut_to_its_column() -> None:
    assert len(Details("Æ" * 76, "ﷺ" * 60, "b" * 60).search_text) == search.MAX_TEXT


def finds(stored: Details, typed: str) -> bool:
    """What the patterns ask a database."""
    return all(
        any(pattern.strip("%") in stored.search_text for pattern in search.patterns(term))
        for term in search.terms(typed)
    )


@pytest.mark.parametrize(
    "typed",
    ["munoz ohiggins", "MUÑOZ-O'HIGGINS", "muñoz o higgins", "higgins", "munozohiggins", "aegir", "Ægir", "ægir muñoz"],
)
def test_letters_that_people_leave_out(typed: str) -> None:
    assert finds(Details("Ægir", "Muñoz-O’Higgins"), typed)


@pytest.mark.parametrize(
    "typed",
    ["994552474", "994 552 474", "+51994552474 ", "+51 994-552-474", "51994552474", "0051994552474", "0994552474",
     "552474", "994", "+51 994", "٩٩٤٥٥٢٤٧٤"],
)  # fmt: skip
def test_a_phone_is_found_as_it_is_dialled(typed: str) -> None:
    person = Details("Rosa", "Díaz", phone="+51994552474")
    assert finds(person, typed)
    assert not finds(person, "994552475")


@pytest.mark.parametrize("typed", ["445-6789", "(01) 445-6789", "014456789", "+5114456789", "4456789"])
def test_a_landline_is_found_with_and_without_its_area_code(typed: str) -> None:
    assert finds(Details("Rosa", "Díaz", other_phone="+5114456789"), typed)


@pytest.mark.parametrize("typed", ["0141286", "141286", "00141286", "DNI 00141286", "dni: 141286"])
def test_a_document_is_found_without_its_zeros(typed: str) -> None:
    assert finds(Details("Rosa", "Díaz", document_number="00141286"), typed)


def test_a_kind_of_document_before_its_number_is_no_word() -> None:
    assert search.terms("CE001234567") == search.terms("ce 001234567") == ["001234567"]
    assert search.terms("PAS AA12345") == ["aa12345"]
    assert search.terms("Ce Díaz") == ["ce", "diaz"]


def test_sought_words() -> None:
    assert search.terms("QUISPE, clara") == ["quispe", "clara"]
    assert search.terms("987 654 321") == search.terms("+51 987-654-321") == ["987654321"]
    assert search.terms("% _ ' \\") == []
    assert len(search.terms("a " * 50)) == search.MAX_TERMS


@pytest.mark.parametrize(
    ("typed", "given", "paternal", "maternal"),
    [
        ("Rosa Elena Huamán Díaz", "Rosa Elena", "Huamán", "Díaz"),
        ("rosa huamán", "Rosa", "Huamán", ""),
        ("quispe", "Quispe", "", ""),
        ("Del Águila Ríos, María", "María", "Del Águila", "Ríos"),
        ("María del Carmen Ruiz de Somocurcio", "María del Carmen", "Ruiz", "de Somocurcio"),
        ("maría del rosario quispe", "María del Rosario", "Quispe", ""),
        ("Juan Pérez de la Cruz", "Juan", "Pérez", "de la Cruz"),
        ("JUAN DE LOS RÍOS VAN DER BERG", "Juan", "De los Ríos", "Van der Berg"),
        ("da Silva, João", "João", "da Silva", ""),
        ("", "", "", ""),
    ],
)
def test_a_line_of_names(typed: str, given: str, paternal: str, maternal: str) -> None:
    assert names.split(typed) == names.Names(given, paternal, maternal)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("45678912", {"document_type": "DNI", "document_number": "45678912"}),
        ("0141286", {"document_type": "DNI", "document_number": "00141286"}),
        ("CE001234567", {"document_type": "CE", "document_number": "001234567"}),
        ("001234567", {"document_type": "CE", "document_number": "001234567"}),
        ("20100047218", {"document_type": "RUC", "document_number": "20100047218"}),
        ("AB123456", {"document_type": "PAS", "document_number": "AB123456"}),
        ("51987654321", {"phone": "987654321"}),
        ("987 654 321", {"phone": "987654321"}),
        ("+34 612 345 678", {"phone": "+34612345678"}),
        ("01 445 6789", {"phone": "014456789"}),
        ("445-6789", {"phone": "4456789"}),
    ],
)
def test_the_kind_of_a_typed_number(typed: str, read: dict[str, str]) -> None:
    assert search.guess(typed)[1] == read


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
