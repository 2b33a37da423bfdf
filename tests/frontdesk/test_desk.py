"""The front desk: what each card offers, timers, filters, walk-ins, the next visit, the end of the day."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, update

from app.billing.models import ticket_balance
from app.clinics.models import Therapist
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.realtime import channels
from app.scheduling.models import Appointment
from tests.background import run_pending_work
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries
from tests.scheduling.front_desk import NOW, TODAY, add_visit, at, open_till

BOARD = "div#desk"


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visit(app: Flask) -> Callable[..., int]:
    def add(*arguments: Any, **options: Any) -> int:
        with app.app_context():
            return add_visit(*arguments, **options)

    return add


def card(client: Client, id_: int, path: str = "/front-desk") -> Any:
    found = client.tree(client.fragment(path, BOARD)).find(f".//li[@id='visit-{id_}']")
    assert found is not None, f"no card {id_}"
    return found


def step_of(element: Any) -> tuple[str, str | None]:
    """The word and the key of a card's one action."""
    button = next(e for e in element.iter() if "btn-act" in (e.get("class") or ""))
    return button.find("span").text, button.get("data-key")


def text_of(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


# ------------------------------------------------------------------ the board


def test_it_works(ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("11:00", is_first_visit=True, room_id=1)
    answer = ana.get("/front-desk")
    assert answer.status_code == 200
    shown = text_of(card(ana, id_))
    for part in ("11:00", "Clara Inés Núñez Quispe", "38", "…8912", "Bruno Salas", "Sala 1", "Fisioterapia", "1.ª vez"):
        assert part in shown
    assert "min" not in shown  # nobody waits yet


def test_it_is_the_receptionists_home(ana: Client, bruno: Client) -> None:
    assert ana.get("/").location == "/front-desk"
    assert 'href="/front-desk"' in ana.get("/front-desk").text
    assert 'href="/front-desk"' not in bruno.get("/account").text


@pytest.mark.parametrize(
    "path", ["/front-desk", "/front-desk/closing", "/walk-ins/new", "/appointments/1/next"], ids=str
)
def test_it_requires_appointment_receive(bruno: Client, clara: Client, path: str) -> None:
    assert bruno.get(path).status_code == 403
    assert clara.get(path).status_code == 403


@pytest.mark.prepares_in_test
def test_it_hides_other_clinics(ana: Client, fabio: Client, visit: Callable[..., int]) -> None:
    id_ = visit("11:00")
    assert f"visit-{id_}" not in fabio.get("/front-desk").text
    assert fabio.get("/front-desk?clinic_id=1").status_code == 404
    assert fabio.get("/front-desk/closing?clinic_id=1").status_code == 404
    assert fabio.get(f"/appointments/{id_}/next").status_code == 404
    assert fabio.post(f"/appointments/{id_}/next", {"starts_at": "2026-11-27T16:00:00+00:00"}).status_code == 404
    assert fabio.get("/walk-ins/new?clinic_id=1").status_code == 404
    assert ana.post("/walk-ins", {"clinic_id": 2, "patient_id": 1, "service_id": 3}).status_code == 404


@pytest.mark.prepares_in_test
def test_it_rejects_bad_input(ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("11:00")
    assert f"visit-{id_}" in ana.get("/front-desk?day=gestern&view=cube&therapist_id=x").text  # the defaults


def test_fragment_equals_page_part(ana: Client, visit: Callable[..., int]) -> None:
    visit("11:00")
    visit("09:00", "arrived", patient=2, arrived="09:50")
    page = ana.tree(ana.get("/front-desk")).find(".//div[@id='desk']")
    part = ana.tree(ana.fragment("/front-desk", BOARD)).find(".//div[@id='desk']")
    assert text_of(page) == text_of(part)
    assert [e.get("id") for e in page.iter()] == [e.get("id") for e in part.iter()]


@pytest.mark.parametrize(
    ("options", "column", "word", "key"),
    [
        ({"status": "pending"}, "booked", "Confirmar", None),
        ({"status": "booked"}, "booked", "Llegó", "l"),
        ({"status": "booked", "confirmation": "accepted"}, "booked", "Llegó", "l"),
        ({"status": "arrived", "arrived": "09:55"}, "arrived", "Pasar", "p"),
        ({"status": "checked-in", "arrived": "09:55"}, "arrived", "Pasar", "p"),
        ({"status": "fulfilled", "arrived": "08:50", "started": "09:30"}, "in-session", "Terminar", "t"),
        ({"status": "fulfilled", "started": "09:00", "finished": "09:30"}, "fulfilled", "Cobrar", "c"),
        (
            {"status": "fulfilled", "started": "09:00", "finished": "09:30", "paid": True},
            "fulfilled",
            "Próxima cita",
            "n",
        ),
        ({"status": "noshow"}, "noshow", "Próxima cita", "n"),
        ({"status": "cancelled"}, "noshow", "Próxima cita", "n"),
    ],
)
def test_every_state_has_its_one_action(
    ana: Client, visit: Callable[..., int], options: dict[str, Any], column: str, word: str, key: str | None
) -> None:
    id_ = visit("09:30", **options)
    found = ana.tree(ana.get("/front-desk")).find(f".//section[@id='col-{column}']//li[@id='visit-{id_}']")
    assert found is not None
    assert step_of(found) == (word, key)


def test_on_another_day_nobody_arrives(ana: Client, visit: Callable[..., int]) -> None:
    tomorrow, yesterday = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
    ahead, gone = visit("09:30", day=tomorrow), visit("09:30", day=yesterday)
    assert step_of(card(ana, ahead, f"/front-desk?day={tomorrow}")) == ("Reprogramar", "r")
    assert step_of(card(ana, gone, f"/front-desk?day={yesterday}"))[0] == "No vino"
    refused = ana.post_fragment(f"/appointments/{ahead}/arrival")
    assert refused.status_code == 422
    assert "La cita no es de hoy" in refused.text


def test_the_menu_offers_what_is_possible(ana: Client, visit: Callable[..., int]) -> None:
    early, late = visit("10:30"), visit("09:30", patient=2)
    assert "No vino" not in text_of(card(ana, early))
    assert "No vino" in text_of(card(ana, late))
    arrived = visit("11:30", "arrived", arrived="09:50")
    long_ago = visit("12:00", "arrived", patient=2, arrived="09:30")
    assert "Deshacer" in text_of(card(ana, arrived))
    assert "Deshacer" not in text_of(card(ana, long_ago))


def test_whoever_owes_from_before_is_marked(ana: Client, visit: Callable[..., int]) -> None:
    visit("09:00", "fulfilled", day=TODAY - timedelta(days=7), started="09:00", finished="09:30")
    owes, clean = visit("11:00"), visit("11:30", patient=2)
    assert "Debe S/ 120.00" in text_of(card(ana, owes))  # the old one and this visit's: all that is owed
    assert "S/" not in text_of(card(ana, clean))


def test_an_attended_visit_offers_to_collect_whatever_is_owed(ana: Client, visit: Callable[..., int]) -> None:
    visit("09:00", "fulfilled", day=TODAY - timedelta(days=7), started="09:00", finished="09:30")
    attended = visit("09:30", "fulfilled", started="09:30", finished="09:50", paid=True)
    shown = card(ana, attended)
    assert "Debe S/ 60.00" in text_of(shown)
    action = next(e for e in shown.iter("a") if "btn-act" in (e.get("class") or ""))
    assert (text_of(action), action.get("href")) == ("CobrarC", "/tickets/1/payment")  # the old one
    assert "Atendidas sin pago" in ana.get("/front-desk/closing").text


def test_the_address_opens_the_panel_again(ana: Client) -> None:
    assert 'hx-get="/tickets/7/payment" hx-trigger="load"' in " ".join(ana.get("/front-desk?cobrar=7").text.split())
    assert 'hx-trigger="load"' not in ana.get("/front-desk?cobrar=x").text


# ------------------------------------------------------------------ timers and order


def timer_of(element: Any) -> tuple[str, str]:
    found = next((e for e in element.iter() if (e.get("class") or "").startswith("timer")), None)
    return ("", "") if found is None else (text_of(found), (found.get("class") or "").removeprefix("timer").strip())


@pytest.mark.parametrize(
    ("starts", "options", "text", "kind"),
    [
        ("10:30", {}, "", ""),
        ("09:55", {}, "+5 min de retraso", "timer-warn"),
        ("09:45", {}, "+15 min de retraso", "timer-late"),
        ("10:30", {"status": "arrived", "arrived": "09:30"}, "30 min", ""),  # early: nobody let them wait
        ("09:30", {"status": "arrived", "arrived": "09:50"}, "10 min", "timer-warn"),
        ("09:30", {"status": "arrived", "arrived": "09:20"}, "40 min", "timer-late"),
        ("09:30", {"status": "arrived", "arrived": "10:05"}, "0 min", ""),  # a clock that ran ahead
        ("09:30", {"status": "fulfilled", "arrived": "09:20", "started": "09:40"}, "20 min", ""),
        ("09:00", {"status": "fulfilled", "arrived": "08:50", "started": "09:15"}, "45 min", "timer-late"),
    ],
)
def test_timers(
    ana: Client, visit: Callable[..., int], starts: str, options: dict[str, Any], text: str, kind: str
) -> None:
    assert timer_of(card(ana, visit(starts, **options))) == (text, kind)


def test_the_time_in_the_clinic_stands_beside_the_time_in_the_session(ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("09:30", "fulfilled", arrived="09:20", started="09:40")
    assert "40 min en la clínica" in text_of(card(ana, id_))


def test_late_ones_rise(ana: Client, visit: Callable[..., int]) -> None:
    first = visit("09:00", "arrived", arrived="09:55")
    late = visit("09:30", "arrived", patient=2, arrived="09:25")
    column = ana.tree(ana.get("/front-desk")).find(".//section[@id='col-arrived']")
    assert [e.get("id") for e in column.iter("li") if e.get("id")] == [f"visit-{late}", f"visit-{first}"]


def test_counters_and_average_wait(ana: Client, visit: Callable[..., int]) -> None:
    visit("08:00", "fulfilled", arrived="07:50", started="08:10", finished="08:30")
    visit("09:00", "fulfilled", arrived="09:10", started="09:40", patient=2)
    visit("11:00")
    counts = ana.tree(ana.get("/front-desk")).find(".//ul[@class='counts']")
    assert text_of(counts) == (
        "Total 3 Espera media 20 min Reservadas 1 En sala 0 En consulta 1 Atendidas 1 No realizadas 0"
    )


# ------------------------------------------------------------------ filters


def test_filters_survive_in_the_address(ana: Client, visit: Callable[..., int]) -> None:
    bruno, hugo = visit("11:00"), visit("11:30", patient=2, therapist=2)
    page = ana.get("/front-desk?therapist_id=2&view=list").text
    assert f"visit-{hugo}" in page
    assert f"visit-{bruno}" not in page
    root = ana.tree(ana.get("/front-desk?therapist_id=2&view=list")).find(".//div[@id='desk']")
    assert root.get("hx-get") == "/front-desk?clinic_id=1&therapist_id=2&view=list"


def test_the_list_offers_the_same_steps(ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("11:00")
    assert step_of(card(ana, id_, "/front-desk?view=list")) == step_of(card(ana, id_))


# ------------------------------------------------------------------ live, till, cost


def test_the_board_hears_visits_and_payments(app: Flask, ana: Client) -> None:
    root = ana.tree(ana.get("/front-desk")).find(".//div[@id='desk']")
    assert root.get("data-live") == "desk:1:2026-11-20 till:1"
    booked = {"patient_id": 1, "therapist_id": 1, "service_id": 2, "starts_at": at("11:00").isoformat()}
    assert ana.api("POST", "/api/appointments/", booked).status_code == 201
    assert "desk:1:2026-11-20" in run_pending_work(app)


def test_a_payment_refreshes_the_day_of_its_visit(app: Flask) -> None:
    data = {"ticket_id": 1, "service_day": "2026-11-20"}
    row = EventRow(type="billing.payment.taken.v1", clinic_id=1, patient_id=1, data=data)
    with app.app_context():
        assert "desk:1:2026-11-20" in channels.topics_of([row])


def test_the_strip_shows_the_till(app: Flask, ana: Client) -> None:
    assert "Abrir caja" in ana.get("/front-desk").text
    with app.app_context():
        open_till()
    assert "CJ-2026-000001" in ana.get("/front-desk").text


def test_the_board_costs_a_fixed_number_of_queries(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    visit("11:00")
    with count_queries(app) as one:
        ana.fragment("/front-desk", BOARD)
    for hour in range(12, 17):
        visit(f"{hour}:00", patient=2)
    with count_queries(app) as many:
        ana.fragment("/front-desk", BOARD)
    # the session with its roles, the clinic, the visits, their tickets, old debts, the till
    assert len(many) == len(one) <= 6, many


def test_pressing_twice_is_harmless(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("10:15")
    token = next(e.get("value") for e in card(ana, id_).iter("input") if e.get("name") == "submission_id")
    first = ana.post_fragment(f"/appointments/{id_}/arrival", {"submission_id": token})
    assert first.status_code == 200
    assert "desk:1:2026-11-20" in ana.triggers(first)["live:changed"]["topics"]
    assert ana.post_fragment(f"/appointments/{id_}/arrival", {"submission_id": token}).text == first.text
    assert ana.post_fragment(f"/appointments/{id_}/arrival", {"submission_id": "another"}).status_code == 200
    assert step_of(card(ana, id_)) == ("Pasar", "p")


# ------------------------------------------------------------------ walk-ins


def walk_in(client: Client, **changes: Any) -> Any:
    data = {"patient_id": 1, "service_id": 2, "place": "any", "submission_id": "w1", **changes}
    return client.post_fragment("/walk-ins", data, target="div#dialog-body")


def only_visit(app: Flask) -> Appointment:
    with app.app_context():
        return db.session.scalars(select(Appointment).order_by(Appointment.id.desc())).first()  # type: ignore[return-value]


def test_a_walk_in_goes_straight_to_the_waiting_room(app: Flask, ana: Client, ten_o_clock: Any) -> None:
    ten_o_clock.move_to(NOW + timedelta(minutes=3))
    dialog = ana.fragment("/walk-ins/new", "div#dialog-body")
    assert "Quien esté libre primero" in dialog.text
    answer = walk_in(ana)
    assert answer.status_code == 200
    assert set(ana.triggers(answer)) == {"dialog:close", "focus:on", "live:changed"}
    assert "En sala: Clara Inés Núñez Quispe. Con Bruno Salas a las 10:00." in answer.text
    made = only_visit(app)
    assert (made.status, made.origin, made.starts_at) == ("arrived", "walk-in", at("10:00"))
    assert made.arrived_at == NOW + timedelta(minutes=3)
    assert step_of(card(ana, made.id)) == ("Pasar", "p")
    with app.app_context():
        assert db.session.scalar(select(ticket_balance.c.owed_cents)) == 6000


def test_whoever_is_free_takes_the_walk_in(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    visit("09:45", "arrived", patient=2, arrived="09:40")
    shown = text_of(ana.tree(ana.fragment("/walk-ins/new?service_id=2", "div#dialog-body")))
    assert "Bruno Salas atiende hasta las 10:15" in shown
    assert "Hugo Paredes ahora" in shown
    walk_in(ana)
    assert only_visit(app).therapist_id == 2


def test_one_may_wait_for_a_busy_therapist(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    visit("09:45", "arrived", patient=2, arrived="09:40")
    assert walk_in(ana, place=f"1@{at('10:15').isoformat()}").status_code == 200
    made = only_visit(app)
    assert (made.therapist_id, made.status, made.starts_at) == (1, "arrived", at("10:15"))


def test_who_finds_nobody_free_is_put_between_two_visits(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    only_bruno_works(app)
    visit("09:30", "arrived", patient=2, arrived="09:20", minutes=45)
    visit("10:30", patient=2, minutes=150)  # until the break
    visit("14:00", patient=2, minutes=240)
    dialog = ana.fragment("/walk-ins/new?service_id=2", "div#dialog-body")
    shown = text_of(ana.tree(dialog))
    assert "entre dos citas: 10:15, solo 15 min" in shown
    assert "Reservar otro día" in shown
    assert walk_in(ana).status_code == 422  # nobody is "free first"
    assert walk_in(ana, place=f"1@{at('10:15').isoformat()}@15", submission_id="w2").status_code == 200
    made = only_visit(app)
    assert (made.status, made.starts_at, made.ends_at) == ("arrived", at("10:15"), at("10:30"))


def only_bruno_works(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(Therapist).where(Therapist.id == Cast.hugo).values(deleted_at=NOW))
        db.session.commit()


def test_when_nobody_can_the_walk_in_cannot_be_sent(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    only_bruno_works(app)
    visit("09:30", "arrived", patient=2, arrived="09:20", minutes=210)
    visit("14:00", patient=2, minutes=240)
    shown = ana.fragment("/walk-ins/new?service_id=2", "div#dialog-body").text
    assert "Hoy nadie puede recibirla" in shown
    assert "Recibir</span></button>" not in shown


def test_a_place_that_was_taken_meanwhile_shows_what_is_left(
    app: Flask, ana: Client, visit: Callable[..., int]
) -> None:
    visit("09:45", "arrived", patient=2, arrived="09:40")
    answer = walk_in(ana, place=f"1@{at('10:00').isoformat()}")
    assert answer.status_code == 409
    assert "Esa hora se acaba de ocupar" in answer.text
    assert "atiende hasta las 10:15" in answer.text
    assert "Clara Inés" in answer.text  # the choice is kept
    assert only_visit(app).patient_id == 2


def test_outside_the_hours_a_therapist_must_be_named(app: Flask, ana: Client, ten_o_clock: Any) -> None:
    ten_o_clock.move_to(NOW.replace(hour=19))
    ana.sign_in("ana@example.com")
    refused = walk_in(ana)
    assert refused.status_code == 422
    assert "Hoy nadie tiene una hora libre" in refused.text
    assert walk_in(ana, place=f"2@{at('19:00').isoformat()}", submission_id="w2").status_code == 200
    made = only_visit(app)
    assert (made.therapist_id, made.override_reason, made.room_id) == (2, "Sin cita", None)


def test_a_walk_in_needs_somebody(ana: Client) -> None:
    answer = walk_in(ana, patient_id="")
    assert answer.status_code == 422
    assert "Elija a una persona" in answer.text
    assert walk_in(ana, service_id=3).status_code == 422  # of the other clinic
    assert walk_in(ana, patient_id=99).status_code == 404


def test_a_walk_in_pressed_twice_is_one(app: Flask, ana: Client) -> None:
    assert walk_in(ana).text == walk_in(ana).text
    with app.app_context():
        assert db.session.scalar(select(func.count(Appointment.id))) == 1


def test_a_walk_in_works_without_script(ana: Client) -> None:
    assert ana.get("/walk-ins/new?patient_id=1").status_code == 200
    answer = ana.post("/walk-ins", {"patient_id": 1, "service_id": 2, "place": "any", "submission_id": "w"})
    assert (answer.status_code, answer.location) == (303, "/front-desk?clinic_id=1")


# ------------------------------------------------------------------ the next visit


def buttons_of(client: Client, id_: int) -> list[Any]:
    tree = client.tree(client.fragment(f"/appointments/{id_}/next", "aside#panel"))
    return [e for e in tree.iter("button") if e.get("name") == "starts_at"]


def book_next(client: Client, id_: int, starts_at: str, token: str = "n1") -> Any:
    data = {"starts_at": starts_at, "submission_id": token}
    return client.post_fragment(f"/appointments/{id_}/next", data, target="aside#panel")


def test_the_same_hour_in_a_week_comes_first(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("09:00", "fulfilled", started="09:00", finished="09:30", paid=True)
    offered = buttons_of(ana, id_)
    week_later = at("09:00", date(2026, 11, 27)).isoformat()
    assert offered[0].get("value") == week_later
    assert offered[0].get("autofocus") is not None
    assert [text_of(b) for b in offered] == [
        "vie 27 nov, 09:00", "hoy, 10:00", "hoy, 10:15", "hoy, 10:30", "hoy, 10:45", "hoy, 11:00"
    ]  # fmt: skip
    answer = book_next(ana, id_, week_later)
    assert set(ana.triggers(answer)) == {"focus:on", "live:changed", "panel:close"}
    assert "vie 27 nov 09:00 con Bruno Salas" in answer.text
    made = only_visit(app)
    assert (made.status, made.patient_id, made.service_id) == ("booked", 1, 2)
    assert made.starts_at == at("09:00", date(2026, 11, 27))


def test_a_taken_hour_in_a_week_gives_the_nearest_one(ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("09:00", "fulfilled", started="09:00", finished="09:30")
    visit("09:00", patient=2, day=date(2026, 11, 27))
    assert text_of(buttons_of(ana, id_)[0]) == "vie 27 nov, 09:30"
    answer = book_next(ana, id_, at("09:00", date(2026, 11, 27)).isoformat())
    assert answer.status_code == 409
    assert "Esa hora se acaba de ocupar" in answer.text
    assert answer.text.count('name="starts_at"') == 6


def test_the_next_visit_needs_a_time(ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("09:00")
    assert book_next(ana, id_, "mañana").status_code == 422
    assert book_next(ana, id_, "").status_code == 422
    assert ana.get(f"/appointments/{id_}/next").status_code == 200  # the whole page


def test_the_next_visit_pressed_twice_is_one(app: Flask, ana: Client, visit: Callable[..., int]) -> None:
    id_ = visit("09:00")
    when = at("09:00", date(2026, 11, 27)).isoformat()
    assert book_next(ana, id_, when).text == book_next(ana, id_, when).text
    with app.app_context():
        assert db.session.scalar(select(func.count(Appointment.id))) == 2


# ------------------------------------------------------------------ the end of the day


def test_the_closing_lists_what_is_left(ana: Client, visit: Callable[..., int]) -> None:
    open_one = visit("08:00")
    unpaid = visit("08:30", "fulfilled", started="08:30", finished="09:00")
    visit("09:00", "fulfilled", patient=2, started="09:00", finished="09:30", paid=True)
    visit("09:30", "noshow", patient=2)
    page = ana.tree(ana.get("/front-desk/closing"))
    ids = {e.get("id") for e in page.iter("li") if (e.get("id") or "").startswith("visit-")}
    assert ids == {f"visit-{open_one}", f"visit-{unpaid}"}
    assert "Cerrar caja CJ-2026-000001" in text_of(page)
    part = ana.tree(ana.fragment("/front-desk/closing", "div#closing")).find(".//div[@id='closing']")
    assert text_of(part) == text_of(page.find(".//div[@id='closing']"))


def test_the_closing_is_offered_when_nobody_is_to_come(
    ana: Client, visit: Callable[..., int], ten_o_clock: Any
) -> None:
    visit("09:00")
    ahead = visit("10:30", patient=2)
    assert "Cierre del día" not in ana.get("/front-desk").text
    ana.post_fragment(f"/appointments/{ahead}/arrival")
    assert "Cierre del día" in ana.get("/front-desk").text
