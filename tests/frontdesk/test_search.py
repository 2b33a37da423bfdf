"""The one search of every page: visits of today, patients with their next steps, tickets, as their reader may see."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests import build
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries
from tests.scheduling.front_desk import NOW, TODAY, add_visit

HITS = "div#finder-hits"
STATEMENTS_PER_KEYSTROKE = 5  # session, clinic, visits, patients, tickets


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visit(app: Flask) -> Callable[..., int]:
    def add(*arguments: Any, **options: Any) -> int:
        with app.app_context():
            return add_visit(*arguments, **options)

    return add


def hits(client: Client, typed: str) -> list[tuple[str, str]]:
    """Group and id of each hit, in their order."""
    found, group = [], ""
    for element in client.tree(client.fragment(f"/search?q={typed}", HITS)).iter():
        if element.tag == "h3":
            group = element.text
        elif element.tag == "li":
            found.append((group, element.get("id")))
    return found


def links(client: Client, typed: str, hit: str) -> dict[str, tuple[str | None, str | None]]:
    """Address and target of each link of a hit, by its words."""
    row = client.tree(client.fragment(f"/search?q={typed}", HITS)).find(f".//li[@id='{hit}']")
    named = {link.findtext(".//strong") or link.text: link for link in row.iter("a")}
    return {name: (link.get("href"), link.get("hx-target")) for name, link in named.items()}


def test_it_finds_the_visit_of_today_first_then_the_patient_then_the_ticket(
    ana: Client, visit: Callable[..., int]
) -> None:
    today = visit("11:00")
    visit("11:00", day=TODAY + timedelta(days=3))
    visit("11:30", patient=Cast.gloria)
    assert hits(ana, "nunez") == [
        ("Citas de hoy", f"hit-visit-{today}"),
        ("Pacientes", "hit-patient-1"),
        ("Tickets", "hit-ticket-2"),
        ("Tickets", "hit-ticket-1"),
    ]


@pytest.mark.parametrize(
    "typed", ["nunez", "45678912", "987654", "clara quispe", "%2B51 987-654-321", "654321", "DNI 45678912"]
)
def test_it_reads_names_documents_and_phones(ana: Client, visit: Callable[..., int], typed: str) -> None:
    clara = visit("11:00")
    visit("11:30", patient=Cast.gloria)
    assert hits(ana, typed)[:2] == [("Citas de hoy", f"hit-visit-{clara}"), ("Pacientes", "hit-patient-1")]


def test_a_hit_of_today_leads_to_its_card(ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("11:00")
    row = ana.tree(ana.fragment("/search?q=clara", HITS)).find(f".//li[@id='hit-visit-{id_}']/a")
    assert (row.get("href"), row.get("data-shown-at")) == (f"/front-desk?clinic_id=1#visit-{id_}", f"visit-{id_}")


def test_a_patient_comes_with_the_next_steps(ana: Client) -> None:
    assert links(ana, "clara", "hit-patient-1") == {
        "Clara Inés Núñez Quispe": ("/patients/1", None),
        "Reservar": ("/appointments/new?patient_id=1", "#dialog-body"),
        "Cobrar": ("/patients/1/payment", "#panel"),
    }


def test_a_ticket_is_found_by_its_number_and_collected(app: Flask, ana: Client) -> None:
    with app.app_context():
        id_ = build.ticket()
    assert links(ana, "TKT-000001", f"hit-ticket-{id_}")["Cobrar"] == (f"/tickets/{id_}/payment", "#panel")
    with app.app_context():
        build.till_session()
    paid = {"method": "efectivo", "amount": "80.00"}
    assert ana.post_fragment(f"/tickets/{id_}/payments", paid).status_code == 200
    assert "Cobrar" not in links(ana, "TKT-000001", f"hit-ticket-{id_}")


def test_collecting_from_a_patient_opens_the_oldest_debt(ana: Client, visit: Callable[..., int]) -> None:
    assert "no debe nada" in ana.fragment("/patients/1/payment", "aside#panel").text
    visit("11:00")
    visit("09:00", "fulfilled", day=TODAY - timedelta(days=7), started="09:00", finished="09:30")
    assert "TKT-000002" in ana.fragment("/patients/1/payment", "aside#panel").text


def test_a_therapist_finds_own_patients_and_visits_only(bruno: Client, hugo: Client, visit: Callable[..., int]) -> None:
    id_ = visit("11:00", therapist=Cast.bruno)
    assert ("Citas de hoy", f"hit-visit-{id_}") in hits(bruno, "clara")
    assert links(bruno, "clara", f"hit-visit-{id_}") == {
        "11:00 Clara Inés Núñez Quispe": (f"/appointments/{id_}", "#dialog-body")
    }
    assert f"hit-visit-{id_}" not in [hit for _group, hit in hits(hugo, "clara")]
    assert "hit-patient-1" not in [hit for _group, hit in hits(hugo, "clara")]
    assert "Tickets" not in [group for group, _hit in hits(bruno, "clara")]


@pytest.mark.prepares_in_test
def test_it_hides_visits_and_tickets_of_other_clinics(fabio: Client, visit: Callable[..., int]) -> None:
    visit("11:00")
    assert {group for group, _hit in hits(fabio, "clara")} <= {"Pacientes"}


def test_patients_have_no_search(clara: Client) -> None:
    assert 'id="finder"' not in clara.get("/account").text
    assert hits(clara, "clara") == []


def test_who_is_not_there_can_be_registered(ana: Client) -> None:
    assert links(ana, "ximena", "hit-patient-new") == {"Registrar paciente nuevo": ("/patients/new?q=ximena", None)}
    assert hits(ana, "") == []


def test_it_stands_in_the_strip_of_every_page_and_works_without_script(ana: Client, bruno: Client) -> None:
    for client, path in ((ana, "/front-desk"), (ana, "/till"), (bruno, "/my-day"), (bruno, "/account")):
        assert client.tree(client.get(path)).find(".//form[@id='finder']").get("action") == "/search"
    assert "Clara Inés" in ana.get("/search?q=clara").text


def test_what_was_typed_is_kept_nowhere(ana: Client) -> None:
    assert ana.fragment("/search?q=clara", HITS).headers["Cache-Control"] == "no-store"


def test_a_keystroke_costs_five_statements(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    visit("11:00")
    ana.fragment("/search?q=clara", HITS)
    with count_queries(app) as sent:
        ana.fragment("/search?q=clara", HITS)
    assert len(sent) <= STATEMENTS_PER_KEYSTROKE, sent
