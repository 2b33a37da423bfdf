"""Booking, moving, cancelling and the steps of a visit, as a browser does them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.kernel.db import db
from app.scheduling.models import Appointment
from tests import build
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

LIMA = ZoneInfo("America/Lima")
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=LIMA)
DIALOG = "div#dialog-body"


@pytest.fixture(autouse=True)
def monday_morning() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY, tick=True) as traveller:
        yield traveller


def form(**changes: Any) -> dict[str, Any]:
    """What the booking form sends: Clara with Bruno, Reflexología, Monday at ten."""
    said = {
        "clinic_id": 1,
        "patient_id": 1,
        "therapist_id": 1,
        "service_id": 1,
        "starts_at": "2026-11-23T10:00",
        "reason": "Dolor de espalda",
        "submission_id": "first",
    }
    return {**said, **changes}


def saved(app: Flask) -> list[Any]:
    with app.app_context():
        return list(db.session.execute(select(Appointment.__table__).order_by(Appointment.id)))


@pytest.fixture
def visit(app: Flask, ana: Client) -> int:
    """Clara's visit on Monday at ten with Bruno."""
    assert ana.post("/appointments", form(submission_id="fixture")).status_code == 303
    return int(saved(app)[0].id)


class TestBooking:
    def test_it_works(self, app: Flask, ana: Client) -> None:
        answer = ana.post_fragment("/appointments", form(), DIALOG)
        assert answer.status_code == 200
        assert "Reservada: hoy 10:00 · Clara Inés Núñez Quispe" in answer.text
        assert set(ana.triggers(answer)) == {"dialog:close", "focus:on", "live:changed"}
        [row] = saved(app)
        assert (row.status, row.reason, row.created_by) == ("booked", "Dolor de espalda", 1)

    def test_it_works_without_script(self, ana: Client) -> None:
        answer = ana.post("/appointments", form())
        assert answer.status_code == 303
        assert answer.location == "/agenda?day=2026-11-23&clinic_id=1"
        assert "Reservada: hoy 10:00" in ana.get(answer.location).text

    def test_a_double_click_books_once(self, app: Flask, ana: Client) -> None:
        first, second = (ana.post_fragment("/appointments", form(), DIALOG) for _ in range(2))
        assert first.data == second.data
        assert len(saved(app)) == 1

    def test_the_form_shows_length_and_price(self, ana: Client) -> None:
        answer = ana.fragment("/appointments/new?therapist_id=1&starts_at=2026-11-23T10:30&patient_id=1", DIALOG)
        assert "Reflexología podal · 45 min · S/ 80.00" in answer.text
        values = {e.get("name"): e.get("value") for e in ana.tree(answer).iter("input")}
        assert (values["starts_at"], values["patient_id"]) == ("2026-11-23T10:30", "1")

    def test_choosing_a_service_shows_the_times_for_its_length(self, ana: Client) -> None:
        path = "/appointments/new?therapist_id=1&service_id={}&starts_at=2026-11-23T12:30"
        short = ana.fragment(path.format(2), "div#booking-what").text
        long = ana.fragment(path.format(1), "div#booking-what").text
        assert short.startswith('<div class="form-grid" id="booking-what"')
        assert ">12:30</a>" in short
        assert ">12:30</a>" not in long  # 45 minutes run into the break

    @staticmethod
    def services(ana: Client, path: str) -> tuple[str, list[str]]:
        """The chosen service and those that are greyed out."""
        [select_] = [e for e in ana.tree(ana.get(path)).iter("select") if e.get("name") == "service_id"]
        options = list(select_.iter("option"))
        chosen = [o.get("value", "") for o in options if o.get("selected") is not None]
        return chosen[0], [o.get("value", "") for o in options if o.get("disabled") is not None]

    def test_a_free_hour_suggests_a_service_that_fits(self, ana: Client) -> None:
        path = "/appointments/new?therapist_id=1&starts_at=2026-11-23T{}"
        assert self.services(ana, path.format("12:30")) == ("2", ["1"])  # 45 minutes run into the break
        assert self.services(ana, path.format("10:00")) == ("1", [])  # the longest
        assert self.services(ana, path.format("20:00"))[1] == []  # where nothing fits nothing is greyed out

    def test_the_last_service_with_the_therapist_comes_first(self, app: Flask, ana: Client) -> None:
        with app.app_context():
            build.visit(build.at("10:00"), status="fulfilled", service=Cast.physiotherapy)
        path = "/appointments/new?therapist_id=1&patient_id={}&starts_at=2026-11-23T10:00"
        assert self.services(ana, path.format(1)) == ("2", [])
        assert self.services(ana, path.format(2)) == ("1", [])

    def test_without_a_time_it_offers_the_next_free_one(self, ana: Client) -> None:
        values = {e.get("name"): e.get("value") for e in ana.tree(ana.get("/appointments/new")).iter("input")}
        assert values["starts_at"] == "2026-11-23T09:00"

    def test_a_taken_time_offers_the_near_ones_and_keeps_what_was_typed(
        self, app: Flask, ana: Client, visit: int
    ) -> None:
        answer = ana.post_fragment("/appointments", form(patient_id=2, submission_id="x"), DIALOG)
        assert answer.status_code == 409
        assert "Esa hora se acaba de ocupar" in answer.text
        near = [e.text for e in ana.tree(answer).iter("a") if (e.get("id") or "").startswith("at-")]
        assert {"09:15", "10:45", "11:00"} <= set(near)
        values = {e.get("name"): e.get("value") for e in ana.tree(answer).iter("input")}
        assert (values["reason"], values["patient_id"]) == ("Dolor de espalda", "2")
        corrected = form(patient_id=2, starts_at="2026-11-23T10:45", submission_id=values["submission_id"])
        assert ana.post_fragment("/appointments", corrected, DIALOG).status_code == 200
        assert len(saved(app)) == 2

    def test_a_patient_is_in_one_place_at_a_time(self, ana: Client, visit: int) -> None:
        answer = ana.post_fragment("/appointments", form(therapist_id=2, submission_id="x"), DIALOG)
        assert answer.status_code == 409
        assert "ya tiene una cita a esa hora" in answer.text

    def test_the_past_is_refused(self, app: Flask, ana: Client) -> None:
        answer = ana.post_fragment("/appointments", form(starts_at="2026-11-20T10:00"), DIALOG)
        assert answer.status_code == 422
        assert "Esa hora ya pasó" in answer.text
        assert saved(app) == []

    def test_outside_the_hours_a_reason_is_asked_for(self, app: Flask, ana: Client) -> None:
        answer = ana.post_fragment("/appointments", form(starts_at="2026-11-23T19:00"), DIALOG)
        assert answer.status_code == 422
        assert 'name="override_reason"' in answer.text
        answer = ana.post_fragment(
            "/appointments", form(starts_at="2026-11-23T19:00", override_reason="Viene de lejos"), DIALOG
        )
        assert answer.status_code == 200
        assert saved(app)[0].override_reason == "Viene de lejos"

    def test_a_therapist_may_not_override(self, bruno: Client) -> None:
        answer = bruno.post_fragment("/appointments", form(starts_at="2026-11-23T19:00"), DIALOG)
        assert answer.status_code in {404, 422}
        assert 'name="override_reason"' not in answer.text

    def test_it_requires_appointment_book(self, clara: Client, client: Client) -> None:
        assert clara.get("/appointments/new").status_code == 403
        assert clara.post("/appointments", form()).status_code == 403
        assert client.get("/appointments/new").status_code == 303

    @pytest.mark.parametrize("foreign", [{"clinic_id": 2}, {"clinic_id": 999}])
    def test_it_hides_other_clinics(self, app: Flask, ana: Client, foreign: dict[str, Any]) -> None:
        assert ana.post("/appointments", form(**foreign)).status_code == 404
        assert saved(app) == []

    @pytest.mark.parametrize("field", ["therapist_id", "service_id", "patient_id"])
    def test_what_went_away_is_named_and_the_rest_kept(self, app: Flask, ana: Client, field: str) -> None:
        answers = [ana.post_fragment("/appointments", form(**{field: id_}), DIALOG) for id_ in (3, 999)]
        for answer in answers:
            assert answer.status_code == 422
            assert "field-error" in answer.text or "no existe" in answer.text
            assert "Dolor de espalda" in answer.text
        assert saved(app) == []

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"patient_id": ""}, "Elija un paciente"),
            ({"patient_id": "x"}, "field-error"),
            ({"starts_at": "ayer"}, "Escriba una fecha y hora"),
            ({"starts_at": ""}, "Escriba una fecha y hora"),
            ({"reason": "x" * 201}, "200 letras"),
        ],
    )
    def test_it_rejects_bad_input(self, app: Flask, ana: Client, wrong: dict[str, Any], message: str) -> None:
        answer = ana.post_fragment("/appointments", form(**wrong), DIALOG)
        assert answer.status_code == 422
        assert message in answer.text
        assert saved(app) == []

    def test_fragment_equals_page_part(self, ana: Client) -> None:
        path = "/appointments/new?therapist_id=1&starts_at=2026-11-23T10:30"
        part = ana.fragment(path, "div#booking-what").text.strip()
        assert part in ana.get(path).text
        assert part in ana.fragment(path, DIALOG).text

    def test_how_many_queries_the_form_takes(self, app: Flask, ana: Client) -> None:
        with count_queries(app) as sent:
            ana.fragment("/appointments/new?therapist_id=1&starts_at=2026-11-23T10:30", DIALOG)
        # auth, clinic, therapists, services, services of the therapist, shifts (3), busy
        assert len(sent) <= 9, sent


class TestMoving:
    def test_it_works(self, app: Flask, ana: Client, visit: int) -> None:
        dialog = ana.fragment(f"/appointments/{visit}/schedule", DIALOG)
        buttons = {e.get("value"): e for e in ana.tree(dialog).iter("button") if e.get("name") == "slot"}
        assert buttons["1@2026-11-24T10:00"].get("aria-label") == "Mover a mañana 10:00 con Bruno Salas"
        assert any(value.startswith("2@2026-11-23") for value in buttons if value)  # with Hugo, today
        said = {"version": 1, "slot": "1@2026-11-24T10:00", "submission_id": "m"}
        answer = ana.post_fragment(f"/appointments/{visit}/schedule", said, DIALOG)
        assert answer.status_code == 200
        assert "Reprogramada: mañana 10:00" in answer.text
        [row] = saved(app)
        assert row.starts_at.isoformat().startswith("2026-11-24T15:00")
        assert row.reschedule_count == 1

    def test_any_time_may_be_typed(self, app: Flask, ana: Client, visit: int) -> None:
        said = {"version": 1, "therapist_id": 2, "starts_at": "2026-11-25T16:10", "submission_id": "m"}
        answer = ana.post(f"/appointments/{visit}/schedule", said)
        assert answer.location == "/agenda?day=2026-11-25&clinic_id=1"
        assert saved(app)[0].therapist_id == 2

    def test_an_old_version_is_told(self, app: Flask, ana: Client, diego: Client, visit: int) -> None:
        moved = {"version": 1, "slot": "1@2026-11-24T10:00", "submission_id": "m"}
        assert diego.post_fragment(f"/appointments/{visit}/schedule", moved, DIALOG).status_code == 200
        late = {"version": 1, "slot": "1@2026-11-24T11:00", "submission_id": "n"}
        answer = ana.post_fragment(f"/appointments/{visit}/schedule", late, DIALOG)
        assert answer.status_code == 409
        assert "Otra persona cambió esta cita" in answer.text
        assert "Ahora: mañana 10:00" in answer.text
        version = {e.get("value") for e in ana.tree(answer).iter("input") if e.get("name") == "version"}
        assert version == {"2"}

    def test_a_taken_time_keeps_the_dialog(self, ana: Client, visit: int) -> None:
        ana.post("/appointments", form(patient_id=2, starts_at="2026-11-23T15:00", submission_id="o"))
        said = {"version": 1, "slot": "1@2026-11-23T15:00", "submission_id": "m"}
        answer = ana.post_fragment(f"/appointments/{visit}/schedule", said, DIALOG)
        assert answer.status_code == 409
        assert "Esa hora se acaba de ocupar" in answer.text

    def test_it_requires_appointment_book(self, clara: Client, visit: int) -> None:
        assert clara.get(f"/appointments/{visit}/schedule").status_code == 403

    def test_it_hides_other_clinics(self, fabio: Client, visit: int) -> None:
        said = {"version": 1, "slot": "1@2026-11-24T10:00", "submission_id": "m"}
        assert fabio.get(f"/appointments/{visit}/schedule").status_code == 404
        assert fabio.post(f"/appointments/{visit}/schedule", said).status_code == 404

    @pytest.mark.parametrize(
        "wrong", [{"slot": "x"}, {"slot": "3@2026-11-24T10:00"}, {"starts_at": "", "therapist_id": 1}, {"version": ""}]
    )
    def test_it_rejects_bad_input(self, app: Flask, ana: Client, visit: int, wrong: dict[str, Any]) -> None:
        said = {
            "version": 1,
            "submission_id": "m",
            "slot": "" if "starts_at" in wrong else "1@2026-11-24T10:00",
            **wrong,
        }
        assert ana.post_fragment(f"/appointments/{visit}/schedule", said, DIALOG).status_code == 422
        assert saved(app)[0].reschedule_count == 0

    def test_the_past_is_refused(self, ana: Client, visit: int) -> None:
        said = {"version": 1, "slot": "1@2026-11-20T10:00", "submission_id": "m"}
        answer = ana.post_fragment(f"/appointments/{visit}/schedule", said, DIALOG)
        assert answer.status_code == 422
        assert "Esa hora ya pasó" in answer.text


class TestCancelling:
    def test_it_works_and_can_be_undone(self, app: Flask, ana: Client, visit: int) -> None:
        dialog = ana.fragment(f"/appointments/{visit}/cancellation", DIALOG)
        assert "El paciente lo pidió" in dialog.text
        assert "Se fue sin ser atendido" not in dialog.text  # they never came
        answer = ana.post_fragment(
            f"/appointments/{visit}/cancellation", {"reason": "patient", "submission_id": "c"}, DIALOG
        )
        assert f'action="/appointments/{visit}/undo"' in answer.text
        assert saved(app)[0].status == "cancelled"
        assert ana.post_fragment(f"/appointments/{visit}/undo", {"submission_id": "u"}).status_code == 200
        assert saved(app)[0].status == "booked"

    def test_it_rejects_bad_input(self, app: Flask, ana: Client, visit: int) -> None:
        for reason in ("", "porque sí", "expired"):
            said = {"reason": reason, "submission_id": "c"}
            answer = ana.post_fragment(f"/appointments/{visit}/cancellation", said, DIALOG)
            assert answer.status_code == 422
        assert saved(app)[0].status == "booked"

    def test_it_hides_other_clinics(self, fabio: Client, visit: int) -> None:
        assert fabio.get(f"/appointments/{visit}/cancellation").status_code == 404
        said = {"reason": "patient", "submission_id": "c"}
        assert fabio.post(f"/appointments/{visit}/cancellation", said).status_code == 404

    def test_erasing_needs_a_supervisor_and_a_reason(self, app: Flask, ana: Client, diego: Client, visit: int) -> None:
        path = f"/appointments/{visit}/error"
        assert ana.post(path, {"reason": "duplicada", "submission_id": "e"}).status_code == 403
        assert diego.post_fragment(path, {"reason": "", "submission_id": "e"}, DIALOG).status_code == 422
        assert diego.post_fragment(path, {"reason": "duplicada", "submission_id": "e"}, DIALOG).status_code == 200
        assert saved(app)[0].status == "entered-in-error"


class TestSteps:
    def test_a_visit_from_arrival_to_the_end(self, app: Flask, ana: Client, visit: int) -> None:
        for step, status in (
            ("confirmation", "booked"),
            ("arrival", "arrived"),
            ("check-in", "checked-in"),
            ("session", "fulfilled"),
            ("session/end", "fulfilled"),
        ):
            answer = ana.post_fragment(f"/appointments/{visit}/{step}", {"submission_id": step}, "div#toasts")
            assert answer.status_code == 200, answer.text
            assert set(ana.triggers(answer)) == {"live:changed", "dialog:close"}
            assert saved(app)[0].status == status

    def test_the_toast_carries_the_way_back(self, app: Flask, ana: Client, visit: int) -> None:
        answer = ana.post_fragment(f"/appointments/{visit}/arrival", {"submission_id": "a"}, "div#toasts")
        assert "En sala: Clara Inés Núñez Quispe" in answer.text
        assert f'hx-post="/appointments/{visit}/undo"' in answer.text
        ana.post_fragment(f"/appointments/{visit}/undo", {"submission_id": "u"}, "div#toasts")
        assert saved(app)[0].status == "booked"

    def test_without_script_it_goes_back_where_it_was(self, ana: Client, visit: int) -> None:
        path = f"/appointments/{visit}/arrival"
        assert (
            ana.post(path, {"next": "/front-desk?view=list", "submission_id": "a"}).location == "/front-desk?view=list"
        )
        for outside in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
            answer = ana.post(path, {"next": outside, "submission_id": outside})
            assert answer.location == "/agenda?day=2026-11-23&clinic_id=1"

    def test_noshow_waits_for_the_grace(self, ana: Client, visit: int, monday_morning: time_machine.Traveller) -> None:
        path = f"/appointments/{visit}/noshow"
        early = ana.post_fragment(path, {"submission_id": "n"}, "div#toasts")
        assert early.status_code == 422
        assert early.headers["HX-Retarget"] == "#toasts"
        monday_morning.move_to(MONDAY + timedelta(hours=2, minutes=30))
        ana.sign_in(ana.email)
        assert ana.post_fragment(path, {"submission_id": "n"}, "div#toasts").status_code == 200

    @pytest.mark.parametrize("step", ["arrival", "check-in", "noshow"])
    def test_it_is_for_the_desk_and_the_own_therapist(self, hugo: Client, clara: Client, visit: int, step: str) -> None:
        assert hugo.post(f"/appointments/{visit}/{step}", {"submission_id": "s"}).status_code == 404
        assert clara.post(f"/appointments/{visit}/{step}", {"submission_id": "s"}).status_code == 403

    @pytest.mark.parametrize(
        "step", ["confirmation", "arrival", "check-in", "session", "session/end", "noshow", "undo"]
    )
    def test_it_hides_other_clinics(self, fabio: Client, visit: int, step: str) -> None:
        assert fabio.post(f"/appointments/{visit}/{step}", {"submission_id": "s"}).status_code == 404


class TestCard:
    def test_it_works(self, ana: Client, visit: int) -> None:
        answer = ana.fragment(f"/appointments/{visit}", DIALOG)
        assert "987 654 321" in answer.text
        assert "TKT-000001" in answer.text
        assert "por pagar" in answer.text
        steps = {e.get("action") or e.get("href") for e in ana.tree(answer).iter() if e.tag in {"form", "a"}}
        offered = {step.removeprefix(f"/appointments/{visit}/") for step in steps if step and "/appointments/" in step}
        assert offered == {"confirmation", "arrival", "session", "schedule", "cancellation"}

    def test_each_role_is_offered_its_own_steps(self, bruno: Client, hugo: Client, diego: Client, visit: int) -> None:
        assert "/arrival" in bruno.get(f"/appointments/{visit}").text  # D38: of an own visit
        assert "/arrival" not in hugo.get(f"/appointments/{visit}").text
        assert f"/appointments/{visit}/error" in diego.get(f"/appointments/{visit}").text

    def test_the_history_tells_who_did_what(self, ana: Client, visit: int) -> None:
        ana.post(f"/appointments/{visit}/schedule", {"version": 1, "slot": "1@2026-11-24T11:00", "submission_id": "m"})
        text = ana.get(f"/appointments/{visit}").text
        assert "hoy 10:00 → mañana 11:00" in text
        assert "Ana Torres · en recepción" in text

    def test_it_requires_appointment_read(self, clara: Client, visit: int) -> None:
        assert clara.get(f"/appointments/{visit}").status_code == 403


class TestOfAPatient:
    def test_it_works(self, ana: Client, cast: Cast, visit: int) -> None:
        answer = ana.fragment(f"/patients/{cast.clara}/appointments", "div#patient-appointments")
        assert answer.text.strip().startswith('<div class="stack" id="patient-appointments"')
        assert f'href="/appointments/{visit}"' in answer.text
        assert answer.text.strip() in ana.get(f"/patients/{cast.clara}/appointments").text

    def test_a_patient_of_nobody_here_is_hidden(self, bruno: Client, cast: Cast) -> None:
        assert bruno.get(f"/patients/{cast.gloria}/appointments").status_code == 404


def test_how_many_queries_a_step_takes(app: Flask, ana: Client, visit: int) -> None:
    with count_queries(app) as sent:
        ana.post_fragment(f"/appointments/{visit}/arrival", {"submission_id": "a"}, "div#toasts")
    # auth, claim the submission, the visit, clinic, update, history, zone of the event, event, wake-up,
    # the toast's words, keep the answer
    assert len(sent) <= 12, sent
