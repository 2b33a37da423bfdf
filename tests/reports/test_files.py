"""The four dresses, read back by other people's libraries."""

import csv
import io
from datetime import date, datetime

import orjson
import pytest
from flask import Flask
from openpyxl import load_workbook
from pypdf import PdfReader

from app.reports.renderers import pdf
from app.reports.renderers.plain import safe_cell
from tests.client import Client
from tests.reports import ledger
from tests.reports.ledger import CASH

EXPORT = "/api/exports/{}/caja-chica-mejorada/?date=2026-11-20"
FORMULA = '=HYPERLINK("http://evil.example","Clara")'


def _text(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def test_the_pdf_shows_header_figures_and_page_numbers(diego: Client, full_day: int) -> None:
    answer = diego.api("GET", EXPORT.format("pdf"))
    assert answer.mimetype == "application/pdf"
    assert "caja-chica-mejorada-2026-11-20.pdf" in answer.headers["Content-Disposition"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    text = _text(answer.data)
    for expected in ("Centro Miraflores", "RUC 20512345671", "20/11/2026", "PARCIAL", "CJ-2026-000001", "234.50"):
        assert expected in text
    assert "Importes en S/; fechas por hora de cobro (America/Lima)" in text
    pages = len(PdfReader(io.BytesIO(answer.data)).pages)
    assert f"Página 1 de {pages}" in text
    assert "Observaciones" in text


@pytest.mark.any_engine
def test_codes_times_and_methods_stay_on_one_line_of_the_pdf(app: Flask, diego: Client) -> None:
    with app.app_context():
        session = ledger.full_day()
        ledger.pay(session, ledger.ticket(123456, number=987654), 123456, method=ledger.TRANSFER)
    text = _text(diego.api("GET", EXPORT.format("pdf")).data)
    detail = text[text.index("Detalle de cobros") :]
    for whole in ("10:00", "TKT-000001", "TKT-987654", "Transferencia", "1,234.56", "Referencia", "Doc."):
        assert whole in detail
    assert "CJ-2026-000001" in text[text.index("Cierres por caja") :]


@pytest.mark.any_engine
def test_the_pdf_has_no_active_content(app: Flask, diego: Client, full_day: int) -> None:
    with app.app_context():
        ledger.rename_clara('<a href="http://evil.example">x</a><img src="file:///etc/passwd">')
    reader = PdfReader(io.BytesIO(diego.api("GET", EXPORT.format("pdf")).data))
    assert not reader.attachments
    assert all("/Annots" not in page for page in reader.pages)
    assert "/OpenAction" not in reader.root_object
    assert set(reader.root_object.get("/Names", {})) <= {"/Dests"}  # no embedded files, no JavaScript
    assert "evil.example" in "".join(page.extract_text() for page in reader.pages)  # as text


@pytest.mark.any_engine
def test_the_pdf_fetches_nothing(app: Flask) -> None:
    """Even HTML that should never get here reads no file and reaches no host."""
    html = '<link rel="stylesheet" href="http://127.0.0.1:9/x.css"><p>hola</p>'
    with app.app_context(), pdf.start() as printer, pytest.raises(pdf.PdfUnavailable):
        printer.print(html, "", {})


@pytest.mark.any_engine
def test_a_long_pdf_repeats_its_table_header(app: Flask, diego: Client) -> None:
    with app.app_context():
        ledger.many_payments(80)
    text = _text(diego.api("GET", EXPORT.format("pdf")).data)
    assert text.count("Paciente") >= 3
    assert "TKT-000080" in text


def test_the_workbook_has_real_numbers_and_live_sums(app: Flask, diego: Client, full_day: int) -> None:
    with app.app_context():
        ledger.rename_clara(FORMULA)
        ledger.close_session(full_day, {CASH: (26950, 26950)})
    content = diego.api("GET", EXPORT.format("excel")).data
    live, cached = (load_workbook(io.BytesIO(content), data_only=seen) for seen in (False, True))
    assert live.sheetnames == [
        "Resumen",
        "Detalle",
        "Movimientos",
        "Denominaciones",
        "PorTerapeuta",
        "Anulados",
        "Meta",
    ]
    detail = live["Detalle"]
    head = [cell.value for cell in detail[1]]
    assert head == [
        *("Fecha", "Hora", "Sesión", "Ticket", "Serie", "Tipo", "Paciente", "Documento", "Terapeuta", "Servicio"),
        *("Método", "Referencia", "Bruto", "Descuento", "Neto", "Recibido", "Vuelto", "Cajero", "Sede"),
        *("N.º de cita", "Observación"),
    ]
    first = dict(zip(head, detail[2], strict=True))
    assert first["Fecha"].value == datetime(2026, 11, 20)  # noqa: DTZ001 - workbooks have no zones
    assert (first["Bruto"].value, first["Bruto"].number_format) == (80, '"S/" #,##0.00')
    assert first["Paciente"].data_type == "s"
    assert first["Paciente"].value == FORMULA  # as it is: the cell is text
    assert {row[1].value.microsecond for row in detail.iter_rows(min_row=2, max_row=6)} == {0}
    assert first["Neto"].value == "=M2-N2"
    assert detail["O7"].value == "=SUM(O2:O6)"
    assert cached["Detalle"]["O7"].value == 234.5
    assert detail.freeze_panes == "A2"
    assert detail.auto_filter.ref == "A1:U6"
    assert detail.print_area
    assert not detail.merged_cells.ranges
    assert live["Denominaciones"]["C2"].value == "=A2*B2"


def test_the_summary_says_whose_day_it_is_and_keeps_that_in_sight(diego: Client, full_day: int) -> None:
    page = load_workbook(io.BytesIO(diego.api("GET", EXPORT.format("excel")).data))["Resumen"]
    assert "RUC" in page["A1"].value
    assert "Reporte de caja diaria" in page["A2"].value
    assert "20/11/2026" in page["A2"].value
    assert page.freeze_panes == "A3"
    heads = {cell.value: cell.alignment.horizontal for cell in page[4]}
    assert (heads["Método"], heads["Neto"], heads["Debe haber"]) == (None, "right", "right")


def test_the_check_cells_are_zero(diego: Client, full_day: int) -> None:
    content = diego.api("GET", EXPORT.format("excel")).data
    live, cached = (load_workbook(io.BytesIO(content), data_only=seen)["Resumen"] for seen in (False, True))
    checks = [row[0].row for row in live.iter_rows() if row[0].value and "debe ser 0" in str(row[0].value)]
    assert len(checks) == 2
    for row in checks:
        assert live.cell(row, 5).value.startswith("=ROUND(SUM('Resumen'!")
        assert cached.cell(row, 5).value == 0


@pytest.mark.any_engine
def test_a_workbook_of_an_empty_day_opens(diego: Client) -> None:
    book = load_workbook(io.BytesIO(diego.api("GET", EXPORT.format("excel")).data), data_only=True)
    assert book["Detalle"]["O3"].value == 0


def test_the_meta_sheet_names_author_zone_and_filters(diego: Client, full_day: int) -> None:
    content = diego.api("GET", EXPORT.format("excel") + "&payment_methods=yape").data
    meta = {row[0].value: row[1].value for row in load_workbook(io.BytesIO(content))["Meta"].iter_rows()}
    assert meta["Generado por"] == "Diego Rivas"
    assert meta["Zona horaria"] == "America/Lima"
    assert "yape" in meta["Filtros"]
    assert len(meta["Huella SHA-256"]) == 64


def test_the_csv_has_plain_decimals_and_no_formulas(app: Flask, diego: Client, full_day: int) -> None:
    with app.app_context():
        ledger.rename_clara(FORMULA)
    content = diego.api("GET", EXPORT.format("csv")).data
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0]["paciente"] == f"'{FORMULA}"
    assert [row["neto"] for row in rows] == ["80.00", "60.00", "80.00", "34.50", "-20.00"]
    assert (rows[0]["fecha"], rows[0]["hora"]) == ("2026-11-20", "10:00")


def test_the_json_file_equals_the_api_response(diego: Client, full_day: int) -> None:
    file = orjson.loads(diego.api("GET", EXPORT.format("json")).data)
    assert file == diego.api("GET", "/api/reports/improved-daily-cash/?date=2026-11-20").get_json()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠SUM(A1)"])
def test_text_never_begins_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("Quispe-Mamani") == "Quispe-Mamani"


@pytest.mark.parametrize("name", ["resumen-caja", "tickets-pagados", "daily-cash"])
@pytest.mark.parametrize(
    "format_",
    [*(pytest.param(slow, marks=pytest.mark.any_engine) for slow in ("pdf", "excel")), "csv", "json"],
)
def test_every_report_renders_in_every_format(diego: Client, full_day: int, name: str, format_: str) -> None:
    answer = diego.api("GET", f"/api/exports/{format_}/{name}/?date=2026-11-20")
    assert answer.status_code == 200
    assert date(2026, 11, 20).isoformat() in answer.headers["Content-Disposition"]
