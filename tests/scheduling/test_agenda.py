"""``/agenda`` and ``/agenda/week``: what stands in the grid, who sees it, what it costs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete

from app.kernel.db import db
from app.scheduling.models import WorkingHours
from tests import build
from tests.background import run_pending_work
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

LIMA = ZoneInfo("America/Lima")
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=LIMA)
TODAY = MONDAY.date()
GRID = "div#agenda-day"


@pytest.fixture(autouse=True)
def monday_morning() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY, tick=True) as traveller:
        yield traveller


def book(who: Client, hour: int, minute: int = 0, *, days: int = 0, therapist: int = 1, patient: int = 1) -> int:
    starts_at = MONDAY.replace(hour=hour, minute=minute) + timedelta(days=days)
    body = {"patient_id": patient, "therapist_id": therapist, "service_id": 1, "starts_at": starts_at.isoformat()}
    answer = who.api("POST", "/api/appointments/", body)
    assert answer.status_code == 201, answer.text
    return int(answer.get_json()["id"])


def links(tree: Element, word: str) -> list[Element]:
    return [e for e in tree.iter("a") if e.get("aria-label", "").startswith(word)]


def card(tree: Element, appointment_id: int) -> Element:
    return next(e for e in tree.iter("li") if e.get("id") == f"appt-{appointment_id}")


def test_it_works(ana: Client) -> None:
    visit = book(ana, 10, 30)
    answer = ana.get("/agenda")
    assert answer.status_code == 200
    tree = ana.tree(answer)
    shown = card(tree, visit)
    assert "r30 n9" in shown.get("class", "")  # 10:30 is thirty steps after 08:00, nine are 45 minutes
    assert "state-booked" in shown.get("class", "")
    text = " ".join(shown.itertext())
    assert "10:30" in text
    assert "Clara Inés Núñez Quispe" in text
    assert "Reflexología podal" in text
    assert [e.get("aria-label") for e in shown.iter() if e.get("role") == "img"] == ["Reservada"]
    live = next(e for e in tree.iter("div") if e.get("id") == "agenda-day")
    assert live.get("data-live") == "agenda:1:2026-11-23"


def test_free_starts_are_links_with_names(ana: Client) -> None:
    book(ana, 10, 30)
    names = [e.get("aria-label") for e in links(ana.tree(ana.get("/agenda")), "Reservar")]
    assert "Reservar 10:00 con Bruno Salas" in names
    assert "Reservar 10:30 con Hugo Paredes" in names
    for taken in ("10:15", "10:30", "10:45", "11:00"):  # the shortest service takes 30 minutes
        assert f"Reservar {taken} con Bruno Salas" not in names
    for closed in ("08:45", "12:45", "13:00", "18:00"):
        assert f"Reservar {closed} con Bruno Salas" not in names
    assert len(names) == len(set(names))


def test_a_free_start_opens_the_form_with_its_time(ana: Client) -> None:
    [link] = [
        e
        for e in links(ana.tree(ana.get("/agenda")), "Reservar")
        if e.get("aria-label", "").endswith("11:15 con Hugo Paredes")
    ]
    form = ana.tree(ana.get(link.get("href", "")))
    values = {e.get("name"): e.get("value") for e in form.iter("input")}
    assert values["starts_at"] == "2026-11-23T11:15"
    chosen = [e.text for e in form.iter("option") if e.get("selected") is not None]
    assert "Hugo Paredes" in chosen


def test_hours_that_are_over_are_not_offered(ana: Client, monday_morning: time_machine.Traveller) -> None:
    monday_morning.move_to(MONDAY.replace(hour=11, minute=20))
    ana.sign_in(ana.email)  # the session of the morning has ended
    names = [e.get("aria-label") for e in links(ana.tree(ana.get("/agenda")), "Reservar")]
    assert "Reservar 11:15 con Bruno Salas" not in names
    assert "Reservar 11:30 con Bruno Salas" in names


def test_the_line_of_now_stands_on_today_only(ana: Client, monday_morning: time_machine.Traveller) -> None:
    monday_morning.move_to(MONDAY.replace(hour=11, minute=20))
    ana.sign_in(ana.email)  # the session of the morning has ended
    assert 'class="now r40"' in ana.get("/agenda").text
    assert 'class="now ' not in ana.get("/agenda?day=2026-11-24").text


def test_a_cancelled_visit_leaves_its_time_to_be_booked(ana: Client) -> None:
    visit = book(ana, 10)
    ana.api("DELETE", f"/api/appointments/{visit}/", {"reason": "patient"})
    tree = ana.tree(ana.get("/agenda?freed=1"))
    assert "of-2 lane-2" in card(tree, visit).get("class", "")
    assert "Reservar 10:00 con Bruno Salas" in [e.get("aria-label") for e in links(tree, "Reservar")]
    other = book(ana, 10, patient=2)
    tree = ana.tree(ana.get("/agenda?freed=1"))
    assert "of-2 lane-1" in card(tree, other).get("class", "")
    assert "of-2 lane-2" in card(tree, visit).get("class", "")


def test_debt_and_first_visit_are_marked(ana: Client) -> None:
    visit = book(ana, 10)
    tree = ana.tree(ana.get("/agenda"))
    assert [e.text for e in card(tree, visit).iter("abbr")] == ["1.ª"]  # nobody owes before they come
    ana.post(f"/appointments/{visit}/arrival", {"submission_id": "a"})
    assert [e.text for e in card(ana.tree(ana.get("/agenda")), visit).iter("abbr")] == ["1.ª", "S/"]


def test_a_closed_day_says_so(ana: Client) -> None:
    answer = ana.get("/agenda?day=2026-11-22")  # a Sunday
    assert "Nadie atiende este día" in answer.text


def test_one_therapist(ana: Client, cast: Cast) -> None:
    text = ana.get(f"/agenda?therapist_id={cast.hugo}").text
    assert "con Hugo Paredes" in text
    assert "con Bruno Salas" not in text
    assert f"day=2026-11-24&amp;clinic_id=1&amp;therapist_id={cast.hugo}" in text  # the arrows keep the filter


def test_a_therapist_sees_their_own_column_first(bruno: Client) -> None:
    assert "con Hugo Paredes" not in bruno.get("/agenda").text
    assert "Hugo Paredes</a></h2>" in bruno.get("/agenda?therapist_id=").text


def test_the_week(ana: Client, cast: Cast) -> None:
    visit = book(ana, 9, days=3)
    answer = ana.get(f"/agenda/week?therapist_id={cast.bruno}")
    tree = ana.tree(answer)
    columns = [e for e in tree.iter("section") if "agenda-col" in e.get("class", "")]
    assert len(columns) == 7
    assert card(columns[3], visit) is not None
    assert "Reservar jue 26 nov 10:00 con Bruno Salas" in [e.get("aria-label") for e in links(tree, "Reservar")]
    topics = next(e for e in tree.iter("div") if e.get("id") == "agenda-week").get("data-live", "").split()
    assert topics[0] == "agenda:1:2026-11-23"
    assert topics[-1] == "agenda:1:2026-11-29"


def test_it_requires_appointment_read(clara: Client, client: Client) -> None:
    assert clara.get("/agenda").status_code == 403
    assert clara.get("/agenda/week").status_code == 403
    assert client.get("/agenda").status_code == 303


@pytest.mark.prepares_in_test
def test_it_hides_other_clinics(ana: Client, fabio: Client, cast: Cast) -> None:
    visit = book(ana, 10)
    assert fabio.get("/agenda?clinic_id=1").status_code == 404
    assert fabio.get(f"/agenda?therapist_id={cast.bruno}").status_code == 404
    assert fabio.get(f"/agenda/week?therapist_id={cast.bruno}").status_code == 404
    assert f"appt-{visit}" not in fabio.get("/agenda").text
    assert fabio.get(f"/appointments/{visit}").status_code == 404
    assert fabio.get("/patients/1/appointments").status_code == 200
    assert f"/appointments/{visit}" not in fabio.get("/patients/1/appointments").text


def test_it_rejects_bad_input(ana: Client) -> None:
    assert ana.get("/agenda?therapist_id=x").status_code == 404
    assert "hoy" in ana.get("/agenda?day=mañana").text  # an unreadable day is today


@pytest.mark.parametrize(
    ("path", "element"), [("/agenda", "agenda-day"), ("/agenda/week?therapist_id=1", "agenda-week")]
)
def test_fragment_equals_page_part(ana: Client, path: str, element: str) -> None:
    book(ana, 10)
    fragment = ana.fragment(path, f"div#{element}").text.strip()
    assert fragment.startswith(f'<div class="agenda" id="{element}"')
    assert fragment in ana.get(path).text


def test_a_booking_refreshes_the_screens_of_its_day(app: Flask, ana: Client) -> None:
    book(ana, 10, days=1)
    assert "agenda:1:2026-11-24" in run_pending_work(app)


def test_twenty_therapists_and_two_hundred_visits(
    app: Flask, ana: Client, monday_morning: time_machine.Traveller
) -> None:
    monday_morning.move_to(MONDAY.replace(hour=11, minute=20))
    ana.sign_in(ana.email)  # the session of the morning has ended
    with app.app_context():
        db.session.execute(delete(WorkingHours))
        build.busy_day(20, day=TODAY)
    ana.get("/agenda?freed=1")
    with count_queries(app) as sent:
        fragment = ana.fragment("/agenda?freed=1", GRID)
    assert fragment.text.count('<li class="appt ') == 200
    assert len(fragment.data) < 100_000
    # auth, clinic, therapists, shifts (closures, hours, exceptions), rooms, visits, tickets, shortest service, busy
    assert len(sent) <= 11, sent
    with count_queries(app) as sent:
        page = ana.get("/agenda?freed=1")
    assert len(page.data) < 115_000
    assert len(sent) <= 13, sent  # and the clinics of the menu, the unread notices


def test_the_week_costs_as_many_queries_as_the_day(app: Flask, ana: Client) -> None:
    book(ana, 10)
    with count_queries(app) as sent:
        ana.fragment("/agenda/week?therapist_id=1", "div#agenda-week")
    assert len(sent) <= 10, sent  # nobody is here yet: no tickets to ask for


def test_a_day_is_the_clinics_day(ana: Client) -> None:
    visit = book(ana, 17, 15)  # 22:15 UTC, and the day after begins at 05:00 UTC
    assert f'id="appt-{visit}"' in ana.get(f"/agenda?day={TODAY}").text
    assert f'id="appt-{visit}"' not in ana.get(f"/agenda?day={TODAY + timedelta(days=1)}").text
