"""The daily cash report, compared with rows inserted into the ledger."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.billing.models import Ticket, ticket_balance
from app.billing.queries import cash
from app.identity.queries.actors import actor_of_user
from app.kernel import clock
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import Forbidden, Invalid, NotFound
from tests import build
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries
from tests.reports import ledger
from tests.reports.ledger import CARD, CASH, DAY, TEN, YAPE

URL = "/api/reports/improved-daily-cash/?date=2026-11-20"


def _actor(user_id: int) -> Actor:
    return actor_of_user(user_id, channel="job", now=clock.now())


@pytest.fixture
def full_day(app: Flask) -> int:
    with app.app_context():
        return ledger.full_day()


def _of(app: Flask, cast: Cast, day: date = DAY, methods: tuple[str, ...] = ()) -> cash.DailyCash:
    actor = _actor(cast.diego_user)
    return cash.daily_cash(clinic_id=cast.miraflores, day=day, actor=actor, methods=methods)


def test_it_has_the_documented_keys(diego: Client, full_day: int) -> None:
    body = diego.api("GET", URL).get_json()
    assert body["fecha"] == "2026-11-20"
    assert body["pagos_detallados"][0] == {
        "tipo": "cobro",
        "id": 5,  # after the charges of the tickets
        "ticket_number": "TKT-000001",
        "monto": "80.00",
        "metodo_pago": "efectivo",
        "paciente": "Clara Inés Núñez Quispe",
        "terapeuta": "Bruno Salas",
        "fecha_pago": "2026-11-20T15:00:00Z",
        "servicio": "Reflexología podal",
        "referencia": "",
        "cajero": "Ana Torres",
        "sesion": "CJ-2026-000001",
    }
    cash_line = next(line for line in body["resumen_por_metodo"] if line["metodo"] == "efectivo")
    assert (cash_line["cantidad_pagos"], cash_line["total"]) == (2, "114.50")
    assert (body["total_general"], body["cantidad_total_pagos"]) == ("234.50", 5)
    assert body["pagos_detallados"][-1]["tipo"] == "devolucion"
    assert [m["monto"] for m in body["movimientos"]] == ["-15.00", "-30.00"]


def test_get_and_post_return_the_same(diego: Client, full_day: int) -> None:
    posted = diego.api("POST", "/api/reports/improved-daily-cash/", {"date": "2026-11-20"})
    assert posted.status_code == 200
    assert posted.get_json() == diego.api("GET", URL).get_json()


def test_totals_equal_the_ledger(app: Flask, cast: Cast, full_day: int) -> None:
    with app.app_context():
        report = _of(app, cast)
        paid = db.session.scalar(select(func.sum(ticket_balance.c.paid_cents)))
        assert report.total == paid == 23450
        assert sum(line.net for line in report.by_method) == report.total
        assert sum(line.collected for line in report.by_therapist) == report.total
        assert sum(line.collected for line in report.by_service) == report.total
        assert (report.by_therapist[-1].key, report.by_therapist[-1].collected) == (None, 6000)


def test_the_expected_cash_is_float_plus_movements(app: Flask, cast: Cast, full_day: int) -> None:
    with app.app_context():
        box = _of(app, cast).box
        assert (box.opening, box.received, box.change) == (20000, 13450, -2000)
        assert (box.paid_out, box.deposited) == (-1500, -3000)
        assert (box.expected, box.counted, box.difference) == (26950, None, None)
        ledger.close_session(full_day, {CASH: (26950, 26800), YAPE: (6000, 6000)}, reason="faltó vuelto")
        closed = _of(app, cast)
        assert (closed.box.counted, closed.box.difference, closed.box.left) == (26800, -150, 20000)
        assert closed.state == "observed"
        assert closed.denominations == [(10000, 2), (2000, 5)]
        cash_line = {line.code: line for line in closed.by_method}["efectivo"]
        assert (cash_line.net, cash_line.expected, cash_line.difference) == (11450, 26950, -150)


def test_a_closed_session_shows_its_count_beside_an_open_one(
    app: Flask, cast: Cast, diego: Client, full_day: int
) -> None:
    with app.app_context():
        ledger.close_session(full_day, {CASH: (26950, 26800)}, reason="faltó vuelto")
        ledger.open_session(at=TEN + timedelta(hours=9))
        day = _of(app, cast)
        assert [(line.expected, line.counted, line.difference) for line in day.by_session] == [
            (26950, 26800, -150),
            (None, None, None),
        ]
        assert day.state == "partial"
    sessions = diego.api("GET", URL).get_json()["sesiones"]
    assert [(s["contado"], s["diferencia"], s["motivo"]) for s in sessions] == [
        ("268.00", "-1.50", "faltó vuelto"),
        (None, None, ""),
    ]
    page = diego.get("/reports/improved-daily-cash?date=2026-11-20").text
    assert "Cierres por caja" in page
    assert "faltó vuelto" in page


def test_attended_are_the_sessions_given_not_the_tickets_paid(app: Flask, cast: Cast) -> None:
    """A visit paid for in advance is none; one that was given and not paid is."""
    with app.app_context():
        session = ledger.open_session()
        ledger.pay(session, ledger.ticket(4000, day=date(2026, 12, 10)), 4000)
        start = build.at("09:00", DAY)
        given = {
            "status": "fulfilled",
            "started_at": start,
            "finished_at": build.at("09:30", DAY),
            "ticket_cents": None,
        }
        build.visit(start, therapist=cast.hugo, **given)
        lines = {line.key: (line.attended, line.collected) for line in _of(app, cast).by_therapist}
    assert lines == {cast.bruno: (0, 4000), cast.hugo: (1, 0)}


def test_control_figures(app: Flask, cast: Cast, full_day: int) -> None:
    with app.app_context():
        control = _of(app, cast).control
        assert (control.first, control.last, control.issued) == (1, 6, 6)
        assert [row.number for row in control.voided] == [6]
        assert (control.debts, control.debts_cents) == (2, 2000 + 8000)
        assert (control.recovered, control.recovered_cents) == (1, 3450)


def test_money_belongs_to_the_local_day_it_was_received_on(app: Flask, cast: Cast) -> None:
    with app.app_context():
        session = ledger.open_session()
        late = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)  # 23:30 in Lima, the 20th
        ledger.pay(session, ledger.ticket(1000), 1000, at=late)
        ledger.pay(session, ledger.ticket(2000), 2000, at=late + timedelta(minutes=30))  # midnight: the 21st
        ledger.pay(session, ledger.ticket(4000, day=date(2026, 11, 25)), 4000, at=TEN)  # a visit still to come
        assert _of(app, cast).total == 5000
        assert _of(app, cast, date(2026, 11, 21)).total == 2000
        assert _of(app, cast, date(2026, 11, 25)).total == 0


def test_a_refund_of_a_voided_ticket_is_a_cancellation(app: Flask, cast: Cast, diego: Client) -> None:
    with app.app_context():
        session = ledger.open_session()
        ticket = ledger.ticket(8000)
        ledger.pay(session, ticket, 8000)
        ledger.pay(session, ticket, -8000)
        db.session.execute(update(Ticket).values(status="voided", voided_at=TEN, void_reason="no vino"))
        db.session.commit()
    body = diego.api("GET", URL).get_json()
    assert [line["tipo"] for line in body["pagos_detallados"]] == ["cobro", "anulacion"]
    assert body["total_general"] == "0.00"


def test_it_is_filtered_by_method(app: Flask, cast: Cast, diego: Client, full_day: int) -> None:
    body = diego.api("GET", URL + "&payment_methods=yape,tarjeta").get_json()
    assert [line["metodo"] for line in body["resumen_por_metodo"]] == ["yape", "tarjeta"]
    assert body["total_general"] == "120.00"
    listed = {"date": "2026-11-20", "payment_methods": ["yape"]}
    assert diego.api("POST", "/api/reports/improved-daily-cash/", listed).get_json()["total_general"] == "60.00"
    with app.app_context(), pytest.raises(Invalid):
        _of(app, cast, methods=("cheque",))


def test_an_empty_day_has_a_report(diego: Client) -> None:
    body = diego.api("GET", URL).get_json()
    assert (body["pagos_detallados"], body["total_general"], body["cantidad_total_pagos"]) == ([], "0.00", 0)


def test_it_requires_report_read_in_the_clinic(app: Flask, cast: Cast) -> None:
    with app.app_context():
        with pytest.raises(Forbidden):
            cash.daily_cash(clinic_id=cast.miraflores, day=DAY, actor=_actor(cast.ana_user))
        with pytest.raises(NotFound):
            cash.daily_cash(clinic_id=cast.arequipa, day=DAY, actor=_actor(cast.diego_user))


def test_it_excludes_payments_of_other_clinics(app: Flask, cast: Cast, eva: Client, full_day: int) -> None:
    with app.app_context():
        session = ledger.open_session(clinic=2)
        ledger.pay(session, ledger.ticket(7000, clinic=2), 7000, clinic=2)
        assert _of(app, cast).total == 23450
    assert eva.api("GET", URL + "&clinic_id=2").get_json()["total_general"] == "70.00"


def test_paid_tickets_are_those_paid_in_full(app: Flask, diego: Client, full_day: int) -> None:
    body = diego.api("GET", "/api/reports/daily-paid-tickets/?date=2026-11-20").get_json()
    assert [t["ticket_number"] for t in body["tickets"]] == ["TKT-000001", "TKT-000002"]
    assert (body["total_general"], body["cantidad_total"]) == ("140.00", 2)


def test_a_ticket_paid_in_parts_counts_on_its_last_day(app: Flask, diego: Client) -> None:
    with app.app_context():
        session, ticket = ledger.open_session(), ledger.ticket(8000)
        ledger.pay(session, ticket, 3000, method=CARD, at=TEN - timedelta(days=1))
        ledger.pay(session, ticket, 5000)
    paid = diego.api("GET", "/api/reports/daily-paid-tickets/?date=2026-11-20").get_json()["tickets"]
    assert [(t["monto"], t["cobrado_hoy"]) for t in paid] == [("80.00", "50.00")]
    assert diego.api("GET", "/api/reports/daily-paid-tickets/?date=2026-11-19").get_json()["tickets"] == []


def test_the_summary_has_no_list_of_payments(diego: Client, full_day: int) -> None:
    body = diego.api("GET", "/api/reports/daily-cash/?date=2026-11-20").get_json()
    assert "pagos_detallados" not in body
    assert body["caja"]["esperado"] == "269.50"


def test_the_number_of_queries_does_not_grow(app: Flask, diego: Client) -> None:
    diego.api("GET", "/api/reports/")
    with app.app_context():
        ledger.many_payments(60)
    with count_queries(app) as sent:
        assert diego.api("GET", URL).get_json()["cantidad_total_pagos"] == 60
    # actor, clinic, methods, ledger, sessions, attended, box, issued, debts, voided
    assert len(sent) <= 10, sent
