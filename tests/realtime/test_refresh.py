"""The acting screen: what the response to a change says, and what the others hear of it."""

from collections.abc import Iterator

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.http import fragments
from app.kernel import clock, outbox
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.realtime import push, relay
from tests import build
from tests.background import run_pending_work
from tests.cast import Cast
from tests.client import Client


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[None]:
    with time_machine.travel(build.NOW, tick=False):
        yield


@pytest.fixture
def arrival(app: Flask) -> str:
    """Where the arrival of a visit of today is posted to."""
    with app.app_context():
        visit_id = build.visit(build.at("10:15"))
    run_pending_work(app)
    return f"/appointments/{visit_id}/arrival"


TOPICS = {"agenda:1:2026-11-20", "desk:1:2026-11-20", f"visits:{Cast.clara}", f"patient-visits:{Cast.clara}"}


def test_the_response_names_what_the_change_touched(ana: Client, arrival: str) -> None:
    answer = ana.post_fragment(arrival)
    assert set(ana.triggers(answer)["live:changed"]["topics"]) == TOPICS
    assert set(run_pending_work(ana.app)) >= TOPICS


def test_the_same_request_again_gets_the_same_topics(ana: Client, arrival: str) -> None:
    first, second = (ana.post_fragment(arrival, {"submission_id": "once"}) for _time in range(2))
    assert ana.triggers(second) == ana.triggers(first)
    assert "live:changed" in ana.triggers(second)


def test_without_script_nothing_is_triggered(ana: Client, arrival: str) -> None:
    answer = ana.post(arrival)
    assert answer.status_code == 303
    assert "HX-Trigger" not in answer.headers


def test_a_refused_change_touches_nothing(ana: Client, arrival: str) -> None:
    ana.post_fragment(arrival)
    answer = ana.post_fragment(arrival.replace("arrival", "confirmation"))
    assert answer.status_code >= 400
    assert "live:changed" not in ana.triggers(answer)


def test_the_others_hear_whose_change_it_was(ana: Client, arrival: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is known by the id that it sent; what the API and jobs change is nobody's."""
    heard: list[tuple[set[str], str | None]] = []
    monkeypatch.setattr(push, "refresh", lambda topics, *, by=None: heard.append((set(topics), by)))
    ana.post_fragment(arrival)
    visit_id = arrival.split("/")[2]
    assert ana.api("PATCH", f"/api/appointments/{visit_id}/status/", {"status": "checked-in"}).status_code == 200
    with ana.app.app_context():
        outbox.relay_once(clock.now(), relay.on_published)
    assert [by for topics, by in heard if topics >= TOPICS] == [ana.page_id, None]


def test_what_is_no_id_is_not_kept(ana: Client, arrival: str) -> None:
    for wrong in ("x" * 20, "0" * 37, "short", "0123 4567", "<script>"):
        ana.page_id = wrong
        ana.post_fragment(arrival)
        ana.post_fragment(arrival.replace("arrival", "undo"))
    with ana.app.app_context():
        assert set(db.session.scalars(select(EventRow.client_id))) == {None}


def test_several_browser_events_stand_in_one_header(app: Flask) -> None:
    with app.test_request_context(headers={"HX-Request": "true"}):
        response = fragments.fragment_response("", redirect_url="/", close_dialog=True)
        fragments.trigger(response, "live:changed", {"topics": ["desk:1"]})
    assert response.headers["HX-Trigger"] == '{"dialog:close": true, "live:changed": {"topics": ["desk:1"]}}'
