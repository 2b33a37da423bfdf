"""What is offered can be booked; what cannot is refused by name, here and in the free times."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from sqlalchemy import insert, select, update

from app.clinics.models import Service, Settings, Therapist, therapist_service
from app.kernel import clock
from app.kernel.db import db
from app.patients.models import Patient
from app.scheduling.models import Appointment
from app.tenancy.models import Clinic
from tests import build
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=ZoneInfo("America/Lima"))
DAY = MONDAY.date()
FREE = "/api/appointments/available/?date_from=2026-11-23"


@pytest.fixture(autouse=True)
def monday_morning() -> Iterator[None]:
    with time_machine.travel(MONDAY, tick=True):
        yield


def at(hour: int, minute: int = 0, days: int = 0) -> str:
    return (MONDAY.replace(hour=hour, minute=minute) + timedelta(days=days)).isoformat()


def book(who: Client, **fields: Any) -> Any:
    return who.api("POST", "/api/appointments/", {"therapist_id": 1, "starts_at": at(10), **fields})


def wrong(answer: Any) -> dict[str, str]:
    """The refused fields with their sentences."""
    assert answer.status_code == 400, answer.text
    return {name: texts[0] for name, texts in answer.get_json()["details"].items()}


def write(app: Flask, *statements: Any) -> None:
    with app.app_context():
        for statement in statements:
            db.session.execute(statement)
        db.session.commit()


def no_default(app: Flask, therapist_id: int) -> None:
    mine = therapist_service.c.therapist_id == therapist_id
    write(app, update(therapist_service).where(mine).values(is_default=False))


class TestWithoutAService:
    def test_it_is_the_default_one_of_the_therapist(self, clara: Client) -> None:
        free = clara.api("GET", f"{FREE}&therapist_id=2").get_json()["results"]
        assert free[0]["ends_at"] == "2026-11-23T14:45:00Z"  # Hugo's physiotherapy, half an hour
        made = book(clara, therapist_id=2, starts_at=free[0]["starts_at"]).get_json()
        assert (made["service"]["id"], made["price"]) == (2, "60.00")

    def test_every_offered_time_can_be_booked(self, ana: Client) -> None:
        free = ana.api("GET", "/api/appointments/available-slots/?doctor=1&date=2026-11-23").get_json()["results"]
        for slot in (free[0], free[-1]):
            body = {"patient": 1, "doctor": 1, "datetime": slot["starts_at"], "reason": "dolor"}
            answer = ana.api("POST", "/api/appointments/", body)
            assert (answer.status_code, answer.get_json().get("ends_at")) == (201, slot["ends_at"])

    def test_without_a_default_one_it_has_to_be_named(self, ana: Client, app: Flask) -> None:
        no_default(app, Cast.bruno)
        assert "por defecto" in wrong(book(ana, patient_id=1))["service_id"]
        assert "por defecto" in wrong(ana.api("GET", f"{FREE}&therapist_id=1"))["service_id"]
        assert book(ana, patient_id=1, service_id=2).status_code == 201

    def test_a_patient_needs_one_that_is_offered_online(self, clara: Client, app: Flask) -> None:
        write(app, update(Service).where(Service.id == Cast.reflexology).values(is_online=False))
        assert set(wrong(book(clara))) == {"service_id"}
        assert set(wrong(clara.api("GET", f"{FREE}&therapist_id=1"))) == {"service_id"}


UNBOOKABLE = [
    ({"therapist_id": 999}, "therapist_id"),
    ({"therapist_id": 3}, "therapist_id"),  # of Arequipa
    ({"service_id": 999}, "service_id"),
    ({"service_id": 3}, "service_id"),
    ({"clinic_id": 999}, "clinic_id"),
    ({"clinic_id": 2}, "clinic_id"),
    ({"therapist_id": 2, "service_id": 4}, "service_id"),  # Bruno's alone
]


@pytest.fixture
def acupuncture(app: Flask) -> int:
    """A service of Miraflores that Bruno gives and Hugo does not."""
    with app.app_context():
        values = {"clinic_id": 1, "name": "Acupuntura", "duration_minutes": 30, "price_cents": 9000}
        service_id = int(db.session.execute(insert(Service).returning(Service.id), values).scalar_one())
        db.session.execute(insert(therapist_service), {"therapist_id": 1, "service_id": service_id})
        db.session.commit()
    return service_id


@pytest.mark.parametrize(("named", "field"), UNBOOKABLE)
def test_what_cannot_be_booked_is_refused_by_name_and_not_offered(
    ana: Client, acupuncture: int, named: dict[str, int], field: str
) -> None:
    refused = wrong(book(ana, patient_id=1, **named))
    assert set(refused) == {field}
    filters = "&".join(f"{name}={value}" for name, value in {"therapist_id": 1, **named}.items())
    assert wrong(ana.api("GET", f"{FREE}&{filters}")) == refused


def test_unknown_and_foreign_ids_are_answered_alike(ana: Client, bruno: Client) -> None:
    for name, foreign in (("therapist_id", 3), ("service_id", 3), ("clinic_id", 2)):
        assert wrong(book(ana, patient_id=1, **{name: foreign})) == wrong(book(ana, patient_id=1, **{name: 999}))
    assert wrong(book(bruno, patient_id=Cast.gloria)) == wrong(book(bruno, patient_id=999))


def test_retired_services_and_therapists_are_not_bookable(ana: Client, app: Flask) -> None:
    write(app, update(Service).where(Service.id == 2).values(is_active=False))
    assert set(wrong(ana.api("GET", f"{FREE}&therapist_id=1&service_id=2"))) == {"service_id"}
    write(app, update(Therapist).where(Therapist.id == 1).values(deleted_at=clock.now()))
    assert set(wrong(ana.api("GET", f"{FREE}&therapist_id=1"))) == {"therapist_id"}


def test_a_form_names_what_went_away_meanwhile(ana: Client, app: Flask) -> None:
    write(app, update(Patient).where(Patient.id == Cast.gloria).values(deleted_at=clock.now()))
    sent = {"clinic_id": 1, "patient_id": Cast.gloria, "therapist_id": 1, "service_id": 1}
    answer = ana.post("/appointments", {**sent, "starts_at": "2026-11-23T10:00", "submission_id": "x"})
    assert answer.status_code == 422
    assert "Este paciente no existe." in answer.text


def test_a_move_to_somebody_who_does_not_give_the_service_says_so(ana: Client, acupuncture: int) -> None:
    made = book(ana, patient_id=1, service_id=acupuncture).get_json()
    for therapist_id in (2, 999):
        refused = wrong(ana.api("PATCH", f"/api/appointments/{made['id']}/", {"therapist_id": therapist_id}))
        assert "no da el servicio" in refused["therapist_id"]


class TestWhatAPatientMayAsk:
    def test_a_time_off_the_grid_offers_the_nearest(self, clara: Client) -> None:
        answer = book(clara, starts_at=at(10, 5))
        assert (answer.status_code, answer.get_json()["code"]) == (400, "BUSINESS_RULE_VIOLATION")
        near = [slot["starts_at"] for slot in answer.get_json()["details"]["alternatives"]]
        assert near == ["2026-11-23T14:45:00Z", "2026-11-23T15:00:00Z", "2026-11-23T15:15:00Z"]
        assert "10:00" in answer.get_json()["error"]
        assert book(clara, starts_at=near[1]).status_code == 201

    def test_outside_the_hours_no_reason_is_asked_for(self, clara: Client) -> None:
        said = book(clara, starts_at=at(13, 15)).get_json()["error"]
        assert "no se ofrece" in said
        assert "motivo" not in said

    def test_the_length_is_that_of_the_service(self, clara: Client, ana: Client) -> None:
        assert "45 minutos" in wrong(book(clara, duration=30))["duration"]
        assert "duration" in wrong(book(clara, duration=0))
        assert book(clara, duration=45).status_code == 201
        for length in (0, -5, 7, 1000):
            assert "duration" in wrong(book(ana, patient_id=2, starts_at=at(11), duration=length))

    def test_staff_fields_are_refused_by_name(self, clara: Client) -> None:
        assert set(wrong(book(clara, notes="x", override_reason="y"))) == {"notes", "override_reason"}

    def test_their_other_visits_are_not_offered(self, clara: Client) -> None:
        assert book(clara).status_code == 201
        free = clara.api("GET", f"{FREE}&therapist_id=2").get_json()["results"]
        starts = {slot["starts_at"] for slot in free}
        assert {"2026-11-23T14:30:00Z", "2026-11-23T15:45:00Z"} <= starts
        assert not {"2026-11-23T14:45:00Z", "2026-11-23T15:00:00Z", "2026-11-23T15:30:00Z"} & starts

    def test_two_weeks_of_one_clinic(self, clara: Client, ana: Client) -> None:
        assert clara.api("GET", f"{FREE}&therapist_id=1&date_to=2026-12-06").status_code == 200
        assert "14 días" in wrong(clara.api("GET", f"{FREE}&therapist_id=1&date_to=2026-12-07"))["date_to"]
        assert set(wrong(clara.api("GET", FREE))) == {"clinic_id"}
        assert clara.api("GET", f"{FREE}&clinic_id=1").status_code == 200
        assert ana.api("GET", f"{FREE}&date_to=2027-01-23").status_code == 200
        assert "62 días" in wrong(ana.api("GET", f"{FREE}&date_to=2027-01-24"))["date_to"]


class TestHowMuchAPatientMayBook:
    def test_visits_to_come_are_capped_by_the_clinic(self, clara: Client, ana: Client, app: Flask) -> None:
        write(app, update(Settings).values(open_visits_limit=2))
        for hour in (9, 11):
            assert book(clara, starts_at=at(hour, days=1)).status_code == 201
        answer = book(clara, starts_at=at(15, days=1))
        assert answer.status_code == 400
        assert "Ya tiene 2 citas por venir" in answer.get_json()["error"]
        assert book(ana, patient_id=1, starts_at=at(15, days=1)).status_code == 201  # the desk is not limited
        with app.app_context():
            first = db.session.scalars(select(Appointment.id).order_by(Appointment.id)).first()
        assert clara.api("DELETE", f"/api/appointments/{first}/").status_code == 200

    def test_new_patients_book_two_visits_a_day(self, clara: Client, app: Flask) -> None:
        write(app, update(Patient).where(Patient.id == 1).values(created_at=clock.now() - timedelta(days=2)))
        made = [book(clara, starts_at=at(hour, days=1)) for hour in (9, 11)]
        assert [answer.status_code for answer in made] == [201, 201]
        assert clara.api("DELETE", f"/api/appointments/{made[0].get_json()['id']}/").status_code == 200
        assert "cuenta es nueva" in book(clara, starts_at=at(15, days=1)).get_json()["error"]
        write(app, update(Patient).where(Patient.id == 1).values(created_at=clock.now() - timedelta(days=30)))
        assert book(clara, starts_at=at(15, days=1)).status_code == 201


def test_free_times_of_a_range_cost_few_queries(ana: Client, app: Flask) -> None:
    ana.api("GET", FREE)
    with count_queries(app) as few:
        ana.api("GET", FREE)
    with count_queries(app) as many:
        ana.api("GET", f"{FREE}&date_to=2027-01-23")
    assert len(few) == len(many)
    assert len(many) <= 16


class TestLocalTimes:
    @pytest.fixture(autouse=True)
    def new_york(self, app: Flask) -> None:
        write(app, update(Clinic).values(timezone="America/New_York"))

    def test_one_that_clocks_skip_is_refused(self, ana: Client) -> None:
        refused = wrong(book(ana, patient_id=1, starts_at="2027-03-14T02:30", override_reason="x"))
        assert "no existe ese día" in refused["starts_at"]
        sent = {"clinic_id": 1, "patient_id": 1, "therapist_id": 1, "service_id": 1, "submission_id": "x"}
        form = ana.post("/appointments", {**sent, "starts_at": "2027-03-14T02:30"})
        assert form.status_code == 422
        assert "Esa hora no existe ese día" in form.text

    def test_one_that_occurs_twice_needs_its_offset(self, ana: Client) -> None:
        refused = wrong(book(ana, patient_id=1, starts_at="2027-11-07T01:30"))
        assert "desfase" in refused["starts_at"]
        second = book(ana, patient_id=1, starts_at="2027-11-07T01:30-05:00", override_reason="x")
        assert second.get_json()["starts_at"] == "2027-11-07T06:30:00Z"


def test_extreme_days_are_plain_refusals(ana: Client, clara: Client) -> None:
    for day in ("9999-12-31", "0001-01-01"):
        assert set(wrong(book(ana, patient_id=1, starts_at=f"{day}T10:00:00Z"))) == {"starts_at"}
        for path in ("/agenda?day=", "/front-desk?day=", "/appointments/new?day="):
            assert ana.get(path + day).status_code == 200
        assert clara.get(f"/my/booking?service_id=1&day={day}&from={day}").status_code == 200


def test_the_agenda_offers_what_the_therapist_gives(ana: Client, app: Flask) -> None:
    """Hugo gives an hour alone; a quarter of an hour before his break is no free time of his."""
    quarter = {"clinic_id": 1, "name": "Control", "duration_minutes": 15, "price_cents": 1000}
    hour = {"clinic_id": 1, "name": "Hora", "duration_minutes": 60, "price_cents": 1000}
    write(app, insert(Service).values(quarter), insert(Service).values(hour))
    with app.app_context():
        hour_id = db.session.scalars(select(Service.id).where(Service.name == "Hora")).one()
    write(
        app,
        update(therapist_service)
        .where(therapist_service.c.therapist_id == 2, therapist_service.c.service_id == 2)
        .values(service_id=hour_id),
    )
    write(
        app,
        therapist_service.delete().where(
            therapist_service.c.therapist_id == 2, therapist_service.c.service_id != hour_id
        ),
    )
    page = ana.get(f"/agenda?day={DAY}&therapist_id=2").text
    assert "12:00" in page
    assert "starts_at=2026-11-23T12:15" not in page


def test_a_day_with_a_visit_is_offered_around_it(ana: Client, app: Flask) -> None:
    with app.app_context():
        build.visit(build.at("10:00", DAY), minutes=30)
    starts = {slot["starts_at"] for slot in ana.api("GET", f"{FREE}&therapist_id=1&service_id=2").get_json()["results"]}
    assert "2026-11-23T15:00:00Z" not in starts
    assert {"2026-11-23T14:30:00Z", "2026-11-23T15:30:00Z"} <= starts
