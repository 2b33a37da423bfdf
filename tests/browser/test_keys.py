"""The front desk by keyboard alone: the one search, the board from a fresh page, booking, what is not possible."""

import re

from playwright.sync_api import Page, expect

from tests.browser.bookings import book
from tests.browser.browser_pages import KeyCounter, column, toast, visit_card, wait_until_live
from tests.browser.conftest import Person
from tests.cast import Cast
from tests.live_server import LiveServer

CLARA, GLORIA = "Clara Inés Núñez Quispe", "Gloria Mamani Huamán"


def find(page: Page, typed: str) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox", name=re.compile("^Buscar"))).to_be_focused()
    page.keyboard.type(typed)


def test_the_first_arrow_goes_to_the_board_and_enter_in_the_search_to_a_card(
    clinic: LiveServer, person: Person
) -> None:
    book(clinic, "11:00", patient=Cast.clara)
    book(clinic, "11:30", patient=Cast.gloria)
    ana = person("ana@example.com")
    ana.goto("/front-desk")
    ana.keyboard.press("ArrowDown")
    expect(visit_card(ana, CLARA)).to_be_focused()
    find(ana, "gloria")
    ana.keyboard.press("Enter")  # before the answer is there: it is taken when it comes
    expect(visit_card(ana, GLORIA)).to_be_focused()
    expect(ana.locator("#finder-hits")).to_be_hidden()


def test_a_card_found_from_another_page_has_the_focus_on_the_board(clinic: LiveServer, person: Person) -> None:
    book(clinic, "12:00", patient=Cast.clara, therapist=Cast.hugo)
    ana = person("ana@example.com")
    ana.goto("/tickets")
    find(ana, "clara")
    ana.keyboard.press("Enter")
    expect(ana).to_have_url(re.compile(r"/front-desk\?clinic_id=1#visit-\d+"))
    expect(ana.locator("[data-card]:focus")).to_contain_text(CLARA)


def test_arrows_go_through_the_hits_and_escape_leaves(person: Person) -> None:
    ana = person("ana@example.com")
    ana.goto("/till")
    find(ana, "mamani")
    patient = ana.locator("#hit-patient-2")
    expect(patient).to_be_visible()
    patient.get_by_role("link", name="Gloria").focus()
    ana.keyboard.press("ArrowRight")
    expect(patient.get_by_role("link", name="Reservar")).to_be_focused()
    ana.keyboard.press("Enter")
    dialog = ana.get_by_role("dialog")
    expect(dialog.get_by_role("combobox", name="Paciente")).to_have_value(re.compile("Gloria"))
    ana.keyboard.press("Escape")
    expect(ana.locator("#finder-text")).to_be_focused()
    ana.keyboard.press("Escape")
    expect(ana.locator("#finder-hits")).to_be_hidden()
    expect(ana.locator("#finder-text")).to_have_value("")


def test_a_visit_is_booked_with_few_keys_and_has_the_focus(clinic: LiveServer, person: Person) -> None:
    ana = person("ana@example.com")
    wait_until_live_on(ana, "/agenda")
    ana.get_by_role("link", name="Reservar 14:00 con Bruno Salas").focus()
    keys = KeyCounter(ana)
    keys.press("Enter")
    expect(ana.get_by_role("combobox", name="Paciente")).to_be_focused()
    ana.keyboard.type("glor")
    expect(ana.get_by_role("option", name="Gloria")).to_be_visible()
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(ana.get_by_label("Servicio")).to_be_focused()
    keys.press("Enter")
    expect(toast(ana, "Reservada")).to_be_visible()
    expect(ana.locator(".appt a:focus")).to_have_text(re.compile("Gloria"))
    assert len(keys.pressed) == 4


def test_control_enter_books_from_any_field(clinic: LiveServer, person: Person) -> None:
    ana = person("ana@example.com")
    wait_until_live_on(ana, "/agenda")
    ana.get_by_role("link", name="Reservar 15:00 con Hugo Paredes").click()
    ana.get_by_role("combobox", name="Paciente").press_sequentially("clara")
    expect(ana.get_by_role("option", name="Clara")).to_be_visible()
    ana.keyboard.press("Enter")
    ana.get_by_label("Motivo").fill("Control")
    ana.keyboard.press("Control+Enter")
    expect(toast(ana, "Reservada")).to_be_visible()


def test_a_key_that_is_not_possible_says_why_and_toasts_of_a_visit_replace_each_other(
    clinic: LiveServer, person: Person
) -> None:
    book(clinic, "16:00", patient=Cast.gloria)
    ana = person("ana@example.com")
    wait_until_live_on(ana, "/front-desk")
    card = column(ana, "Reservadas").locator("[data-card]", has_text="16:00")
    card.focus()
    ana.keyboard.press("l")
    expect(column(ana, "En sala").locator("[data-card]:focus")).to_contain_text("16:00")
    ana.keyboard.press("r")
    expect(toast(ana, "«Reprogramar» no se puede ahora: la cita está «En sala»")).to_contain_text("Pasar (P)")
    ana.keyboard.press("s")
    expect(toast(ana, "Lista: Gloria")).to_be_visible()
    expect(ana.locator("#toasts [data-about^=visit]")).to_have_count(1)
    ends = ana.locator("#toasts").evaluate("(element) => element.getBoundingClientRect().bottom")
    assert ends <= ana.locator("#board .board-list").first.evaluate("(element) => element.getBoundingClientRect().top")


def test_the_card_of_a_visit_opens_on_its_first_step(clinic: LiveServer, person: Person) -> None:
    book(clinic, "17:00", patient=Cast.clara, therapist=Cast.hugo)
    ana = person("ana@example.com")
    ana.goto("/agenda")
    ana.locator(".appt", has_text="17:00").get_by_role("link").click()
    expect(ana.get_by_role("dialog")).to_be_visible()
    expect(ana.get_by_role("button", name="Cerrar")).not_to_be_focused()
    expect(ana.locator("#dialog .btn-primary")).to_be_focused()


def wait_until_live_on(page: Page, path: str) -> None:
    page.goto(path)
    wait_until_live(page)
