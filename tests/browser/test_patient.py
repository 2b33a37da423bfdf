"""A patient with a phone: books, changes, cancels; and what happens when fingers are too fast."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.bookings import book
from tests.browser.browser_pages import PHONE
from tests.browser.conftest import Person
from tests.cast import Cast
from tests.live_server import LiveServer


def test_booking_in_three_steps(person: Person) -> None:
    """With Back between the steps; then another hour, then no visit any more."""
    clara = person("clara@example.com", width=PHONE)
    clara.goto("/my")
    clara.get_by_role("link", name="Reservar una cita").click()
    clara.get_by_role("link", name="Reflexología podal").click()
    choose_a_time(clara)
    expect(clara.get_by_role("heading", name="Confirmar la cita")).to_be_visible()
    clara.go_back()
    expect(clara.get_by_role("heading", name="Elegir día y hora")).to_be_visible()
    clara.get_by_role("link", name="Servicio").click()
    clara.get_by_role("link", name="Fisioterapia").click()
    hour = choose_a_time(clara)
    expect(clara.locator(".summary-box")).to_contain_text("Fisioterapia")
    clara.get_by_role("button", name="Reservar").click()
    expect(next_visit(clara)).to_contain_text(hour)
    expect(clara.get_by_text("Su cita está reservada.")).to_be_visible()
    change(clara)
    cancel(clara)


def choose_a_time(clara: Page) -> str:
    """The first hour of the day after tomorrow."""
    choose_day(clara, 2)
    hour = clara.locator(".time-button").first
    words = hour.inner_text()
    hour.click()
    return words


def choose_day(clara: Page, ahead: int) -> None:
    day = clara.locator(".day-link").nth(ahead)
    day.click()
    expect(day).to_have_attribute("aria-current", "date")


def next_visit(clara: Page) -> Locator:
    return clara.get_by_role("region", name=re.compile("a las"))


def change(clara: Page) -> None:
    next_visit(clara).get_by_role("link", name="Cambiar").click()
    choose_day(clara, 3)
    other = clara.get_by_role("link", name=re.compile(r"^\d\d:\d\d$")).last
    hour = other.inner_text()
    other.click()
    expect(clara.locator(".summary-box")).to_contain_text(hour)
    clara.get_by_role("button", name="Cambiar la hora").click()
    expect(clara.get_by_text("Su cita cambió de hora.")).to_be_visible()
    expect(next_visit(clara)).to_contain_text(hour)


def cancel(clara: Page) -> None:
    """Going back to the form of a cancelled visit shows that it is cancelled."""
    next_visit(clara).get_by_role("link", name="Cambiar").click()
    clara.get_by_role("link", name="cancele la cita").click()
    clara.get_by_role("radio", name="Reservé por error").check()
    clara.get_by_role("button", name="Cancelar la cita").click()
    expect(clara.get_by_text("Su cita quedó cancelada.")).to_be_visible()
    expect(clara.get_by_text("No tiene citas por venir")).to_be_visible()
    clara.go_back()
    expect(clara.get_by_text("Esta cita ya está cancelada.")).to_be_visible()
    expect(clara.get_by_role("button", name="Cancelar la cita")).to_have_count(0)


def test_a_double_click_books_once(clinic: LiveServer, person: Person) -> None:
    gloria = person("gloria@example.com", width=PHONE)
    gloria.goto(f"/my/booking?service_id={Cast.physiotherapy}&therapist_id={Cast.hugo}")
    choose_a_time(gloria)
    gloria.get_by_role("button", name="Reservar").dblclick(no_wait_after=True)
    expect(gloria.get_by_text("Su cita está reservada.")).to_be_visible()
    visits = clinic.api_client("gloria@example.com").call("GET", "/api/appointments/?status=booked").json
    assert visits["count"] == 1


def test_two_tabs_with_two_patients_never_cross(clinic: LiveServer, person: Person) -> None:
    """The desk edits one person, opens another beside, and saves the first."""
    ana = person("ana@example.com")
    ana.goto(f"/patients/{Cast.clara}/edit")
    other = ana.context.new_page()
    other.goto(f"/patients/{Cast.gloria}/edit")
    other.get_by_label("Ocupación").fill("Costurera")
    ana.get_by_label("Ocupación").fill("Arquitecta")
    ana.get_by_role("button", name="Guardar").click()
    expect(ana.get_by_role("heading", level=1)).to_have_text(re.compile("Clara"))
    other.get_by_role("button", name="Guardar").click()
    expect(other.get_by_role("heading", level=1)).to_have_text(re.compile("Gloria"))
    program = clinic.api_client("ana@example.com")
    jobs = {n: program.call("GET", f"/api/patients/{n}/").json["occupation"] for n in (Cast.clara, Cast.gloria)}
    assert jobs == {Cast.clara: "Arquitecta", Cast.gloria: "Costurera"}


def test_two_tabs_collect_for_two_patients(clinic: LiveServer, person: Person) -> None:
    """Each panel charges the ticket that it shows."""
    clara = book(clinic, "11:30", patient=Cast.clara)
    gloria = book(clinic, "11:30", patient=Cast.gloria, therapist=Cast.hugo)
    program = clinic.api_client("ana@example.com")
    till = {"till_id": Cast.till, "opening_float": "0.00"}
    assert program.call("POST", "/api/till-sessions/", till).status == 201
    ana = person("ana@example.com")
    other = ana.context.new_page()
    for page, visit in ((ana, clara), (other, gloria)):
        page.goto(f"/tickets/{visit['ticket']['id']}/payment")
    ana.get_by_label("Monto").fill("10")
    ana.get_by_role("button", name="Cobrar").click()
    expect(ana.get_by_text("Cobrado S/ 10.00 por Efectivo")).to_be_visible()
    other.get_by_label("Monto").fill("20")
    other.get_by_role("button", name="Cobrar").click()
    expect(other.get_by_text("Cobrado S/ 20.00 por Efectivo")).to_be_visible()
    paid = {v["id"]: program.call("GET", f"/api/tickets/{v['ticket']['id']}/").json["paid"] for v in (clara, gloria)}
    assert paid == {clara["id"]: "10.00", gloria["id"]: "20.00"}
