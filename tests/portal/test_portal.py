"""The patient's pages and the therapist's day."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select

from app.clinics.models import Settings
from app.kernel.db import db, unit_of_work
from app.scheduling.models import Appointment
from tests.client import Client

LIMA = ZoneInfo("America/Lima")
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=LIMA)


@pytest.fixture(autouse=True)
def monday_morning() -> Iterator[None]:
    with time_machine.travel(MONDAY, tick=True):
        yield


def at(hour: int, minute: int = 0, days: int = 0) -> str:
    return (MONDAY.replace(hour=hour, minute=minute) + timedelta(days=days)).isoformat()


def booked(ana: Client, **changes: object) -> int:
    body = {"patient_id": 1, "therapist_id": 1, "service_id": 1, "starts_at": at(10, days=2), **changes}
    return int(ana.api("POST", "/api/appointments/", body).get_json()["id"])


def status_of(client: Client, id_: int) -> str:
    with client.app.app_context():
        return db.session.get_one(Appointment, id_).status


def test_an_empty_home_leads_to_booking(clara: Client) -> None:
    assert clara.get("/").location == "/my"
    answer = clara.get("/my")
    assert answer.status_code == 200
    assert 'href="/my/booking"' in answer.text


def test_it_works(clara: Client) -> None:
    services = clara.get("/my/booking")
    assert "Reflexología podal" in services.text
    times = clara.get("/my/booking?service_id=1&day=2026-11-24")
    assert "10:30" in times.text
    wire = "2026-11-24T15:30Z"
    summary = clara.get(f"/my/booking?service_id=1&therapist_id=1&starts_at={wire}")
    assert "S/ 80.00" in summary.text
    assert "<dt>Con</dt><dd>Bruno Salas</dd>" in summary.text
    form = {"service_id": "1", "therapist_id": "1", "starts_at": wire, "reason": "hombro", "submission_id": "s1"}
    assert clara.post("/my/visits", form).location == "/my"
    assert clara.post("/my/visits", form).location == "/my"  # the double click
    assert "Bruno Salas" in clara.get("/my").text
    with clara.app.app_context():
        assert db.session.scalars(select(Appointment.origin)).all() == ["online"]


def test_a_taken_time_shows_near_ones_and_keeps_what_was_typed(ana: Client, clara: Client) -> None:
    booked(ana, patient_id=2, starts_at=at(10, days=1))
    form = {"service_id": "1", "therapist_id": "1", "starts_at": at(10, days=1), "reason": "hombro derecho"}
    answer = clara.post("/my/visits", form)
    assert answer.status_code == 409
    assert "Estas están libres" in answer.text
    assert "hombro derecho" in answer.text
    assert answer.text.count("time-button") == 3


def test_confirm_move_and_cancel(ana: Client, clara: Client) -> None:
    id_ = booked(ana)
    assert clara.post(f"/my/visits/{id_}/confirmation").location == "/my"
    assert "Confirmada" in clara.get("/my").text
    assert "11:15" in clara.get(f"/my/visits/{id_}/schedule?day=2026-11-26").text
    move = {"starts_at": at(11, 15, days=3), "version": "2"}
    assert clara.post(f"/my/visits/{id_}/schedule", move).location == "/my"
    assert clara.post(f"/my/visits/{id_}/schedule", move).status_code == 409  # the version moved on
    assert clara.post(f"/my/visits/{id_}/cancellation", {"reason": "patient"}).location == "/my"
    assert status_of(clara, id_) == "cancelled"
    assert "ya está cancelada" in clara.get(f"/my/visits/{id_}/cancellation").text  # the back button


def test_a_new_time_is_shown_beside_the_old_one_before_the_last_button(ana: Client, clara: Client) -> None:
    id_ = booked(ana)
    times = clara.get(f"/my/visits/{id_}/schedule?day=2026-11-26").text
    href = f"/my/visits/{id_}/schedule?starts_at=2026-11-26T16:15Z"
    assert href in times
    summary = clara.get(href).text
    assert "<s>Mié 25 nov, 10:00</s>" in summary
    assert "<strong>Jue 26 nov, 11:15</strong>" in summary
    assert clara.get(f"/my/visits/{id_}/schedule?starts_at=x").status_code == 404


def test_booking_again_begins_with_the_last_visit_and_its_therapist(ana: Client, clara: Client) -> None:
    assert "Como la última vez" not in clara.get("/my/booking").text
    booked(ana)
    assert 'href="/my/booking?service_id=1&amp;therapist_id=1"' in clara.get("/my/booking").text
    times = clara.get("/my/booking?service_id=1&day=2026-11-24").text
    assert "therapist_id=1&amp;starts_at" in times


@pytest.mark.prepares_in_test
def test_the_visit_says_how_to_reach_the_clinic(ana: Client, eva: Client, clara: Client) -> None:
    with eva.app.app_context(), unit_of_work(write=True):
        settings = db.session.get_one(Settings, 1)
        settings.phone, settings.whatsapp = "+51987654321", "+51912345678"
    booked(ana, starts_at=at(12))
    home = clara.get("/my").text
    assert 'href="tel:+51987654321"' in home
    assert 'href="https://wa.me/51912345678?text=Hola' in home
    assert "Avisar que llego tarde" in home


def test_a_page_that_is_not_there_keeps_the_menu(clara: Client) -> None:
    answer = clara.get("/my/visits/999/schedule")
    assert answer.status_code == 404
    assert 'href="/my/booking"' in answer.text


def test_within_the_notice_there_is_a_sentence_and_no_change(ana: Client, clara: Client) -> None:
    id_ = booked(ana, starts_at=at(12))
    assert "llame a la clínica" in clara.get("/my").text
    assert clara.post(f"/my/visits/{id_}/cancellation", {"reason": "patient"}).status_code == 422
    moved = clara.post(f"/my/visits/{id_}/schedule", {"starts_at": at(11, 15, days=3), "version": "1"})
    assert moved.status_code == 422
    assert "llame a la clínica" in moved.text
    assert status_of(clara, id_) == "booked"


@pytest.mark.prepares_in_test
@pytest.mark.parametrize("starts_at", ["", "mañana", "2026-13-01T10:00Z"])
def test_a_time_that_is_none_is_refused_and_moves_nothing(ana: Client, clara: Client, starts_at: str) -> None:
    id_ = booked(ana)
    answer = clara.post(f"/my/visits/{id_}/schedule", {"starts_at": starts_at, "version": "1"})
    assert answer.status_code == 422
    assert "Escriba una fecha y hora válidas" in answer.text
    with clara.app.app_context():
        assert db.session.get_one(Appointment, id_).reschedule_count == 0


@pytest.mark.prepares_in_test
def test_it_hides_other_patients(ana: Client, clara: Client) -> None:
    id_ = booked(ana, patient_id=2)
    for path in ("schedule", "cancellation"):
        assert clara.get(f"/my/visits/{id_}/{path}").status_code == 404
        assert clara.post(f"/my/visits/{id_}/{path}", {"reason": "patient"}).status_code == 404
    assert clara.post(f"/my/visits/{id_}/confirmation").status_code == 404
    assert "Gloria" not in clara.get("/my").text


def test_it_requires_a_patient(ana: Client) -> None:
    assert ana.get("/my").status_code == 403
    assert ana.get("/my/booking").status_code == 403


@pytest.mark.parametrize("path", ["service_id=999", "service_id=1&therapist_id=3", "service_id=1&starts_at=x"])
def test_it_rejects_bad_input(clara: Client, path: str) -> None:
    assert clara.get(f"/my/booking?{path}").status_code == 404


def test_fragment_equals_page_part(ana: Client, clara: Client) -> None:
    booked(ana)
    fragment = clara.fragment("/my", "div#my-visits").text.split('value="')[0].strip()
    assert fragment.startswith('<div class="stack" id="my-visits"')
    assert fragment in clara.get("/my").text


def test_the_therapist_starts_and_finishes(ana: Client, bruno: Client) -> None:
    id_ = booked(ana, starts_at=at(10))
    assert bruno.get("/").location == "/my-day"
    assert "Iniciar sesión" in bruno.get("/my-day").text
    assert bruno.post(f"/appointments/{id_}/session", {"next": "/my-day"}).location == "/my-day"
    day = bruno.get("/my-day").text
    assert "Terminar" in day
    assert "Clara" in day
    assert bruno.post(f"/appointments/{id_}/session/end", {"next": "/my-day"}).location == "/my-day"
    assert "Atendida" in bruno.get("/my-day").text
    assert bruno.fragment("/my-day", "div#my-day").text.startswith('<div class="my-day" id="my-day"')


def test_the_therapists_rows_open_the_visit_and_the_next_patient_is_introduced(ana: Client, bruno: Client) -> None:
    earlier = booked(ana, starts_at=at(9))
    for step in ("session", "session/end"):
        bruno.post(f"/appointments/{earlier}/{step}")
    assert status_of(bruno, earlier) == "fulfilled"
    id_ = booked(ana, starts_at=at(10))
    day = bruno.get("/my-day").text
    assert f'href="/appointments/{id_}" hx-get="/appointments/{id_}"' in day
    assert 'href="/patients/1"' in day
    assert "Visitas anteriores con usted" in day
    assert f'href="/appointments/{earlier}"' in day.partition("Visitas anteriores")[2].partition("</section>")[0]


def test_the_day_shows_no_colleagues_visits(ana: Client, bruno: Client) -> None:
    booked(ana, starts_at=at(10), therapist_id=2, patient_id=2)
    assert "Gloria" not in bruno.get("/my-day").text
