"""One day at the clinic, from the login to the report in the supervisor's hands."""

import io
import re
from datetime import date

import openpyxl
import pypdf
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_pages import (
    BrowserPages,
    KeyCounter,
    choose_patient,
    column,
    toast,
    visit_card,
    wait_until_live,
)
from tests.browser.conftest import Person
from tests.live_server import LiveServer

CLARA, ROSA = "Clara Inés Núñez Quispe", "Rosa Ñahui Ccori"


def test_one_day(browser_pages: BrowserPages, clinic: LiveServer, person: Person) -> None:
    ana = browser_pages.open(clinic)
    sign_in(ana, clinic)
    open_till(ana, "100")
    book_who_is_known(ana)
    book_who_is_new(ana)
    attend_clara(ana, person("bruno@example.com"))
    attend_rosa_by_keys(ana)
    collect_cash_with_change(ana)  # S/ 80 in cash
    collect_in_two_parts(ana)  # S/ 50 by Yape, S/ 30 in cash
    pay_an_expense(ana, "15.50")
    close_till_blind(ana)  # counted S/ 194.00, S/ 0.50 too little
    diego = person("diego@example.com")
    see_report(diego)
    check_pdf(download(diego, "PDF"))
    check_workbook(download(diego, "Excel"))


def sign_in(ana: Page, clinic: LiveServer) -> None:
    ana.goto("/")
    ana.get_by_label("Correo o usuario").fill("ana@example.com")
    ana.get_by_label("Contraseña", exact=True).fill(clinic.password)
    ana.keyboard.press("Enter")
    expect(ana).to_have_url(re.compile("/front-desk"))
    expect(ana.get_by_role("heading", name="Recepción")).to_be_visible()


def open_till(ana: Page, opening_float: str) -> None:
    ana.get_by_role("link", name="Abrir caja").click()
    ana.get_by_label("Fondo inicial en efectivo").fill(opening_float)
    ana.get_by_role("button", name="Abrir caja").click()
    expect(toast(ana, "Caja abierta: CJ-")).to_be_visible()


def book_who_is_known(ana: Page) -> None:
    """By a click on a free slot; the name is typed without accents, surname first."""
    ana.goto("/agenda")
    ana.get_by_role("link", name="Reservar 11:15 con Bruno Salas").click()
    choose_patient(ana, "nunez cla", "Núñez Quispe")
    ana.get_by_label("Servicio").select_option(label="Reflexología podal · 45 min · S/ 80.00")
    ana.get_by_role("dialog").get_by_role("button", name="Reservar").click()
    expect(toast(ana, CLARA)).to_be_visible()
    expect(agenda_card(ana, "Bruno Salas", CLARA)).to_contain_text("11:15")


def book_who_is_new(ana: Page) -> None:
    """Registered in the same dialog."""
    ana.get_by_role("link", name="Reservar 11:30 con Hugo Paredes").click()
    ana.get_by_role("combobox", name="Paciente").press_sequentially("Rosa Nahui")
    ana.get_by_role("option", name="Registrar paciente nuevo").click()
    form = ana.get_by_role("form", name="Paciente nuevo")
    form.get_by_label("Número").fill("70112233")
    form.get_by_label("Nombres").fill("Rosa")
    form.get_by_label("Apellido paterno").fill("Ñahui")
    form.get_by_label("Apellido materno").fill("Ccori")
    form.get_by_role("button", name="Registrar y elegir").click()
    expect(ana.get_by_role("combobox", name="Paciente")).to_have_value(re.compile("Ñahui Ccori, Rosa"))
    ana.get_by_label("Servicio").select_option(label="Reflexología podal · 45 min · S/ 80.00")
    ana.get_by_role("dialog").get_by_role("button", name="Reservar").click()
    expect(agenda_card(ana, "Hugo Paredes", ROSA)).to_contain_text("11:30")


def agenda_card(page: Page, therapist: str, patient: str) -> Locator:
    return page.get_by_role("region", name=therapist).get_by_role("listitem").filter(has_text=patient)


def attend_clara(ana: Page, bruno: Page) -> None:
    """Ana receives her with one key; Bruno starts and finishes on his own page, and Ana sees it."""
    ana.goto("/front-desk")
    wait_until_live(ana)
    keys = KeyCounter(ana)
    visit_card(ana, CLARA).focus()
    keys.press("l")
    expect(column(ana, "En sala")).to_contain_text(CLARA)
    assert len(keys.pressed) == 1
    bruno.goto("/my-day")
    bruno.get_by_role("button", name="Iniciar sesión").click()
    expect(column(ana, "En consulta")).to_contain_text(CLARA)
    bruno.get_by_role("button", name="Terminar").click()
    expect(column(ana, "Atendidas")).to_contain_text(CLARA)


def attend_rosa_by_keys(ana: Page) -> None:
    """The focus stays on her card while it goes from column to column."""
    visit_card(ana, ROSA).focus()
    for key, title in (("l", "En sala"), ("p", "En consulta"), ("t", "Atendidas")):
        ana.keyboard.press(key)
        expect(column(ana, title)).to_contain_text(ROSA)
        expect(visit_card(ana, ROSA)).to_be_focused()


def collect_cash_with_change(ana: Page) -> None:
    visit_card(ana, CLARA).focus()
    ana.keyboard.press("c")
    expect(ana.get_by_role("textbox", name="Recibido")).to_be_focused()
    ana.keyboard.type("100")
    expect(ana.locator(".change-value")).to_have_text("S/ 20.00")
    assert font_size(ana, ".change-value") >= 2 * font_size(ana, ".change-label")
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("region", name="Cobrado")).to_contain_text("S/ 20.00")
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("region", name="Cobrado")).to_have_count(0)
    expect(visit_card(ana, CLARA).get_by_role("link", name="Próxima cita").first).to_be_visible()


def font_size(page: Page, selector: str) -> float:
    return page.locator(selector).evaluate("(element) => parseFloat(getComputedStyle(element).fontSize)")


def collect_in_two_parts(ana: Page) -> None:
    """A part by Yape with its operation number, the rest exactly in cash with two keys."""
    visit_card(ana, ROSA).focus()
    ana.keyboard.press("c")
    ana.get_by_role("radio", name="Yape").check()
    ana.get_by_label("Monto").fill("50")
    ana.get_by_label("N.º de operación").fill("0098231")
    ana.keyboard.press("Enter")
    paid = ana.get_by_role("region", name="Cobrado")
    expect(ana.locator("#collect")).to_contain_text("Falta S/ 30.00")
    keys = KeyCounter(ana)
    expect(ana.get_by_role("textbox", name="Recibido")).to_be_focused()
    keys.press("Enter")
    expect(paid.locator("dd.total")).to_have_text("S/ 0.00")
    keys.press("Enter")
    expect(paid).to_have_count(0)
    assert keys.pressed == ["Enter", "Enter"]


def pay_an_expense(ana: Page, amount: str) -> None:
    ana.goto("/till")
    ana.get_by_role("link", name="Registrar movimiento").click()
    dialog = ana.get_by_role("dialog")
    dialog.get_by_role("radio", name="Gasto").check()
    dialog.get_by_label("Monto").fill(amount)
    dialog.get_by_label("Concepto").fill("Pilas para el termómetro")
    dialog.get_by_role("button", name="Registrar").click()
    expect(toast(ana, "Movimiento registrado.")).to_be_visible()
    expect(ana.get_by_role("row", name="Pilas para el termómetro")).to_contain_text("-S/ 15.50")


def close_till_blind(ana: Page) -> None:
    """She counts without seeing what is expected; the sealed count shows the difference and asks for a reason."""
    ana.get_by_role("link", name="Cerrar caja").click()
    expect(ana.get_by_role("columnheader", name="Contado")).to_be_visible()
    expect(ana.get_by_text("194.50")).to_have_count(0)
    expect(ana.get_by_role("columnheader", name="Esperado")).to_have_count(0)
    for piece, count in (("100", "1"), ("50", "1"), ("20", "2"), ("2", "2")):
        ana.get_by_label(f"S/ {piece}", exact=True).fill(count)
    expect(ana.get_by_label("Efectivo", exact=True)).to_have_value("194.00")
    ana.get_by_label("Yape").fill("50")
    ana.get_by_role("button", name="Guardar conteo").click()
    expect(ana.get_by_text("faltan S/ 0.50")).to_be_visible()
    ana.get_by_role("button", name="Cerrar caja").click()
    reason = ana.get_by_label("Explicación de la diferencia")
    expect(reason).to_have_attribute("aria-invalid", "true")
    reason.fill("Una moneda se perdió")
    ana.get_by_role("button", name="Cerrar caja").click()
    expect(ana.get_by_role("heading", name=re.compile("Reporte Z CJ-"))).to_be_visible()
    expect(ana.get_by_text("Una moneda se perdió")).to_be_visible()
    expect(ana.get_by_role("row", name=re.compile("^Efectivo"))).to_contain_text("-S/ 0.50")


def see_report(diego: Page) -> None:
    diego.goto("/reports")
    diego.get_by_role("link", name="Caja diaria").click()
    totals = diego.locator(".report-methods tfoot")
    expect(totals).to_contain_text("160.00")
    detail = diego.locator(".report-detail tbody tr")
    expect(detail).to_have_count(3)
    expect(detail.filter(has_text="0098231")).to_contain_text("50.00")


def download(diego: Page, label: str) -> bytes:
    """Ask for a file, see it being made, and fetch it when its row offers it."""
    diego.evaluate("""() => {
        window.progress = [];
        new MutationObserver(() => document.querySelectorAll("progress").forEach((bar) => progress.push(bar.value)))
            .observe(document.querySelector("#report-files"), {subtree: true, childList: true, attributes: true});
    }""")
    diego.locator("#report-files").get_by_role("button", name=label).click()
    row = diego.locator(".run-row", has_text=label).first
    row.get_by_role("link", name="Descargar").wait_for(timeout=30_000)
    with diego.expect_download() as caught:
        row.get_by_role("link", name="Descargar").click()
    if label == "PDF":  # the workbook of one day may be done before its first refresh
        assert len(set(diego.evaluate("progress"))) >= 2, "the bar moved"
    return caught.value.path().read_bytes()


def check_pdf(content: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(content))
    words = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    box = reader.pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)  # A4
    for expected in (CLARA, ROSA, "160.00", "0098231", "Una moneda se perdió", "-0.50"):
        assert expected in words, words


def check_workbook(content: bytes) -> None:
    """The figures as written, and the formulas that keep them alive."""
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    rows = list(book["Detalle"].iter_rows(values_only=True))
    head = next(row for row in rows if "Neto" in row)
    nets = [row[head.index("Neto")] for row in rows if isinstance(row[head.index("Fecha")], date)]
    assert sorted(nets) == [30, 50, 80]
    methods = list(book["Resumen"].iter_rows(values_only=True))
    head = next(row for row in methods if "Neto" in row)
    total = next(row for row in methods if row[0] == "Total")
    assert total[head.index("Neto")] == 160, methods
    alive = openpyxl.load_workbook(io.BytesIO(content))["Resumen"]
    assert any(str(cell.value).startswith("=SUM") for row in alive.iter_rows() for cell in row)
