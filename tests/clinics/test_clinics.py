"""A clinic's settings, rooms and closed days, as its admin changes them."""

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.billing.actions import catalogue
from app.billing.models import PaymentMethod, Till
from app.clinics import queries
from app.clinics.models import Closure, Room, Settings
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.tenancy.models import Clinic
from tests import build
from tests.background import run_pending_work
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

SETTINGS = {
    "name": "Centro Surco",
    "legal_name": "Centro Surco S.A.C.",
    "whatsapp": "+51 998-001-100",
    "timezone": "America/Lima",
    "opens_minute": "07:30",
    "closes_minute": "00:00",
    "closed_weekdays": ["5", "6"],
    "slot_minutes": "30",
    "notice_minutes": "90",
    "change_notice_hours": "24",
    "horizon_days": "30",
    "open_visits_limit": "4",
    "noshow_grace_minutes": "10",
    "pending_hours": "24",
    "currency": "PEN",
    "tax_rate": "10.5",
    "difference_limit_cents": "2.50",
    "blind_close": "y",
}


def one(app: Flask, statement: Any) -> Any:
    with app.app_context():
        return db.session.scalar(statement)


def test_it_works(eva: Client, app: Flask) -> None:
    assert "Centro Miraflores" in eva.get("/admin/clinics").text
    assert eva.get("/admin/clinics/new").status_code == 200
    answer = eva.post("/admin/clinics/1", SETTINGS)
    assert answer.location == "/admin/clinics/1", answer.text
    with app.app_context():
        facts = queries.clinic(1)
        event = db.session.scalar(select(EventRow).where(EventRow.type == "clinics.clinic.changed.v1"))
    assert (facts.name, facts.opens_minute, facts.closes_minute) == ("Centro Surco", 450, 1440)
    assert (facts.tax_rate_bp, facts.difference_limit_cents, facts.slot_minutes) == (1050, 250, 30)
    assert facts.closed_weekdays == {5, 6}
    assert facts.whatsapp == "+51998001100"
    assert facts.blind_close
    assert not facts.auto_confirm
    assert "tax_rate_bp" in event.data["fields"]
    shown = eva.get("/admin/clinics/1").text
    assert 'value="10.50"' in shown
    assert 'value="00:00"' in shown


def test_the_same_settings_again_are_no_news(eva: Client, app: Flask) -> None:
    eva.post("/admin/clinics/1", SETTINGS)
    eva.post("/admin/clinics/1", SETTINGS)
    with app.app_context():
        facts = db.session.scalars(select(EventRow).where(EventRow.type == "clinics.clinic.changed.v1")).all()
    assert len(facts) == 1


def test_a_new_clinic_belongs_to_its_maker_and_can_take_money(eva: Client, app: Flask, cast: Cast) -> None:
    answer = eva.post("/admin/clinics", SETTINGS)
    clinic_id = int(answer.location.rpartition("/")[2])
    assert eva.get(answer.location).status_code == 200
    with app.app_context():
        roles = build.roles_of(cast.eva_user)
        assert (clinic_id, "admin") in roles
    run_pending_work(app)
    with app.app_context():
        catalogue.create_default_payment_methods(clinic_id)  # once more changes nothing
        db.session.commit()
        methods = db.session.scalars(select(PaymentMethod.code).where(PaymentMethod.clinic_id == clinic_id)).all()
        tills = db.session.scalars(select(Till).where(Till.clinic_id == clinic_id)).all()
    assert set(methods) == {"efectivo", "yape", "plin", "tarjeta", "transferencia"}
    assert len(tills) == 1


@pytest.mark.parametrize("path", ["/admin/clinics", "/admin/clinics/new", "/admin/clinics/1"])
def test_it_requires_clinic_manage(path: str, ana: Client, diego: Client, clara: Client) -> None:
    assert [who.get(path).status_code for who in (ana, diego, clara)] == [403, 403, 403]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/clinics",
        "/admin/clinics/1",
        "/admin/clinics/1/rooms",
        "/admin/clinics/1/closures",
        "/admin/rooms/1",
        "/admin/rooms/1/closing",
        "/admin/rooms/1/reopening",
        "/admin/closures/1/removal",
    ],
)
def test_writing_requires_clinic_manage(path: str, diego: Client) -> None:
    assert diego.post(path, SETTINGS).status_code == 403


def test_it_hides_other_clinics(eva: Client, local_admin: Client, neighbours: int, app: Flask, cast: Cast) -> None:
    assert "Vecino" not in eva.get("/admin/clinics").text
    assert "Arequipa" not in local_admin.get("/admin/clinics").text
    for who, clinic, room in ((eva, neighbours, neighbours), (local_admin, cast.arequipa, 3)):
        assert who.get(f"/admin/clinics/{clinic}").status_code == 404
        for path in (
            f"/admin/clinics/{clinic}",
            f"/admin/clinics/{clinic}/rooms",
            f"/admin/clinics/{clinic}/closures",
            f"/admin/rooms/{room}",
            f"/admin/rooms/{room}/closing",
            f"/admin/rooms/{room}/reopening",
        ):
            form = {**SETTINGS, "day": "2027-01-01", "reason": "Feriado"}
            assert who.post(path, form).status_code == 404, path
    assert one(app, select(Room.name).where(Room.id == neighbours)) == "Sala vecina"


def test_it_rejects_bad_input(eva: Client, app: Flask) -> None:
    bad = {**SETTINGS, "name": "", "timezone": "Lima", "opens_minute": "9", "horizon_days": "-1", "tax_rate": "70"}
    answer = eva.post("/admin/clinics/1", bad)
    assert answer.status_code == 422
    for text in ("Escriba el nombre de la sede.", "Escriba una hora, por ejemplo 09:30.", "de 1 a 730"):
        assert text in answer.text
    zone = eva.post("/admin/clinics/1", {**SETTINGS, "timezone": "Lima"})
    assert "Esta zona horaria no existe" in zone.text
    late = eva.post("/admin/clinics/1", {**SETTINGS, "opens_minute": "20:00", "closes_minute": "08:00"})
    assert "después de abrir" in late.text
    week = eva.post("/admin/clinics/1", {**SETTINGS, "closed_weekdays": list("0123456")})
    assert "al menos un día" in week.text
    assert one(app, select(Clinic.name).where(Clinic.id == 1)) == "Centro Miraflores"


def test_a_clinics_own_numbers_are_checked(eva: Client, app: Flask) -> None:
    wrong = eva.post("/admin/clinics/1", {**SETTINGS, "tax_id": "20123456789", "phone": "12", "email": "ñ@correo.pe"})
    assert wrong.status_code == 422
    for says in ("último dígito del RUC", "teléfono válido", "tildes o eñes"):
        assert says in wrong.text
    eva.post("/admin/clinics/1", {**SETTINGS, "tax_id": "２０１０００４７２１８", "phone": "(01) 445-6789"})
    assert one(app, select(Settings.tax_id).where(Settings.clinic_id == 1)) == "20100047218"
    assert one(app, select(Settings.phone).where(Settings.clinic_id == 1)) == "+5114456789"
    assert 'value="(01) 445 6789"' in eva.get("/admin/clinics/1").text


def test_abroad_the_tax_number_is_no_ruc(eva: Client, app: Flask) -> None:
    eva.post("/admin/clinics/1", {**SETTINGS, "tax_id": "76.123.456-7", "currency": "CLP"})
    assert one(app, select(Settings.tax_id).where(Settings.clinic_id == 1)) == "76.123.456-7"


def test_rooms_open_close_and_have_their_own_names(eva: Client, app: Flask) -> None:
    added = eva.post_fragment("/admin/clinics/1/rooms", {"name": "Sala 3"}, target="section#rooms")
    assert "Sala 3" in added.text
    taken = eva.post_fragment("/admin/clinics/1/rooms", {"name": "Sala 1"}, target="section#rooms")
    assert taken.status_code == 422
    assert "Ya hay otro con este nombre" in taken.text
    renamed = eva.post_fragment("/admin/rooms/1", {"name": "Sala 2"}, target="section#rooms")
    assert renamed.status_code == 422
    assert eva.post("/admin/rooms/1", {"name": "Sala azul"}).location == "/admin/clinics/1#rooms"
    assert eva.post("/admin/rooms/1/closing").status_code == 303
    with app.app_context():
        assert [room.name for room in queries.rooms_of(1)] == ["Sala 2", "Sala 3"]
    assert eva.post("/admin/rooms/1/reopening").status_code == 303
    with app.app_context():
        assert "Sala azul" in [room.name for room in queries.rooms_of(1)]


def test_closed_days_come_and_go(eva: Client, app: Flask) -> None:
    day = {"day": "2027-07-28", "reason": "Fiestas Patrias"}
    answer = eva.post_fragment("/admin/clinics/1/closures", day, target="section#closures")
    assert "Fiestas Patrias" in answer.text
    eva.post("/admin/clinics/1/closures", {**day, "reason": "Feriado"})
    with app.app_context():
        found = queries.closures(1, date(2027, 7, 1), date(2027, 8, 1))
        closure_id = db.session.scalar(select(Closure.id))
    assert found == {date(2027, 7, 28): "Feriado"}
    bad = eva.post("/admin/clinics/1/closures", {"day": "pronto", "reason": ""})
    assert bad.status_code == 422
    assert eva.post(f"/admin/closures/{closure_id}/removal").status_code == 303
    assert one(app, select(Closure.id)) is None


def test_a_foreign_closed_day_stays(eva: Client, local_admin: Client, app: Flask) -> None:
    eva.post("/admin/clinics/2/closures", {"day": "2027-07-28", "reason": "Feriado"})
    closure_id = one(app, select(Closure.id))
    assert local_admin.post(f"/admin/closures/{closure_id}/removal").status_code == 404
    assert one(app, select(Closure.id)) == closure_id


@pytest.mark.parametrize("name", ["rooms", "closures"])
def test_fragment_equals_page_part(name: str, eva: Client) -> None:
    part = eva.fragment("/admin/clinics/1", f"section#{name}").text
    page = eva.get("/admin/clinics/1").text
    heading = part.strip().split("\n")[0]
    assert f'id="{name}"' in heading
    assert heading in page
    assert "<html" not in part


def test_the_home_of_the_administration(eva: Client, diego: Client, ana: Client, app: Flask) -> None:
    home = eva.get("/admin")
    for href in ("/admin/clinics", "/admin/services", "/admin/therapists", "/admin/hours", "/admin/users"):
        assert f'href="{href}"' in home.text
    eva.post("/admin/therapists", {"given_names": "Iris", "surnames": "Vega"})
    assert "1 terapeuta sin horario" in eva.get("/admin").text
    assert "1 terapeuta sin servicios" in eva.get("/admin").text
    supervised = diego.get("/admin").text
    assert 'class="setup-card" href="/admin/therapists"' in supervised
    assert 'class="setup-card" href="/admin/users"' not in supervised
    assert ana.get("/admin").status_code == 403
    assert eva.get("/").location == "/admin"


def test_facts_take_one_query_each(app: Flask) -> None:
    with count_queries(app) as sent, app.app_context():
        queries.clinic(1)
        queries.service(1)
        queries.services_of(1)
        queries.therapist(1)
        queries.therapists_of(1)
        queries.offers(1, 1)
        queries.rooms_of(1)
        queries.closures(1, date(2026, 1, 1), date(2027, 1, 1))
    assert len(sent) <= 8
