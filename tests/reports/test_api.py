"""Reports as JSON: permissions, clinics, formats, size limits."""

import pytest
from flask import Flask

from app.reports import rules
from tests.background import run_pending_work
from tests.client import Client
from tests.reports import ledger

URL = "/api/reports/improved-daily-cash/?date=2026-11-20"
EXPORT = "/api/exports/pdf/caja-chica-mejorada/?date=2026-11-20"


def test_a_reader_gets_the_report(diego: Client, eva: Client, full_day: int) -> None:
    for person in (diego, eva):
        assert person.api("GET", URL).get_json()["total_general"] == "234.50"


def test_an_unknown_payment_method_is_refused_with_the_known_ones(diego: Client) -> None:
    for path in (URL, EXPORT):
        answer = diego.api("GET", f"{path}&payment_methods=efectivo,cheque")
        assert answer.status_code == 400
        (sentence,) = answer.get_json()["details"]["payment_methods"]
        assert sentence.startswith("Este método de pago no existe en la sede. Use: ")
        assert {"efectivo", "yape", "tarjeta"} <= set(sentence.partition("Use: ")[2].rstrip(".").split(", "))


@pytest.mark.parametrize("person", ["ana", "bruno", "clara", "fabio"])
@pytest.mark.parametrize("path", [URL, EXPORT, "/api/reports/", "/api/reports/1/"])
def test_it_requires_report_read(request: pytest.FixtureRequest, person: str, path: str) -> None:
    answer = request.getfixturevalue(person).api("GET", path)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "INSUFFICIENT_PERMISSIONS")


@pytest.mark.prepares_in_test
def test_it_hides_other_clinics(app: Flask, diego: Client, eva: Client, full_day: int) -> None:
    for path in (URL, EXPORT):
        assert diego.api("GET", f"{path}&clinic_id=2").status_code == 404
        assert diego.api("GET", f"{path}&clinic_id=99").status_code == 404
    run = eva.api("POST", "/api/reports/generate/", {"report": "daily-cash", "format": "csv"}).get_json()["id"]
    assert diego.api("GET", f"/api/reports/{run}/").status_code == 404
    assert diego.api("GET", f"/api/reports/{run}/file/").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/reports/improved-daily-cash/?date=ayer", 400),
        ("/api/reports/improved-daily-cash/?fecha=2026-11-20", 400),
        ("/api/reports/improved-daily-cash/?payment_methods=cheque", 400),
        ("/api/exports/pdf/caja-chica-mejorada/?date=2026-11-20&format=excel", 400),
        ("/api/exports/excel/caja-chica-mejorada/?date=2026-11-20&format=pdf", 400),
        ("/api/exports/docx/caja-chica-mejorada/", 404),
        ("/api/exports/pdf/nada/", 404),
        ("/api/reports/nada/", 404),
    ],
)
def test_it_rejects_bad_input(diego: Client, path: str, status: int) -> None:
    answer = diego.api("GET", path)
    assert answer.status_code == status
    assert answer.get_json()["error"]


def test_an_agreeing_format_parameter_is_accepted(diego: Client, full_day: int) -> None:
    assert diego.api("GET", "/api/exports/excel/resumen-caja/?date=2026-11-20&format=xlsx").status_code == 200


def test_a_large_export_becomes_a_run_that_is_reused(
    app: Flask, diego: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rules.MAX_INLINE_ROWS, rules.Format.XLSX, 10)
    with app.app_context():
        ledger.many_payments(11)
    path = "/api/exports/excel/caja-chica-mejorada/?date=2026-11-20"
    first, again = diego.api("GET", path), diego.api("GET", path)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["progress_url"] == again.get_json()["progress_url"]
    run_pending_work(app)
    done = diego.api("GET", path)
    assert (done.status_code, done.data[:2]) == (200, b"PK")


def test_generate_rejects_what_does_not_exist(diego: Client) -> None:
    assert diego.api("POST", "/api/reports/generate/", {"report": "nada"}).status_code == 404
    assert diego.api("POST", "/api/reports/generate/", {}).status_code == 400
    wrong = {"report": "daily-cash", "parameters": {"date": "ayer"}}
    assert diego.api("POST", "/api/reports/generate/", wrong).status_code == 400


def test_generate_rejects_impossible_dates(diego: Client) -> None:
    text = {"report": "improved-daily-cash", "format": "pdf", "parameters": {"date": "9999-12-31"}}
    answer = diego.api("POST", "/api/reports/generate/", text)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION_ERROR")


def test_the_list_of_reports_is_a_page_as_any_list(diego: Client) -> None:
    whole = diego.api("GET", "/api/reports/").get_json()
    assert whole["count"] == len(whole["results"]) > 3
    last = diego.api("GET", "/api/reports/?page=2&page_size=3").get_json()
    assert (last["page"], last["results"]) == (2, whole["results"][3:6])
