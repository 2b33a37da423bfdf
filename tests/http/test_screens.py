"""Packages put themselves on screens they do not own; who lacks the permission does not see them."""

from collections.abc import Iterator

import pytest
from flask import Flask

from app.http import screens
from app.http.screens import PATIENT_HOME, TICKET, VISIT_MENU, ScreenSlot
from app.kernel.access import Permission
from app.patients import permissions as patients
from app.scheduling import permissions as scheduling
from tests import build
from tests.cast import Cast
from tests.client import Client

UNHELD = Permission("test.unheld", "held by no one")
SLOTS = (
    ScreenSlot(TICKET, 10, "Recetas", "/tickets/{id}/recipes", patients.READ),
    ScreenSlot(TICKET, 20, "Oculto", "/tickets/{id}/hidden", UNHELD),
    ScreenSlot(VISIT_MENU, 10, "Nota clínica", "/visits/{id}/note", scheduling.READ),
    ScreenSlot(VISIT_MENU, 20, "Oculto", "/visits/{id}/hidden", UNHELD),
    ScreenSlot(PATIENT_HOME, 10, "Mis recetas", "/my/{id}/recipes", scheduling.READ_OWN),
)


@pytest.fixture
def slots(app: Flask) -> Iterator[None]:
    registered = app.extensions["slots"]
    screens.register(app, [slot for of_screen in registered.values() for slot in of_screen] + list(SLOTS))
    yield
    app.extensions["slots"] = registered


def test_a_ticket_loads_the_fragments_of_other_packages(app: Flask, slots: None, ana: Client) -> None:
    with app.app_context():
        ticket_id = build.ticket()
    page = ana.tree(ana.get(f"/tickets/{ticket_id}"))
    assert page.find(".//div[@id='ticket-recipes']").get("hx-get") == f"/tickets/{ticket_id}/recipes"
    assert page.find(".//div[@id='ticket-hidden']") is None


def test_a_visits_card_at_the_desk_offers_their_links(app: Flask, slots: None, ana: Client) -> None:
    with app.app_context():
        visit_id = build.visit(build.at("10:00"))
    card = ana.tree(ana.get(f"/front-desk?day={build.TODAY}")).find(f".//li[@id='visit-{visit_id}']")
    links = [link.get("href") for link in card.iter("a")]
    assert f"/visits/{visit_id}/note" in links
    assert f"/visits/{visit_id}/hidden" not in links


def test_a_patients_home_loads_their_fragments(slots: None, cast: Cast, clara: Client) -> None:
    page = clara.tree(clara.get("/my"))
    assert page.find(".//div[@id='patient-home-recipes']").get("hx-get") == f"/my/{cast.clara}/recipes"
