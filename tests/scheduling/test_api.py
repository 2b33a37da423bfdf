"""``/api/appointments``: what other programs rely on."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import func, select

from app.billing.models import Ticket
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.scheduling.models import Appointment, AppointmentEvent
from tests.cast import Cast
from tests.client import Client

LIMA = ZoneInfo("America/Lima")
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=LIMA)


@pytest.fixture(autouse=True)
def monday_morning() -> Any:
    with time_machine.travel(MONDAY, tick=True):
        yield


def at(hour: int, minute: int = 0, days: int = 0) -> str:
    return (MONDAY.replace(hour=hour, minute=minute) + timedelta(days=days)).isoformat()


def booking(**changes: Any) -> dict[str, Any]:
    return {"patient_id": 1, "therapist_id": 1, "service_id": 1, "starts_at": at(10), **changes}


def book(who: Client, **changes: Any) -> Any:
    return who.api("POST", "/api/appointments/", booking(**changes))


def test_it_works(ana: Client, cast: Cast) -> None:
    answer = book(ana)
    assert answer.status_code == 201, answer.text
    made = answer.get_json()
    assert made["status"] == "booked"
    assert made["starts_at"] == "2026-11-23T15:00:00Z"
    assert made["ends_at"] == "2026-11-23T15:45:00Z"
    assert made["price"] == "80.00"
    assert made["currency"] == "PEN"
    assert made["room"] == {"id": 1, "name": "Sala 1"}
    assert made["patient"] == {"id": 1, "full_name": "Clara Inés Núñez Quispe"}
    assert made["ticket"] == {"id": 1, "number": "TKT-000001", "payment_state": "none"}
    with ana.app.app_context():
        fact = db.session.scalars(select(EventRow).where(EventRow.type == "scheduling.appointment.booked.v1")).one()
        assert fact.data["appointment_id"] == made["id"]
        assert db.session.scalars(select(AppointmentEvent)).one().to_status == "booked"


def test_old_names_are_understood(ana: Client) -> None:
    body = {"patient": 1, "doctor": 1, "datetime": at(10), "reason": "dolor"}
    assert ana.api("POST", "/api/appointments/", body).status_code == 201


def test_a_taken_slot_offers_three_others(ana: Client) -> None:
    assert book(ana).status_code == 201
    answer = book(ana, patient_id=2)
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "SLOT_TAKEN"
    near = answer.get_json()["details"]["alternatives"]
    assert len(near) == 3
    assert {"2026-11-23T14:15:00Z", "2026-11-23T15:45:00Z"} < {slot["starts_at"] for slot in near}
    assert "10:45" in answer.get_json()["error"]


def test_a_patient_is_in_one_place_at_a_time(ana: Client) -> None:
    assert book(ana).status_code == 201
    answer = book(ana, therapist_id=2)
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "PATIENT_BUSY"


@pytest.mark.parametrize("starts_at", [at(13, 15), at(19), at(10, days=6), at(12, 30)])
def test_outside_the_schedule_is_a_broken_rule(ana: Client, starts_at: str) -> None:
    answer = book(ana, starts_at=starts_at)
    assert answer.status_code == 400
    assert answer.get_json()["code"] == "BUSINESS_RULE_VIOLATION"


def test_the_desk_may_override_with_a_reason(ana: Client) -> None:
    assert book(ana, starts_at=at(19), override_reason="viene de lejos").status_code == 201


def test_the_past_is_refused(ana: Client) -> None:
    assert book(ana, starts_at=at(10, days=-7)).status_code == 400


def test_a_patient_books_for_nobody_else_and_within_the_notice(clara: Client) -> None:
    assert book(clara, patient_id=None).status_code == 201
    assert book(clara, patient_id=2, starts_at=at(11)).status_code == 403
    assert book(clara, patient_id=1, starts_at=at(11, days=70)).status_code == 400
    assert book(clara, patient_id=1, starts_at=at(8, 30)).status_code == 400


@pytest.mark.prepares_in_test
def test_it_hides_other_clinics(ana: Client, fabio: Client) -> None:
    made = book(ana).get_json()
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", "status/")):
        answer = fabio.api(method, f"/api/appointments/{made['id']}/{path}", {"status": "arrived"} if path else None)
        assert answer.status_code == 404, (method, path)
    foreign, absent = book(fabio), book(fabio, therapist_id=999, service_id=999)
    assert (foreign.status_code, foreign.get_json()) == (400, absent.get_json())
    assert fabio.api("GET", "/api/appointments/").get_json()["count"] == 0
    unknown = fabio.api("GET", "/api/appointments/999/").get_json()
    assert unknown == fabio.api("GET", f"/api/appointments/{made['id']}/").get_json()


def test_it_rejects_bad_input(ana: Client) -> None:
    answer = ana.api("POST", "/api/appointments/", {"therapist_id": "x"})
    assert answer.status_code == 400
    assert answer.get_json()["error"] == "Datos inválidos"
    assert set(answer.get_json()["details"]) >= {"therapist_id", "starts_at"}
    assert book(ana, starts_at="mañana").status_code == 400
    assert book(ana, service_id=3).status_code == 400
    assert ana.api("GET", "/api/appointments/?unknown=1").status_code == 400
    assert ana.api("GET", "/api/appointments/?ordering=password").status_code == 400


def test_it_needs_a_token(client: Client) -> None:
    assert client.api("GET", "/api/appointments/").status_code == 401


def test_the_same_key_gives_the_first_answer(ana: Client) -> None:
    first = ana.api("POST", "/api/appointments/", booking(), Idempotency_Key="k1")
    again = ana.api("POST", "/api/appointments/", booking(), Idempotency_Key="k1")
    assert (first.status_code, first.data) == (again.status_code, again.data)
    other = ana.api("POST", "/api/appointments/", booking(patient_id=2), Idempotency_Key="k1")
    assert other.get_json()["code"] == "IDEMPOTENCY_MISMATCH"
    with ana.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Appointment)) == 1


def test_free_times_shrink_with_bookings(ana: Client) -> None:
    path = "/api/appointments/available/?therapist_id=1&service_id=1&date_from=2026-11-23"
    before = ana.api("GET", path).get_json()["results"]
    assert before[0]["starts_at"] == "2026-11-23T14:00:00Z"
    book(ana)
    after = ana.api("GET", path).get_json()["results"]
    assert "2026-11-23T15:00:00Z" in {s["starts_at"] for s in before}
    assert "2026-11-23T15:00:00Z" not in {s["starts_at"] for s in after}
    day = ana.api("GET", "/api/appointments/available-slots/?doctor=1&date=2026-11-29").get_json()
    assert day["results"] == []  # a Sunday


def move(who: Client, id_: int, status: str, **more: Any) -> Any:
    return who.api("PATCH", f"/api/appointments/{id_}/status/", {"status": status, **more})


def test_the_day_of_a_visit(ana: Client, bruno: Client) -> None:
    id_ = book(ana).get_json()["id"]
    assert move(ana, id_, "arrived").get_json()["status"] == "arrived"
    assert move(ana, id_, "arrived").status_code == 200
    refused = move(ana, id_, "noshow")
    assert refused.status_code == 409
    assert refused.get_json()["code"] == "INVALID_TRANSITION"
    assert "fulfilled" in refused.get_json()["details"]["allowed"]
    started = move(bruno, id_, "completed").get_json()
    assert (started["status"], started["encounter_status"]) == ("fulfilled", "in-progress")
    assert move(ana, id_, "checked-in").status_code == 403  # the therapist and supervision undo a session
    back = move(bruno, id_, "checked-in").get_json()
    assert (back["status"], back["encounter_status"]) == ("checked-in", "discontinued")
    with ana.app.app_context():
        steps = db.session.scalars(select(AppointmentEvent.to_status).order_by(AppointmentEvent.id)).all()
    assert steps == ["booked", "arrived", "fulfilled", "checked-in"]


def test_a_visit_of_another_day_does_not_arrive_today(ana: Client) -> None:
    id_ = book(ana, starts_at=at(10, days=1)).get_json()["id"]
    assert move(ana, id_, "arrived").status_code == 400


def test_cancelling_frees_the_time_and_voids_the_ticket(ana: Client) -> None:
    id_ = book(ana).get_json()["id"]
    answer = ana.api("DELETE", f"/api/appointments/{id_}/")
    assert answer.get_json()["status"] == "cancelled"
    assert answer.get_json()["sequence"] == 1
    assert ana.api("DELETE", f"/api/appointments/{id_}/").status_code == 200
    assert book(ana, patient_id=2).status_code == 201
    with ana.app.app_context():
        assert db.session.get_one(Ticket, 1).status == "voided"
    refused = move(ana, id_, "booked")  # the slot is somebody else's now
    assert refused.get_json()["code"] == "SLOT_TAKEN"


def test_a_cancellation_can_be_undone_while_the_slot_is_free(ana: Client) -> None:
    id_ = book(ana).get_json()["id"]
    ana.api("DELETE", f"/api/appointments/{id_}/")
    assert move(ana, id_, "booked").get_json()["status"] == "booked"
    with ana.app.app_context():
        assert db.session.get_one(Ticket, 1).status == "open"


def test_rescheduling_keeps_row_and_ticket(ana: Client) -> None:
    made = book(ana).get_json()
    moved = ana.api("PUT", f"/api/appointments/{made['id']}/", {"starts_at": at(11, days=1)}).get_json()
    assert (moved["id"], moved["uid"], moved["sequence"]) == (made["id"], made["uid"], 1)
    assert moved["starts_at"] == "2026-11-24T16:00:00Z"
    assert moved["ticket"]["id"] == made["ticket"]["id"]
    stale = ana.api("PUT", f"/api/appointments/{made['id']}/", {"starts_at": at(12), "version": 1})
    assert stale.get_json()["code"] == "STALE_VERSION"


def test_a_patient_changes_within_the_notice_only(ana: Client, clara: Client) -> None:
    soon = book(ana).get_json()["id"]
    later = book(ana, starts_at=at(10, days=3)).get_json()["id"]
    assert clara.api("DELETE", f"/api/appointments/{soon}/").status_code == 400
    assert clara.api("PUT", f"/api/appointments/{later}/", {"starts_at": at(11, days=3)}).status_code == 200
    assert clara.api("DELETE", f"/api/appointments/{later}/").status_code == 200


def test_a_day_in_one_answer(ana: Client) -> None:
    book(ana)
    book(ana, patient_id=2, therapist_id=2)
    day = ana.api("GET", "/api/appointments/day/?date=2026-11-23").get_json()
    assert [v["therapist"]["full_name"] for v in day["results"]] == ["Bruno Salas", "Hugo Paredes"]


def test_the_therapists_own_day(ana: Client, bruno: Client) -> None:
    book(ana)
    book(ana, patient_id=2, therapist_id=2)
    mine = bruno.api("GET", "/api/appointments/?doctor=current&date=today").get_json()
    assert mine["count"] == 1


def test_a_therapist_changes_own_visits_only(ana: Client, bruno: Client) -> None:
    theirs = book(ana, therapist_id=2, patient_id=2).get_json()["id"]
    own = book(ana).get_json()["id"]
    assert book(bruno, therapist_id=2, starts_at=at(15)).status_code == 403
    assert bruno.api("DELETE", f"/api/appointments/{theirs}/").status_code == 404
    assert bruno.api("PUT", f"/api/appointments/{theirs}/", {"starts_at": at(16)}).status_code == 404
    assert move(bruno, theirs, "completed").status_code == 404
    assert bruno.api("PATCH", f"/api/appointments/{theirs}/", {"notes": "x"}).status_code == 404
    assert bruno.api("PUT", f"/api/appointments/{own}/", {"starts_at": at(16)}).status_code == 200


def test_a_therapist_gives_no_visit_to_a_colleague(ana: Client, bruno: Client) -> None:
    own = book(ana).get_json()["id"]
    refused = bruno.api("PUT", f"/api/appointments/{own}/", {"therapist_id": 2})
    assert refused.status_code == 403
    assert "de otro terapeuta" in refused.get_json()["error"]
    dialog = bruno.get(f"/appointments/{own}/schedule").text
    assert "Hugo" not in dialog
    assert "Hugo" in ana.get(f"/appointments/{own}/schedule").text
    assert ana.api("PUT", f"/api/appointments/{own}/", {"therapist_id": 2}).status_code == 200


@pytest.mark.parametrize("path", ["day/?patient_id=1", "day/?date_from=2026-11-23", "therapist/1/?therapist_id=2"])
def test_a_list_refuses_what_it_would_not_filter_by(ana: Client, path: str) -> None:
    refused = ana.api("GET", f"/api/appointments/{path}")
    assert refused.status_code == 400
    assert set(refused.get_json()["details"]) == {path.split("?")[1].split("=")[0]}


# ------------------------------------------------------------------ walk-ins


def walk_in(who: Client, **changes: Any) -> Any:
    body = {"patient_id": 1, "therapist_id": 1, "service_id": 1, "status": "arrived", **changes}
    return who.api("POST", "/api/appointments/", body)


def test_who_is_here_is_received_now(ana: Client) -> None:
    with time_machine.travel(MONDAY.replace(hour=10, minute=7), tick=True):
        made = walk_in(ana)
        assert made.status_code == 201, made.text
        found = made.get_json()
        assert (found["status"], found["starts_at"]) == ("arrived", "2026-11-23T15:05:00Z")
        assert found["ticket"]["payment_state"] == "none"
        assert walk_in(ana, patient_id=2).get_json()["code"] == "SLOT_TAKEN"
        later = walk_in(ana, patient_id=2, starts_at=at(11))
        assert later.get_json()["starts_at"] == "2026-11-23T16:00:00Z"
    with ana.app.app_context():
        rows = db.session.scalars(select(Appointment).order_by(Appointment.id)).all()
        assert [(row.origin, row.arrived_at is not None) for row in rows] == [("walk-in", True)] * 2


def test_a_walk_in_is_of_today_and_received_by_the_clinic(ana: Client, clara: Client, bruno: Client) -> None:
    tomorrow = walk_in(ana, starts_at=at(10, days=1))
    assert set(tomorrow.get_json()["details"]) == {"starts_at"}
    assert walk_in(clara).status_code == 403
    assert walk_in(bruno, therapist_id=2, service_id=1).status_code == 403
    book(ana, starts_at=at(15))  # makes her Bruno's patient
    assert walk_in(bruno, starts_at=at(10)).status_code == 201  # a practice without a desk
