"""Which addresses are taken at entry, and how they are written to servers."""

import pytest

from app.kernel import contacts, mail


@pytest.mark.parametrize("address", ["maría.ñ@correo.pe", "josé@correo.pe"])
def test_what_most_servers_cannot_deliver_is_refused_at_entry(address: str) -> None:
    with pytest.raises(contacts.InvalidValue, match="antes de la arroba"):
        contacts.email(address)


def test_an_international_domain_is_kept_as_written_and_sent_as_a_labels() -> None:
    kept = contacts.email(" Ana@MÜNCHEN.example.pe ")

    assert kept == "ana@münchen.example.pe"
    assert mail.wire_address(kept) == "ana@xn--mnchen-3ya.example.pe"
    assert mail.wire_address("clara@example.com") == "clara@example.com"


def test_a_domain_that_is_none_fails_at_once() -> None:
    with pytest.raises(ValueError, match="no domain of mail"):
        mail.wire_address("ana@ñ..pe")
