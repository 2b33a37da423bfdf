"""The table of transitions, cell by cell: as pure rules, and over the API for every caller."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from flask import Flask

from app.clinics.models import Settings
from app.kernel.db import db
from app.scheduling import jobs, permissions
from app.scheduling.models import Appointment, AppointmentEvent
from app.scheduling.queries.transitions import TASKS
from app.scheduling.rules import REQUESTS, Status, menu, transitions
from app.scheduling.rules.transitions import Caller, Change, Facts, Task, path_of, way_back
from tests import build
from tests.build import NOW, TODAY, at
from tests.cast import Cast
from tests.client import Client

NINE = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
STATES = [status for status in Status if status != Status.ENTERED_IN_ERROR]


def facts(status: str, *, ago: int = 1, days_ahead: int = 0, paid: bool = False, late: int = 20) -> Facts:
    return Facts(
        status=Status(status),
        starts_at=NINE - timedelta(minutes=late) + timedelta(days=days_ahead),
        since=NINE - timedelta(minutes=ago),
        now=NINE,
        days_ahead=days_ahead,
        payment=lambda: paid,
    )


def tasks_of(role: str) -> frozenset[Task]:
    return frozenset(task for permission, task in TASKS.items() if permission in permissions.GRANTS[role])


DESK = Caller(tasks=tasks_of("receptionist"))
SUPERVISOR = Caller(tasks=tasks_of("supervisor"))
THERAPIST = Caller(tasks=tasks_of("therapist"), is_therapist=True)
PATIENT = Caller(is_patient=True)
STRANGER = Caller(tasks=tasks_of("therapist"))


def names(status: str, caller: Caller, **options: Any) -> set[str]:
    return {str(target) for target in transitions.allowed(facts(status, **options), caller)}


@pytest.mark.parametrize(
    ("caller", "status", "expected"),
    [
        (DESK, "proposed", {"pending", "booked", "cancelled"}),
        (DESK, "waitlist", {"pending", "booked", "cancelled"}),
        (DESK, "pending", {"booked", "cancelled"}),
        (DESK, "booked", {"arrived", "fulfilled", "noshow", "cancelled"}),
        (DESK, "arrived", {"checked-in", "fulfilled", "cancelled", "booked"}),
        (DESK, "checked-in", {"fulfilled", "cancelled", "booked", "arrived"}),
        (DESK, "noshow", {"arrived", "booked"}),
        (DESK, "cancelled", {"booked"}),
        (DESK, "fulfilled", set()),
        (THERAPIST, "booked", {"arrived", "fulfilled", "noshow", "cancelled"}),
        (THERAPIST, "arrived", {"checked-in", "fulfilled", "cancelled", "booked"}),
        (THERAPIST, "fulfilled", {"checked-in"}),
        (SUPERVISOR, "fulfilled", {"checked-in", "entered-in-error"}),
        (SUPERVISOR, "entered-in-error", set()),
        (PATIENT, "pending", {"cancelled"}),
        (PATIENT, "waitlist", {"cancelled"}),
        (PATIENT, "booked", set()),  # within the notice
        (PATIENT, "arrived", set()),
        (STRANGER, "booked", set()),
    ],
)
def test_what_each_caller_may_do(caller: Caller, status: str, expected: set[str]) -> None:
    assert names(status, caller) == expected


def test_without_d38_the_own_therapist_has_the_rows_of_a_therapist() -> None:
    alone = Caller(tasks=THERAPIST.tasks, is_therapist=True, acts_as_desk=False)
    assert names("booked", alone) == {"arrived", "fulfilled", "noshow", "cancelled"}
    assert names("arrived", alone) == {"fulfilled"}
    assert names("noshow", alone) == set()
    assert names("fulfilled", alone) == {"checked-in"}


def test_conditions_take_rows_away() -> None:
    assert names("booked", DESK, days_ahead=1, late=0) == {"cancelled"}
    assert names("booked", DESK, days_ahead=-1) == {"fulfilled", "noshow", "cancelled"}
    assert names("booked", DESK, late=5) == {"arrived", "fulfilled", "cancelled"}
    assert names("booked", PATIENT, days_ahead=2) == {"cancelled"}
    assert names("arrived", DESK, paid=True) == {"checked-in", "fulfilled", "cancelled"}
    assert names("arrived", DESK, ago=16) == {"checked-in", "fulfilled", "cancelled"}
    assert "booked" in names("arrived", SUPERVISOR, ago=16)
    assert names("cancelled", DESK, ago=11) == set()
    assert names("fulfilled", THERAPIST, ago=16) == set()
    assert "entered-in-error" not in names("booked", SUPERVISOR, paid=True)


def test_who_may_make_which_visit() -> None:
    assert set(transitions.first_statuses(PATIENT)) == {"proposed", "waitlist", "pending", "booked"}
    assert set(transitions.first_statuses(DESK)) == {"proposed", "waitlist", "booked", "arrived"}


def steps(*codes: str) -> list[Change]:
    """``"booked"`` is a step, ``"<booked"`` a step back."""
    return [Change(Status(code.removeprefix("<")), code.startswith("<")) for code in codes]


@pytest.mark.parametrize(
    ("history", "back"),
    [
        (["booked", "arrived", "checked-in"], "arrived"),
        (["booked", "arrived", "checked-in", "<arrived"], "booked"),
        (["booked", "arrived", "checked-in", "<arrived", "<booked"], None),
        (["booked", "arrived", "checked-in", "<booked", "arrived"], "booked"),
        (["booked", "arrived", "fulfilled"], "checked-in"),
        (["booked", "arrived", "fulfilled", "<checked-in"], "arrived"),
        (["booked", "fulfilled", "<checked-in"], "booked"),
        (["booked", "noshow"], "booked"),
        (["booked", "noshow", "arrived"], "booked"),
        (["pending", "cancelled"], "booked"),
        (["waitlist", "cancelled"], None),
        (["arrived"], "booked"),
    ],
)
def test_an_undo_goes_back_along_the_real_steps(history: list[str], back: str | None) -> None:
    present = Status(history[-1].removeprefix("<"))
    assert way_back(present, path_of(steps(*history))) == back


@pytest.mark.parametrize("status", STATES)
def test_a_menu_offers_nothing_but_open_steps(status: Status) -> None:
    for caller in (DESK, THERAPIST, SUPERVISOR, STRANGER):
        now = facts(status)
        offered = menu.card_steps(str(status), days_ahead=0, steps=menu.open_steps(str(status), now, caller))
        reachable = transitions.allowed(now, caller)
        targets = {menu.TARGETS[step] for step in offered if step in menu.TARGETS and step != "confirmation"}
        assert targets <= set(reachable)


# ------------------------------------------------------------------ over the API

CALLERS = ("ana", "bruno", "hugo", "clara", "diego")


@pytest.fixture
def who(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    return request.getfixturevalue


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(NOW, tick=True):
        yield


def make(app: Flask, status: str) -> int:
    """A visit of Clara with Bruno at 09:30, today, in this state since five minutes."""
    with app.app_context():
        started = at("09:40") if status == "fulfilled" else None
        arrived = at("09:35") if status in {"arrived", "checked-in", "fulfilled"} else None
        options = {"started_at": started, "arrived_at": arrived, "uid": str(uuid4())}
        id_ = build.visit(at("09:30"), status=status, ticket_cents=None, **options)
        db.session.get_one(Appointment, id_).status_since = NOW - timedelta(minutes=5)
        path = {
            "arrived": ["booked", "arrived"],
            "checked-in": ["booked", "arrived", "checked-in"],
            "fulfilled": ["booked", "arrived", "fulfilled"],
            "noshow": ["booked", "noshow"],
            "cancelled": ["booked", "cancelled"],
        }.get(status, [status])
        for minute, (before, after) in enumerate(zip([None, *path], path, strict=False)):
            when = NOW - timedelta(minutes=20 - minute)
            row = AppointmentEvent(appointment_id=id_, from_status=before, to_status=after, at=when)
            db.session.add(row)
        db.session.commit()
    return id_


def remove(app: Flask, id_: int) -> None:
    """Out of the way of the next one: the guards against overlaps look at what occupies time."""
    with app.app_context():
        db.session.get_one(Appointment, id_).status = "entered-in-error"
        db.session.commit()


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize("caller", CALLERS)
def test_every_cell_is_the_asked_state_or_a_true_refusal(
    app: Flask, who: Callable[[str], Client], caller: str, status: Status
) -> None:
    """200 with the state that was asked for, or a refusal; each state in ``allowed`` can be reached by this caller."""
    client = who(caller)
    reached, listed = set(), None
    for target in Status:
        id_ = make(app, status)
        body = {"status": str(target), "reason": "clinic" if target == "cancelled" else "por escrito"}
        if target == "cancelled" and caller == "clara":
            body["reason"] = "patient"
        answer = client.api("PATCH", f"/api/appointments/{id_}/status/", body)
        found = answer.get_json()
        if answer.status_code == 200:
            assert found["status"] == target
            reached |= {str(target)} - {str(status)}
        else:
            assert answer.status_code in {400, 403, 404, 409}, answer.text
            if "allowed" in found["details"]:
                assert listed in (None, set(found["details"]["allowed"]))
                listed = set(found["details"]["allowed"])
        remove(app, id_)
    if listed is not None:
        assert listed == reached
    expected = {  # who stands where, at 10:00 for a visit of 09:30
        "ana": DESK, "bruno": THERAPIST, "hugo": STRANGER, "clara": PATIENT, "diego": SUPERVISOR,
    }[caller]  # fmt: skip
    its_time_is_over = {"pending", "booked"} if status in REQUESTS else set()
    in_table = {str(target) for target in transitions.allowed(facts(str(status), ago=5, late=30), expected)}
    assert reached == in_table - its_time_is_over


def test_undo_goes_back_and_never_forward(app: Flask, ana: Client) -> None:
    id_ = make(app, "checked-in")
    seen = []
    for _ in range(3):
        answer = ana.post_fragment(f"/appointments/{id_}/undo", {}, "div#toasts")
        with app.app_context():
            seen.append((answer.status_code, db.session.get_one(Appointment, id_).status))
    assert seen == [(200, "arrived"), (200, "booked"), (409, "booked")]
    assert "no hay un paso anterior" in answer.text


def test_the_clinic_can_keep_receiving_at_the_desk(app: Flask, bruno: Client) -> None:
    with app.app_context():
        db.session.get_one(Settings, Cast.miraflores).therapists_receive = False
        db.session.commit()
    id_ = make(app, "arrived")
    refused = bruno.api("PATCH", f"/api/appointments/{id_}/status/", {"status": "checked-in"})
    assert refused.status_code == 403
    assert refused.get_json()["details"]["allowed"] == ["fulfilled"]
    assert "check-in" not in bruno.get(f"/appointments/{id_}").text


def test_a_session_of_an_earlier_day_needs_a_reason(app: Flask, ana: Client) -> None:
    yesterday = TODAY - timedelta(days=1)
    with app.app_context():
        id_ = build.visit(at("09:30", yesterday), ticket_cents=None)
    path = f"/api/appointments/{id_}/status/"
    assert ana.api("PATCH", path, {"status": "fulfilled"}).status_code == 400
    card = ana.get(f"/appointments/{id_}")
    assert f"/appointments/{id_}/late-session" in card.text
    assert f'action="/appointments/{id_}/session"' not in card.text
    assert "Registrar como atendida" in ana.get(f"/appointments/{id_}/late-session").text
    assert ana.post(f"/appointments/{id_}/late-session", {"reason": ""}).status_code == 422
    assert ana.post(f"/appointments/{id_}/late-session", {"reason": "hoja de papel"}).status_code == 303
    with app.app_context():
        assert db.session.get_one(Appointment, id_).status == "fulfilled"


def test_a_cancel_reason_is_one_of_the_list(app: Flask, ana: Client) -> None:
    id_ = make(app, "booked")
    path = f"/api/appointments/{id_}/status/"
    refused = ana.api("PATCH", path, {"status": "cancelled", "reason": "se enfermó"})
    assert refused.status_code == 400
    assert refused.get_json()["details"]["reasons"] == ["patient", "clinic", "therapist", "mistake"]
    never_came = ana.api("PATCH", path, {"status": "cancelled", "reason": "left-without-being-seen"})
    assert never_came.status_code == 400
    assert ana.api("DELETE", f"/api/appointments/{id_}/", {"reason": "porque sí"}).status_code == 400
    assert ana.api("DELETE", f"/api/appointments/{id_}/").status_code == 200


def test_a_patient_does_not_accept_the_own_request(app: Flask, clara: Client) -> None:
    id_ = make(app, "pending")
    assert clara.api("PATCH", f"/api/appointments/{id_}/status/", {"status": "booked"}).status_code == 403


def test_a_change_of_another_version_is_refused(app: Flask, ana: Client) -> None:
    id_ = make(app, "booked")
    seen = ana.api("GET", f"/api/appointments/{id_}/")
    assert seen.headers["ETag"] == '"1"'
    path = f"/api/appointments/{id_}/status/"
    stale = ana.api("PATCH", path, {"status": "arrived"}, If_Match='"999"')
    assert (stale.status_code, stale.get_json()["code"]) == (412, "STALE_VERSION")
    assert ana.api("DELETE", f"/api/appointments/{id_}/", If_Match='"999"').status_code == 412
    done = ana.api("PATCH", path, {"status": "arrived"}, If_Match=seen.headers["ETag"])
    assert (done.status_code, done.headers["ETag"]) == (200, '"2"')
    assert ana.api("PATCH", path, {"status": "checked-in"}, If_Match="*").status_code == 200


@pytest.mark.parametrize(
    ("hours", "since_hours", "expected"), [(24, 23, "pending"), (24, 25, "cancelled"), (0, 900, "pending")]
)
def test_a_request_expires_by_the_clinics_time(app: Flask, hours: int, since_hours: int, expected: str) -> None:
    with app.app_context():
        db.session.get_one(Settings, Cast.miraflores).pending_hours = hours
        id_ = build.visit(at("15:00"), status="pending")
        db.session.get_one(Appointment, id_).status_since = NOW - timedelta(hours=since_hours)
        db.session.commit()
        jobs.expire_requests(now=NOW)
        db.session.expire_all()
        visit = db.session.get_one(Appointment, id_)
        assert (visit.status, visit.cancel_reason) == (expected, "expired" if expected == "cancelled" else "")
