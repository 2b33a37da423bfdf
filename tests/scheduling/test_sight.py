"""What a therapist sees of others' visits: that the time is taken, the name where the clinic says so, nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from app.clinics.models import Settings
from app.kernel.db import db
from tests import build
from tests.build import NOW, TODAY, at
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

SECRETS = ("Gloria", "Mamani", "912", "Ansiedad", "llega tarde", "Fisioterapia", "60.00", "TKT-")
LISTS = (
    "/agenda?therapist_id=",
    f"/agenda?therapist_id={Cast.hugo}",
    f"/agenda/week?therapist_id={Cast.hugo}",
    "/api/appointments/day/",
    f"/api/appointments/day/?therapist_id={Cast.hugo}",
    "/api/appointments/",
    f"/api/appointments/?therapist_id={Cast.hugo}",
    f"/api/appointments/therapist/{Cast.hugo}/",
)


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def theirs(app: Flask) -> int:
    """Gloria's visit with Hugo at eleven, with everything there is to know of it."""
    with app.app_context():
        return build.visit(
            at("11:00"), patient=Cast.gloria, therapist=Cast.hugo, reason="Ansiedad", notes="llega tarde", paid=True
        )


def show_names(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(Settings).values(therapists_see_names=True))
        db.session.commit()


def read(who: Client, path: str) -> str:
    answer = who.api("GET", path) if path.startswith("/api/") else who.get(path)
    assert answer.status_code == 200, path
    return answer.text.split("<main", 1)[-1]  # the services are named around the page


@pytest.mark.parametrize("path", LISTS)
def test_the_time_is_taken_and_nothing_else(bruno: Client, theirs: int, path: str) -> None:
    text = read(bruno, path)
    for secret in SECRETS:
        assert secret not in text, secret
    assert ("Ocupado" if "agenda" in path else '"busy":true') in text.replace(" ", "")


@pytest.mark.parametrize("path", LISTS)
def test_a_clinic_may_show_the_name(app: Flask, bruno: Client, theirs: int, path: str) -> None:
    show_names(app)
    text = read(bruno, path)
    assert "Gloria Mamani Huam" in text.encode().decode("unicode_escape") or "Gloria Mamani Huam" in text
    for secret in SECRETS[2:]:
        assert secret not in text, secret


def test_the_row_of_others_has_the_shape_of_the_own(app: Flask, bruno: Client, theirs: int) -> None:
    with app.app_context():
        own = build.visit(at("11:00"))
    rows = {row["id"]: row for row in bruno.api("GET", "/api/appointments/day/").get_json()["results"]}
    assert rows[theirs].keys() == rows[own].keys()
    assert rows[own]["busy"] is False
    told = {name: value for name, value in rows[theirs].items() if value is not None}
    assert told.keys() == {"id", "starts_at", "ends_at", "busy", "therapist", "clinic"}


@pytest.mark.parametrize("status", ["cancelled", "noshow", "entered-in-error"])
def test_what_takes_no_time_is_not_told(app: Flask, bruno: Client, status: str) -> None:
    with app.app_context():
        build.visit(at("11:00"), patient=Cast.gloria, therapist=Cast.hugo, status=status)
    assert bruno.api("GET", "/api/appointments/").get_json()["count"] == 0
    assert bruno.api("GET", "/api/appointments/day/").get_json()["count"] == 0
    assert "appt-" not in bruno.get("/agenda?therapist_id=").text


@pytest.mark.parametrize("filters", [f"patient_id={Cast.gloria}", "status=booked"])
def test_a_filter_does_not_tell_what_the_row_hides(bruno: Client, theirs: int, filters: str) -> None:
    assert bruno.api("GET", f"/api/appointments/?{filters}").get_json()["count"] == 0
    path = f"/api/appointments/therapist/{Cast.hugo}/?{filters}"
    assert bruno.api("GET", path).get_json()["count"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"notes": "x"}),
        ("PUT", "", {"starts_at": "2026-11-20T16:00:00-05:00"}),
        ("PATCH", "status/", {"status": "completed"}),
        ("DELETE", "", None),
    ],
)
def test_it_hides_the_visit_itself(
    bruno: Client, theirs: int, method: str, path: str, body: dict[str, str] | None
) -> None:
    answer, nothing = (bruno.api(method, f"/api/appointments/{id_}/{path}", body) for id_ in (theirs, 999999))
    assert answer.status_code == nothing.status_code == 404
    assert answer.get_json() == nothing.get_json()


@pytest.mark.parametrize("step", ["", "/cancellation", "/schedule"])
def test_it_hides_its_dialogs(bruno: Client, theirs: int, step: str) -> None:
    assert bruno.get(f"/appointments/{theirs}{step}").status_code == 404


@pytest.mark.parametrize("step", ["confirmation", "session", "session/end", "undo", "cancellation", "schedule"])
def test_it_hides_it_from_every_step(bruno: Client, theirs: int, step: str) -> None:
    assert bruno.post(f"/appointments/{theirs}/{step}", {"submission_id": "s", "reason": "clinic"}).status_code == 404


def test_of_a_shared_patient_they_see_their_own_visits(app: Flask, bruno: Client, theirs: int) -> None:
    with app.app_context():
        build.visit(at("12:00"), patient=Cast.gloria)
    text = bruno.get(f"/patients/{Cast.gloria}/appointments").text
    assert "12:00" in text
    assert "11:00" not in text


def test_the_desk_sees_all(ana: Client, diego: Client, eva: Client, theirs: int) -> None:
    for person in (ana, diego, eva):
        assert person.api("GET", f"/api/appointments/{theirs}/").get_json()["patient"]["id"] == Cast.gloria
        assert "Gloria" in person.get("/agenda").text
        assert "Ocupado" not in person.get("/agenda").text


def test_reports_of_who_does_not_read_all_are_of_their_own(app: Flask, bruno: Client, theirs: int) -> None:
    with app.app_context():
        role = build.role("lector", ["report.read", "appointment.read"])
        assert role
        build.membership(Cast.bruno_user, Cast.miraflores, "lector")
        build.visit(at("12:00"), patient=Cast.clara)
    for code in ("patients-by-therapist", "appointments-between-dates"):
        text = bruno.api("GET", f"/api/reports/{code}/?start={TODAY}&end={TODAY}").text
        assert "Clara" in text
        assert "Gloria" not in text


def test_the_day_of_a_therapist_costs_one_query_more(app: Flask, ana: Client, bruno: Client, theirs: int) -> None:
    for person in (ana, bruno):
        person.api("GET", "/api/appointments/day/")
    with count_queries(app) as desk:
        ana.api("GET", "/api/appointments/day/")
    with count_queries(app) as therapist:
        bruno.api("GET", "/api/appointments/day/")
    assert len(therapist) <= len(desk) + 1
