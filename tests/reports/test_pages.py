"""Reports on screen and the files a user requested."""

import pytest
from flask import Flask

from app.identity.queries.actors import actor_of_user
from app.kernel import clock
from app.kernel.access import Actor
from app.kernel.db import db
from app.reports import live, queries
from tests.background import run_pending_work
from tests.client import Client
from tests.queries import count_queries

CASH = "/reports/improved-daily-cash?date=2026-11-20"
FORM = {"report": "improved-daily-cash", "format": "csv", "clinic_id": "1", "date": "2026-11-20", "submission_id": "a"}


def _actor(user_id: int) -> Actor:
    return actor_of_user(user_id, channel="job", now=clock.now())


def _requested(app: Flask, diego: Client) -> int:
    assert diego.post("/reports/runs", FORM).status_code == 303
    with app.app_context():
        return int(queries.own_runs(actor=_actor(6))[0]["id"])


def test_a_reader_gets_the_report(diego: Client, full_day: int) -> None:
    page = diego.get(CASH)
    assert page.status_code == 200
    for text in ("234.50", "TKT-000004", "Botica Luz", "PARCIAL", "269.50", "Sin terapeuta"):
        assert text in page.text
    assert "date=2026-11-19" in page.text
    assert "date=2026-11-21" in page.text


@pytest.mark.parametrize("path", ["/reports", CASH, "/reports/daily-cash", "/reports/daily-paid-tickets"])
def test_every_page_opens(diego: Client, path: str) -> None:
    assert diego.get(path).status_code == 200


@pytest.mark.parametrize("person", ["ana", "bruno", "clara", "fabio"])
def test_it_requires_report_read(request: pytest.FixtureRequest, person: str) -> None:
    user = request.getfixturevalue(person)
    for path in ("/reports", CASH, "/reports/runs/1", "/reports/runs/1/file"):
        assert user.get(path).status_code == 403
    assert user.post("/reports/runs", FORM).status_code == 403


@pytest.mark.prepares_in_test
def test_it_hides_other_clinics(diego: Client, eva: Client, app: Flask, full_day: int) -> None:
    assert diego.get(CASH + "&clinic_id=2").status_code == 404
    assert diego.post("/reports/runs", {**FORM, "clinic_id": "2"}).status_code == 404
    run = _requested(app, diego)
    assert eva.get(f"/reports/runs/{run}").status_code == 404
    assert eva.get(f"/reports/runs/{run}/file").status_code == 404


def test_it_rejects_bad_input(diego: Client) -> None:
    answer = diego.get("/reports/improved-daily-cash?date=ayer")
    assert answer.status_code == 422
    assert "Escriba una fecha" in answer.text
    assert diego.post("/reports/runs", {**FORM, "format": "docx"}).status_code == 404
    assert diego.post("/reports/runs", {**FORM, "date": "ayer", "submission_id": "b"}).status_code == 422


def test_fragment_equals_page_part(app: Flask, diego: Client, full_day: int) -> None:
    run = _requested(app, diego)
    row = diego.fragment(f"/reports/runs/{run}", f"li#report-run-{run}").text.strip()
    assert f'data-live="report:{run}"' in row
    assert row in diego.get("/reports").text
    assert row in diego.get(CASH).text


def test_a_requested_file_appears_in_the_list(app: Flask, diego: Client, full_day: int) -> None:
    diego.get(CASH)
    answer = diego.post_fragment("/reports/runs", FORM, "section#report-files")
    assert answer.status_code == 200
    assert "En cola" in answer.text
    assert diego.post_fragment("/reports/runs", FORM, "section#report-files").text == answer.text  # a double click
    with app.app_context():
        runs = queries.own_runs(actor=_actor(6))
        assert len(runs) == 1
        db.session.remove()
    run_pending_work(app)
    row = diego.fragment(f"/reports/runs/{runs[0]['id']}", f"li#report-run-{runs[0]['id']}").text
    assert "Descargar" in row
    assert "data-live" not in row
    file = diego.get(f"/reports/runs/{runs[0]['id']}/file")
    assert file.headers["Content-Security-Policy"].startswith("sandbox")
    assert file.data.startswith(b"\xef\xbb\xbf")


def test_only_the_owner_joins_the_topic_of_a_run(app: Flask, diego: Client) -> None:
    run = _requested(app, diego)
    with app.app_context():
        assert live._may_join(_actor(6), str(run))
        assert not live._may_join(_actor(7), str(run))


def test_an_empty_list_explains_how_to_request_a_file(diego: Client) -> None:
    assert "Todavía no hay archivos" in diego.get("/reports").text


def test_the_number_of_queries(app: Flask, diego: Client, full_day: int) -> None:
    diego.get("/reports")
    with count_queries(app) as sent:
        diego.get(CASH)
    # the ledger's eight, the actor, what the page asks (clinic, methods), the runs, the frame
    assert len(sent) <= 15, len(sent)


def test_the_head_asks_for_one_file_after_the_other(diego: Client) -> None:
    """Its form gets a new submission id with each answer; the file that it asked for is marked."""
    page = diego.get("/reports/improved-daily-cash?date=2026-11-20").text
    assert 'id="report-head-files"' in page
    answer = diego.post_fragment("/reports/runs", {**FORM, "saves": "y"}, "section#report-files").text
    assert 'hx-target="#report-head-files"' in answer
    assert "data-saves" in answer
    assert "data-saves" not in diego.get("/reports").text
