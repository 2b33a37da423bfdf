"""Pages of tickets and tills, with and without htmx."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from app.billing import actions
from app.billing.models import Movement, TillSession
from app.clinics.models import Settings
from app.kernel import clock
from app.kernel.db import db
from tests.billing.conftest import TODAY, add_till, close, make_ticket
from tests.queries import count_queries

LONG_AGO = date(2026, 1, 5)
PAGES = ("/till", "/tickets", "/tickets/1", "/tickets/1/payment", "/tickets/1/slip", "/till-sessions/1")
FORMS = ("/till-sessions/1/counts", "/till-sessions/1/closing", "/till-sessions/1/movements")


@pytest.fixture
def shop(ticket, till):
    """A ticket of today (1) and Ana's open session (1)."""


@pytest.mark.parametrize("path", [*PAGES, *FORMS])
def test_every_page_opens(ana, diego, shop, path):
    assert ana.get(path).status_code == 200
    assert diego.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/payments/2/refund", "/tickets/1/void"])
def test_only_supervisors_refund_and_void(unit, desk, ana, diego, shop, path):
    with unit():
        actions.payments.take_payment(1, method="efectivo", amount_cents=100, actor=desk, now=clock.now())
    assert diego.get(path).status_code == 200
    assert ana.get(path).status_code == 403


@pytest.mark.parametrize("path", [*PAGES, *FORMS])
def test_it_requires_a_permission(bruno, clara, shop, path):
    assert bruno.get(path).status_code == 403
    assert clara.get(path).status_code == 403


@pytest.mark.parametrize("path", [*PAGES[2:], *FORMS])
def test_it_hides_other_clinics(fabio, shop, path):
    assert fabio.get(path).status_code == 404


def test_lists_show_the_own_clinic_only(fabio, shop):
    assert "TKT-000001" not in fabio.get("/tickets").text
    assert "Ana Torres" not in fabio.get("/till").text
    assert fabio.get("/till?clinic_id=1").status_code == 404


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/till", "till"),
        ("/tickets", "tickets"),
        ("/tickets/1", "ticket"),
        ("/tickets/1/payment", "panel"),
        ("/till-sessions/1", "report"),
        ("/till-sessions/1/movements", "dialog-body"),
    ],
)
def test_fragment_equals_page_part(ana, shop, path, target):
    hide = lambda html: re.sub(r'value="[^"]*"', "", html)  # noqa: E731 - tokens differ each time
    part = hide(ana.fragment(path, f"div#{target}").text).strip()
    assert part in hide(ana.get(path).text)
    assert "<html" not in part


def test_the_number_of_queries(app, unit, ana, shop):
    with unit():
        for number in range(2, 12):
            make_ticket(number)
    counts = {}
    for path in ("/till", "/tickets", "/tickets/1", "/till-sessions/1"):
        ana.get(path)
        with count_queries(app) as sent:
            ana.get(path)
        counts[path] = len(sent)
    with count_queries(app) as sent:
        ana.fragment("/tickets/1/payment", "aside#panel")
    counts["panel"] = len(sent)
    ceilings = {"/till": 9, "/tickets": 5, "/tickets/1": 6, "/till-sessions/1": 10, "panel": 7}
    assert {page: count for page, count in counts.items() if count > ceilings[page]} == {}


# ------------------------------------------------------------------ collecting


def test_exact_cash_is_the_default(ana, shop):
    panel = ana.fragment("/tickets/1/payment", "aside#panel").text
    assert re.search(r'name="amount"[^>]*value="80.00"', panel)
    assert re.search(r'value="efectivo"[^>]*checked', panel)
    assert re.search(r"<input[^>]*autofocus[^>]*name=\"tendered\"", panel)
    answer = ana.post_fragment("/tickets/1/payments", {"method": "efectivo", "amount": "80.00", "tendered": ""})
    assert answer.status_code == 200
    assert "S/ 0.00" in answer.text
    assert re.search(r"<button[^>]*data-panel-close autofocus", answer.text)
    assert {"till:1", "ticket:1:1", "tickets:1"} <= set(ana.triggers(answer)["live:changed"]["topics"])


def test_the_change_and_the_remaining_balance_are_shown(ana, shop):
    form = {"method": "efectivo", "amount": "50", "tendered": "100"}
    answer = ana.post_fragment("/tickets/1/payments", form, "aside#panel")
    assert "<strong>Vuelto: S/ 50.00.</strong>" in answer.text
    assert "Falta S/ 30.00" in answer.text
    rest = {"method": "efectivo", "amount": "30", "tendered": "50"}
    answer = ana.post_fragment("/tickets/1/payments", rest, "aside#panel")
    assert re.search(r'class="change-value">S/ 20.00', answer.text)


def test_without_htmx_a_payment_redirects_to_the_ticket(ana, shop):
    ana.get("/tickets/1/payment")
    answer = ana.post("/tickets/1/payments", {"method": "yape", "amount": "80.00", "reference": "991"})
    assert (answer.status_code, answer.location) == (303, "/tickets/1")
    assert "991" in ana.get("/tickets/1").text


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"method": "efectivo", "amount": "80.001"}, "dos decimales"),
        ({"method": "efectivo", "amount": "81"}, "mayor que lo que se debe (S/ 80.00)"),
        ({"method": "efectivo", "amount": "0"}, "mayor que cero"),
        ({"method": "efectivo", "amount": "80", "tendered": "10"}, "no alcanza"),
        ({"method": "tarjeta", "amount": "80"}, "número de operación"),
        ({"method": "bitcoin", "amount": "80"}, "no existe"),
        ({"method": "", "amount": "80"}, "Elija un método"),
        ({"method": "efectivo", "amount": ""}, "Escriba un monto"),
    ],
)
def test_it_rejects_bad_payments_and_keeps_the_input(unit, ana, shop, form, message):
    answer = ana.post_fragment("/tickets/1/payments", {**form, "reference": form.get("reference", "")}, "aside#panel")
    assert answer.status_code == 422
    assert message in answer.text
    assert f'value="{form["amount"]}' in answer.text
    with unit():
        assert db.session.scalar(select(Movement).where(Movement.kind != "charge")) is None


def test_tendered_is_ignored_for_methods_other_than_cash(ana, shop):
    form = {"method": "yape", "amount": "80", "tendered": "100", "reference": "4411"}
    answer = ana.post_fragment("/tickets/1/payments", form, "aside#panel")
    assert answer.status_code == 200
    assert "Vuelto" not in answer.text


def test_without_an_open_till_the_panel_links_to_the_tills(ana, ticket):
    assert 'href="/till"' in ana.fragment("/tickets/1/payment", "aside#panel").text
    answer = ana.post_fragment("/tickets/1/payments", {"method": "efectivo", "amount": "80"}, "aside#panel")
    assert answer.status_code == 409
    assert "Abra la caja" in answer.text


def test_a_double_click_pays_once(unit, ana, shop):
    form = {"method": "efectivo", "amount": "30", "submission_id": "once"}
    first = ana.post_fragment("/tickets/1/payments", form, "aside#panel")
    second = ana.post_fragment("/tickets/1/payments", form, "aside#panel")
    assert first.text == second.text
    assert second.headers["HX-Trigger"] == first.headers["HX-Trigger"]
    with unit():
        assert len(db.session.scalars(select(Movement).where(Movement.kind == "payment")).all()) == 1


def test_the_panel_lists_older_debts(unit, ana, shop):
    with unit():
        old = make_ticket(2, amount_cents=6000)
    panel = ana.fragment("/tickets/1/payment", "aside#panel").text
    assert f"/tickets/{old}/payment" in panel
    assert "S/ 60.00" in panel


# ------------------------------------------------------------------ tickets


def test_tickets_are_found_by_number_name_day_and_debt(unit, ana, shop):
    with unit():
        make_ticket(2, patient_id=2, amount_cents=0, day=LONG_AGO)
    today = clock.local_day(clock.now(), "America/Lima").isoformat()
    for query, expected in (
        ("q=TKT-000001", {"1"}),
        ("q=2", {"2"}),
        ("q=nunez", {"1"}),
        ("q=45678912", {"1"}),
        (f"day={today}", {"1"}),
        ("debts=y", set()),  # its visit is to come
        ("q=nadie", set()),
        ("q=%25", set()),
    ):
        rows = set(re.findall(r'id="ticket-(\d+)"', ana.get(f"/tickets?{query}").text))
        assert rows == expected, query


def test_a_text_finds_tickets_of_any_day_and_visits_to_come_are_no_debts(app, unit, ana, shop):
    with unit():
        old, coming = make_ticket(7, day=TODAY - timedelta(days=7)), make_ticket(8, day=date(2099, 1, 5))
    page = ana.get(f"/tickets?q=nunez&day={clock.local_day(clock.now(), 'America/Lima')}").text
    assert {f"{old}", f"{coming}"} <= set(re.findall(r'id="ticket-(\d+)"', page))
    rows = {row: re.search(rf'id="ticket-{row}".*?</tr>', page, re.S).group() for row in (old, coming)}
    assert '<span class="badge badge-error">Por cobrar</span>' in rows[old]
    assert '<span class="badge">Pendiente</span>' in rows[coming]
    assert "Pendiente" in ana.get(f"/tickets/{coming}").text
    assert set(re.findall(r'id="ticket-(\d+)"', ana.get("/tickets?debts=y").text)) == {str(old)}


def test_refund_and_void(diego, shop):
    form = {"method": "efectivo", "amount": "80"}
    diego.post_fragment("/tickets/1/payments", form, "aside#panel")
    refused = diego.post_fragment("/tickets/1/void", {"reason": "error"}, "div#dialog-body")
    assert (refused.status_code, "tiene pagos" in refused.text) == (409, True)
    whole = {"reason": "no vino", "amount": "80.00", "method": "efectivo"}
    assert diego.post_fragment("/payments/2/refund", {**whole, "reason": ""}, "div#dialog-body").status_code == 422
    undecided = diego.post_fragment("/payments/2/refund", whole, "div#dialog-body")
    assert (undecided.status_code, "Elija qué pasa con el ticket" in undecided.text) == (422, True)
    answer = diego.post_fragment("/payments/2/refund", {**whole, "then": "owed"}, "div#dialog-body")
    assert "till:1" in diego.triggers(answer)["live:changed"]["topics"]
    assert "dialog:close" in diego.triggers(answer)
    again = diego.post_fragment("/payments/2/refund", whole, "div#dialog-body")
    assert (again.status_code, "ya se devolvió" in again.text) == (409, True)
    assert diego.post_fragment("/tickets/1/void", {"reason": ""}, "div#dialog-body").status_code == 422
    assert diego.post("/tickets/1/void", {"reason": "no vino"}).location == "/tickets/1"
    assert "Anulado" in diego.get("/tickets/1").text


def test_the_slip_shows_its_copy_number(ana, shop):
    assert "VISTA PREVIA" in ana.get("/tickets/1/slip").text
    assert ana.post("/tickets/1/slip", {"submission_id": "a"}).location == "/tickets/1/slip?print"
    assert "data-print-now" in ana.get("/tickets/1/slip?print").text
    original = ana.get("/tickets/1/slip").text
    assert "data-print-now" not in original
    assert "VISTA PREVIA" not in original
    assert "COPIA" not in original
    ana.post("/tickets/1/slip", {"submission_id": "b"})
    assert "COPIA 1" in ana.get("/tickets/1/slip").text


def test_a_refund_in_part_by_another_method_and_a_courtesy_in_one_step(diego, ana, shop):
    paid = {"method": "tarjeta", "amount": "80", "reference": "0042"}
    diego.post_fragment("/tickets/1/payments", paid, "aside#panel")
    page = ana.get("/tickets/1").text
    assert "Pídalo a supervisión: Diego Rivas" in page  # she may not refund
    assert "/payments/2/refund" not in page
    form = {"reason": "Descuento", "amount": "30", "method": "efectivo"}
    assert diego.post_fragment("/payments/2/refund", form, "div#dialog-body").status_code == 200
    assert "devuelto S/ 30.00" in diego.get("/tickets/1").text
    rest = {"reason": "Reclamo", "amount": "50", "method": "tarjeta", "then": "courtesy"}
    assert diego.post("/payments/2/refund", rest).location == "/tickets/1"
    page = diego.get("/tickets/1").text
    assert "Cortesía" not in page  # nothing is left to decide
    assert diego.api("GET", "/api/tickets/1/").get_json()["owed"] == "0.00"


def test_after_a_part_the_panel_asks_for_the_rest_by_the_next_method(ana, shop):
    form = {"method": "efectivo", "amount": "80", "tendered": "20", "on_account": "y"}
    answer = ana.post_fragment("/tickets/1/payments", form, "aside#panel")
    assert answer.status_code == 200
    panel = answer.text
    assert "Cobrado S/ 20.00 por Efectivo" in panel
    assert "Falta S/ 60.00" in panel
    assert re.search(r'value="yape"[^>]*checked', panel)
    assert re.search(r'<input[^>]*autofocus[^>]*name="reference"', panel)  # Enter goes on with the rest
    assert re.search(r'name="amount"[^>]*value="60.00"', panel)


def test_a_used_operation_number_is_refused_at_its_field(ana, diego, shop):
    form = {"method": "yape", "amount": "10", "reference": "00012345"}
    ana.post_fragment("/tickets/1/payments", form, "aside#panel")
    refused = ana.post_fragment("/tickets/1/payments", form, "aside#panel")
    assert refused.status_code == 409
    assert "ya está en TKT-000001" in refused.text
    assert "reference_reason" not in refused.text
    assert "reference_reason" in diego.post_fragment("/tickets/1/payments", form, "aside#panel").text


# ------------------------------------------------------------------ tills


def test_the_opening_float_defaults_to_what_the_last_session_left(unit, desk, ana, till):
    assert "Abrir caja" not in ana.get("/till").text
    with unit():
        close(till, desk, 10000)
    page = ana.get("/till").text
    assert re.search(r'name="opening_float"[^>]*value="100.00"', page)
    form = {"till_id": "1", "opening_float": "90.50", "clinic_id": "1", "pieces_5000": "1", "pieces_2000": "2"}
    wrong = ana.post("/till-sessions", form)
    assert (wrong.status_code, "No coincide con la suma" in wrong.text) == (422, True)
    form["pieces_50"] = "1"
    unexplained = ana.post("/till-sessions", form)
    assert "dejó S/ 100.00 y usted contó S/ 90.50. Faltan S/ 9.50: escriba qué pasó." in unexplained.text
    answer = ana.post("/till-sessions", {**form, "note": "Pasaje"})
    assert answer.location == "/till"
    assert re.search(r"CJ-\d{4}-000002", ana.get("/till").text)


def test_it_rejects_bad_openings(ana, fabio):
    for form in ({"till_id": "1", "opening_float": "x"}, {"till_id": "1"}, {"till_id": "2", "opening_float": "1"}):
        answer = ana.post("/till-sessions", form)
        assert answer.status_code == 422
    assert fabio.post("/till-sessions", {"till_id": "1", "opening_float": "1"}).status_code == 422


def test_movements_of_cash(ana, shop):
    form = {"kind": "expense", "amount": "15.50", "concept": "Taxi", "beneficiary": "", "voucher_number": "B001-7"}
    answer = ana.post_fragment("/till-sessions/1/movements", form, "div#dialog-body")
    assert "till:1" in ana.triggers(answer)["live:changed"]["topics"]
    assert "dialog:close" in ana.triggers(answer)
    assert "-S/ 15.50" in ana.get("/till").text
    bad = ana.post_fragment("/till-sessions/1/movements", {**form, "concept": "", "amount": "-1"}, "div#dialog-body")
    assert bad.status_code == 422
    assert "Escriba el concepto" in bad.text
    assert (
        ana.post_fragment("/till-sessions/1/movements", {**form, "kind": "payment"}, "div#dialog-body").status_code
        == 422
    )


def test_a_movement_is_reversed_in_a_dialog(unit, ana, shop):
    form = {"kind": "expense", "amount": "50", "concept": "Taxi"}
    spent = ana.api("POST", "/api/till-sessions/1/movements/", form).get_json()["id"]
    path = f"/till-movements/{spent}/reversal"
    assert path in ana.get("/till").text
    assert "Anular gasto de S/ 50.00" in ana.fragment(path, "div#dialog-body").text
    assert ana.post_fragment(path, {"reason": ""}, "div#dialog-body").status_code == 422
    assert ana.post_fragment(path, {"reason": "Era 5.00"}, "div#dialog-body").status_code == 200
    page = ana.get("/till").text
    assert f"Anula el movimiento {spent}: Era 5.00" in page
    assert f"Anulado por el movimiento {spent + 1}" in page
    again = ana.post_fragment(path, {"reason": "Otra vez"}, "div#dialog-body")
    assert (again.status_code, "ya se anuló" in again.text) == (409, True)


def test_a_second_till_is_folded_and_one_is_enough_for_a_person(unit, ana, diego, shop):
    with unit():
        add_till()
    assert "Abrir Caja 2" not in ana.get("/till").text
    assert re.search(r"<details><summary[^>]*><h2>Abrir Caja 2", diego.get("/till").text)
    refused = ana.api("POST", "/api/till-sessions/", {"till_id": 3, "opening_float": "0"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "TILL_ALREADY_OPEN")
    assert "Caja principal" in refused.get_json()["message"]


def test_the_panel_says_into_which_till_money_goes(diego, shop):
    assert "Entra a Caja principal, de Ana Torres." in diego.fragment("/tickets/1/payment", "aside#panel").text


def test_only_supervisors_see_expected_amounts(unit, ana, diego, shop):
    ana.post_fragment("/tickets/1/payments", {"method": "efectivo", "amount": "80"}, "aside#panel")
    for path in ("/till", "/till-sessions/1", "/till-sessions/1/closing"):
        assert "S/ 180.00" not in ana.get(path).text, path
        assert "S/ 180.00" in diego.get(path).text, path
    assert "PARCIAL – sin valor de cierre" in diego.get("/till-sessions/1").text
    with unit():
        db.session.execute(update(Settings).values(blind_close=False))
    assert "S/ 180.00" in ana.get("/till").text


def test_closing_shows_the_z_report(unit, ana, shop):
    ana.post_fragment("/tickets/1/payments", {"method": "efectivo", "amount": "80"}, "aside#panel")
    form = {"counted_efectivo": "180.00", "pieces_10000": "1", "pieces_5000": "1", "pieces_1000": "3"}
    counted = ana.post("/till-sessions/1/counts", form)
    assert (counted.status_code, counted.location) == (303, "/till-sessions/1/closing")
    assert "Lo contado coincide con lo esperado." in ana.get("/till-sessions/1/closing").text
    answer = ana.post("/till-sessions/1/closing", {})
    assert (answer.status_code, answer.location) == (303, "/till-sessions/1")
    report = ana.get("/till-sessions/1").text
    assert re.search(r"Reporte Z CJ-\d{4}-000001", report)
    assert "PARCIAL" not in report
    assert "S/ 180.00" in report
    with unit():
        assert db.session.get_one(TillSession, 1).snapshot_sha256 in report
    again = ana.post("/till-sessions/1/closing", {})
    assert (again.status_code, "ya se cerró" in again.text) == (409, True)
    assert ana.get("/till-sessions/1/closing").location == "/till-sessions/1"


def test_it_rejects_bad_counts_and_keeps_the_input(ana, shop):
    for form, message in (
        ({"counted_efectivo": ""}, "Cuente el efectivo"),
        ({"counted_efectivo": "diez"}, "dos decimales"),
        ({"counted_efectivo": "100", "pieces_100": "7"}, "No coincide con la suma"),
    ):
        answer = ana.post("/till-sessions/1/counts", form)
        assert answer.status_code == 422
        assert message in answer.text
        assert re.search(rf'name="counted_efectivo"[^>]*value="{form["counted_efectivo"]}', answer.text)
        assert 'href="#counted_efectivo"' in answer.text  # the summary leads to the field
        assert 'aria-describedby="counted_efectivo-error"' in answer.text


def test_a_blind_count_is_sealed_before_anything_is_shown(unit, ana, shop):
    """Right or wrong: the same answer, and no figures or float until then."""
    ana.post_fragment("/tickets/1/payments", {"method": "efectivo", "amount": "80"}, "aside#panel")
    for path in ("/till", "/till-sessions/1", "/till-sessions/1/closing", "/till-sessions/1/counts"):
        page = ana.get(path).text
        assert "S/ 180.00" not in page
        assert "S/ 100.00" not in page, path
        assert "S/ 80.00" not in page, path
    wrong = ana.post("/till-sessions/1/counts", {"counted_efectivo": "179.90"})
    assert (wrong.status_code, wrong.location) == (303, "/till-sessions/1/closing")
    page = ana.get("/till-sessions/1/closing").text
    assert "Ana Torres contó S/ 179.90, esperado S/ 180.00, faltan S/ 0.10." in page
    unexplained = ana.post("/till-sessions/1/closing", {"reason": ""})
    assert (unexplained.status_code, "Explique la diferencia" in unexplained.text) == (422, True)
    assert ana.post("/till-sessions/1/closing", {"reason": "Moneda perdida"}).location == "/till-sessions/1"


def test_a_supervisor_decides_on_a_count_with_its_figures(ana, diego, shop):
    ana.post("/till-sessions/1/counts", {"counted_efectivo": "90"})
    refused = ana.post("/till-sessions/1/closing", {"reason": "Falta un billete"})
    assert (refused.status_code, "(S/ 10.00) supera el límite de la sede (S/ 0.50)" in refused.text) == (409, True)
    assert ana.post("/till-counts/1/approval").status_code == 403
    page = diego.get("/till").text
    assert "Ana Torres contó S/ 90.00, esperado S/ 100.00, faltan S/ 10.00." in page
    assert "Observada" in page
    assert diego.post_fragment("/till-counts/1/rejection", {"reason": ""}, "div#dialog-body").status_code == 422
    assert diego.post("/till-counts/1/rejection", {"reason": "Revise el sobre"}).location == "/till"
    part = ana.fragment("/till-sessions/1/closing", "div#closing-state").text
    assert "Diego Rivas pide contar de nuevo" in part
    assert "Revise el sobre" in part
    ana.post("/till-sessions/1/counts", {"counted_efectivo": "95"})
    assert diego.post("/till-counts/1/approval").status_code == 409
    assert diego.post("/till-counts/2/approval").location == "/till"
    assert "autorizó esta diferencia" in ana.fragment("/till-sessions/1/closing", "div#closing-state").text
    assert ana.post("/till-sessions/1/closing", {"reason": "Falta un billete"}).location == "/till-sessions/1"
    report = ana.get("/till-sessions/1").text
    assert "Diego Rivas" in report
    assert "-S/ 5.00" in report
