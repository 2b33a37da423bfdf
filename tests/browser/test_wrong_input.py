"""What people get wrong, or others did meanwhile: a clear answer, and nothing is lost."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.bookings import book
from tests.browser.browser_pages import BrowserPages, choose_patient, toast, wait_until_live
from tests.browser.conftest import Person
from tests.cast import Cast
from tests.live_server import LiveServer


def test_a_slot_taken_meanwhile_offers_near_ones(clinic: LiveServer, person: Person) -> None:
    ana = person("ana@example.com")
    ana.goto("/agenda")
    ana.get_by_role("link", name="Reservar 12:00 con Bruno Salas").click()
    choose_patient(ana, "clara", "Núñez Quispe")
    ana.get_by_label("Motivo").fill("Dolor de espalda")
    book(clinic, "12:00", patient=Cast.gloria)
    dialog = ana.get_by_role("dialog")
    dialog.get_by_role("button", name="Reservar").click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        re.compile(r"Estas están libres: \d\d:\d\d, \d\d:\d\d, \d\d:\d\d")
    )
    expect(dialog.get_by_label("Motivo")).to_have_value("Dolor de espalda")
    near = dialog.get_by_role("list", name="Horas libres con Bruno Salas").get_by_role("link")
    assert near.count() >= 3
    hour = near.first.inner_text()
    near.first.click()
    # the list moves with the choice: the chosen hour need not be the first of it
    chosen = dialog.get_by_role("list", name="Horas libres con Bruno Salas").get_by_role("link", name=hour)
    expect(chosen).to_have_attribute("aria-current", "true")
    dialog.get_by_role("button", name="Reservar").click()
    expect(toast(ana, f"Reservada: hoy {hour}")).to_be_visible()


@pytest.fixture
def debt(clinic: LiveServer) -> str:
    """The path of a ticket of S/ 60.00 that is unpaid."""
    visit = book(clinic, "10:00", patient=Cast.clara, days=_next_free_day(clinic))
    return f"/tickets/{visit['ticket']['id']}/payment"


def _next_free_day(clinic: LiveServer) -> int:
    """Days ahead; each test has a day of its own."""
    program = clinic.api_client("ana@example.com")
    return 1 + program.call("GET", f"/api/appointments/?patient_id={Cast.clara}").json["count"]


def test_a_closed_till_says_what_to_do(clinic: LiveServer, person: Person, debt: str) -> None:
    """And what was typed is still there when the till is open."""
    ana = person("ana@example.com")
    ana.goto(debt)
    expect(ana.get_by_text("Para cobrar, abra primero la caja.")).to_be_visible()
    ana.get_by_label("Monto").fill("25")
    ana.get_by_role("button", name="Cobrar").click()
    expect(ana.get_by_role("alert")).to_contain_text("No hay una caja abierta")
    expect(ana.get_by_label("Monto")).to_have_value("25.00")
    open_till(clinic)
    ana.get_by_role("button", name="Cobrar").click()
    expect(ana.get_by_text("Cobrado S/ 25.00 por Efectivo")).to_be_visible()


def open_till(clinic: LiveServer) -> None:
    body = {"till_id": Cast.till, "opening_float": "0.00"}
    answer = clinic.api_client("ana@example.com").call("POST", "/api/till-sessions/", body)
    assert answer.status in {201, 409}, answer.body


@pytest.mark.parametrize(
    ("amount", "words"),
    [("10.005", "decimales"), ("60.01", "60.00"), ("diez", "monto")],
    ids=["three decimals", "above the debt", "no number"],
)
def test_a_wrong_amount_is_told_beside_it(
    clinic: LiveServer, person: Person, debt: str, amount: str, words: str
) -> None:
    open_till(clinic)
    ana = person("ana@example.com")
    ana.goto(debt)
    ana.get_by_label("Monto").fill(amount)
    with ana.expect_response(re.compile("/payments$")) as answer:
        ana.get_by_role("button", name="Cobrar").click()
    assert answer.value.status == 422
    field = ana.get_by_label("Monto")
    expect(field).to_have_value(amount)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(words))


@pytest.mark.parametrize("path", ["/agenda?clinic_id=2", "/front-desk?clinic_id=2", "/till?clinic_id=2", "/reports/x"])
def test_a_foreign_clinic_is_not_there(path: str, person: Person) -> None:
    diego = person("diego@example.com")
    answer = diego.goto(path)
    assert answer is not None
    assert answer.status == 404
    expect(diego.get_by_role("heading", level=1)).to_be_visible()


def test_a_session_that_ended_leads_to_the_login_and_back(clinic: LiveServer, person: Person) -> None:
    """Signed out in another window: this page is notified by its socket."""
    ana = person("ana@example.com")
    ana.goto("/front-desk?view=list")
    wait_until_live(ana)
    token = ana.locator("input[name=csrf_token]").first.input_value()
    headers = {"Referer": clinic.url}
    ana.request.post("/logout", form={"csrf_token": token}, headers=headers, max_redirects=0)
    expect(ana).to_have_url(re.compile("/login"))
    ana.reload()  # the cookie of the response to /logout may come after that of the login page
    log_in(ana, clinic)
    expect(ana).to_have_url(re.compile(r"/front-desk\?view=list"))


def test_a_login_form_that_went_stale_is_offered_again(clinic: LiveServer, browser_pages: BrowserPages) -> None:
    page = browser_pages.open(clinic)
    page.goto("/login?next=/agenda")
    page.context.clear_cookies()  # what signing out in another tab does
    log_in(page, clinic)
    expect(page.get_by_label("Correo o usuario")).to_have_value("")
    log_in(page, clinic)
    expect(page).to_have_url(re.compile("/agenda"))


def test_a_search_after_the_session_ended_leads_to_the_login_and_back(clinic: LiveServer, person: Person) -> None:
    ana = person("ana@example.com")
    ana.goto("/patients")
    wait_until_live(ana)
    ana.wait_for_load_state("networkidle")  # else a refresh of the bell may find the ended session first
    ana.context.clear_cookies()
    ana.get_by_role("searchbox").first.fill("quispe")
    log_in(ana, clinic)
    expect(ana).to_have_url(re.compile("/patients"))


def log_in(page: Page, clinic: LiveServer) -> None:
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_label("Correo o usuario").fill("ana@example.com")
    page.get_by_label("Contraseña", exact=True).fill(clinic.password)
    page.get_by_role("button", name="Ingresar").click()
