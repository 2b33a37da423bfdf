"""The JSON of tickets, payments and tills, as documented in docs/interface.md."""

import pytest
from sqlalchemy import update

from app.clinics.models import Settings
from app.kernel.db import db
from tests.billing.conftest import make_ticket


@pytest.fixture
def shop(ticket, till):
    """A ticket of today (1) and Ana's open session (1)."""


def pay(client, **more):
    return client.api("POST", "/api/tickets/1/payments/", {"method": "efectivo", "amount": "80.00", **more})


def test_it_takes_a_payment(ana, shop):
    answer = pay(ana, tendered="100.00")
    assert answer.status_code == 201
    body = answer.get_json()
    assert (body["change"], body["amount"], body["tendered"], body["currency"]) == ("20.00", "80.00", "100.00", "PEN")
    assert body["received_at"].endswith("Z")
    shown = body["ticket"]
    assert (shown["number"], shown["payment_state"], shown["owed"], shown["paid"]) == (
        "TKT-000001",
        "paid",
        "0.00",
        "80.00",
    )
    assert body["id"] == ana.api("GET", "/api/tickets/1/").get_json()["payments"][0]["id"]


def test_without_an_open_till(ana, ticket):
    answer = pay(ana)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "NO_OPEN_TILL")
    assert answer.get_json()["details"] == {"next": "/till"}


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "80.001"},
        {"amount": "80.01"},
        {"amount": 80.5},
        {"amount": "-1.00"},
        {"amount": "0"},
        {"amount": "mucho"},
        {"amount": None},
        {"method": "bitcoin"},
        {"method": "yape"},
        {"tendered": "79.99"},
        {"method": "yape", "reference": "1", "tendered": "100"},
    ],
)
def test_it_rejects_bad_payments(ana, shop, body):
    answer = pay(ana, **body)
    assert answer.status_code == 400, answer.text
    assert set(answer.get_json()) == {"error", "code", "message", "details"}
    assert ana.api("GET", "/api/tickets/1/").get_json()["paid"] == "0.00"


def test_the_same_key_pays_once(ana, shop):
    first, second = (
        ana.api(
            "POST",
            "/api/tickets/1/payments/",
            {"method": "efectivo", "amount": "30.00"},
            Idempotency_Key="k1",
        )
        for _ in range(2)
    )
    assert first.data == second.data
    other = ana.api("POST", "/api/tickets/1/payments/", {"method": "efectivo", "amount": "31.00"}, Idempotency_Key="k1")
    assert (other.status_code, other.get_json()["code"]) == (409, "IDEMPOTENCY_MISMATCH")
    assert ana.api("GET", "/api/tickets/1/").get_json()["owed"] == "50.00"


def test_tickets_are_listed_and_filtered(unit, ana, fabio, clara, shop):
    with unit():
        make_ticket(2, patient_id=2)
        make_ticket(3, clinic_id=2)
    pay(ana)
    page = ana.api("GET", "/api/tickets/").get_json()
    assert (page["count"], page["next"], page["previous"]) == (2, None, None)
    for query, ids in (
        ("owed=true", [2]),
        ("number=TKT-000001", [1]),
        ("patient_id=2", [2]),
        ("search=nunez", [1]),
        ("search=0987 654 321", [1]),
        ("appointment_id=2", [2]),
        ("status=voided", []),
        ("ordering=number", [1, 2]),
    ):
        assert [t["id"] for t in ana.api("GET", f"/api/tickets/?{query}").get_json()["results"]] == ids, query
    assert [t["id"] for t in fabio.api("GET", "/api/tickets/").get_json()["results"]] == [3]
    assert [t["id"] for t in clara.api("GET", "/api/tickets/").get_json()["results"]] == [3, 1]
    assert clara.api("GET", "/api/tickets/2/").status_code == 404
    for query in ("color=red", "ordering=colour", "date=ayer", "number=x", "status=paid"):
        assert ana.api("GET", f"/api/tickets/?{query}").status_code == 400, query


def test_it_hides_other_clinics(fabio, shop):
    for method, path, body in (
        ("GET", "/api/tickets/1/", None),
        ("POST", "/api/tickets/1/payments/", {"method": "efectivo", "amount": "1"}),
        ("GET", "/api/till-sessions/1/", None),
        ("POST", "/api/till-sessions/1/movements/", {"kind": "expense", "amount": "1", "concept": "x"}),
        ("POST", "/api/till-sessions/1/closing/", {"counted": {"efectivo": "100"}}),
        ("POST", "/api/till-sessions/", {"till_id": 1}),
        ("GET", "/api/payment-methods/?clinic_id=1", None),
    ):
        assert fabio.api(method, path, body).status_code == 404, path
    assert fabio.api("GET", "/api/till-sessions/").get_json()["results"] == []


def test_it_requires_permissions(bruno, clara, ana, shop):
    assert pay(bruno).status_code == 403
    assert pay(clara).status_code == 403
    assert clara.api("GET", "/api/till-sessions/").status_code == 403
    assert ana.api("POST", "/api/payments/1/refund/", {"reason": "x"}).status_code == 403
    assert ana.api("POST", "/api/tickets/1/void/", {"reason": "x"}).status_code == 403


def test_refund_and_void(diego, shop):
    paid = pay(diego).get_json()
    refused = diego.api("POST", "/api/tickets/1/void/", {"reason": "doble"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "TICKET_HAS_PAYMENTS")
    assert diego.api("POST", f"/api/payments/{paid['id']}/refund/", {"reason": ""}).status_code == 400
    refund = diego.api("POST", f"/api/payments/{paid['id']}/refund/", {"reason": "no vino"})
    assert (refund.status_code, refund.get_json()["amount"]) == (201, "-80.00")
    assert refund.get_json()["ticket"]["payment_state"] == "refunded"
    again = diego.api("POST", f"/api/payments/{paid['id']}/refund/", {"reason": "no vino"})
    assert again.get_json()["code"] == "ALREADY_REFUNDED"
    voided = diego.api("POST", "/api/tickets/1/void/", {"reason": "no vino"}).get_json()
    assert (voided["status"], voided["payment_state"], voided["owed"]) == ("voided", "voided", "0.00")
    assert pay(diego).get_json()["code"] == "TICKET_VOIDED"


def test_payment_methods(ana):
    methods = ana.api("GET", "/api/payment-methods/").get_json()["results"]
    assert [m["code"] for m in methods] == ["efectivo", "yape", "plin", "tarjeta", "transferencia"]
    assert methods[0] == {"code": "efectivo", "name": "Efectivo", "is_cash": True, "needs_reference": False}
    second = ana.api("GET", "/api/payment-methods/?page=2&page_size=2").get_json()
    assert [m["code"] for m in second["results"]] == ["plin", "tarjeta"]
    assert (second["count"], second["previous"] is None, second["next"] is None) == (5, False, False)


def test_a_session_from_opening_to_closing(ana, diego, ticket):
    opened = ana.api("POST", "/api/till-sessions/", {"opening_float": "100.00"})
    assert opened.status_code == 201
    session = opened.get_json()
    assert (session["status"], session["opening_float"], session["opened_by"]) == ("open", "100.00", "Ana Torres")
    assert ana.api("POST", "/api/till-sessions/", {"opening_float": "1.00"}).get_json()["code"] == "TILL_ALREADY_OPEN"
    assert ana.api("POST", "/api/till-sessions/", {"till_id": 1}).get_json()["code"] == "TILL_ALREADY_OPEN"
    path = f"/api/till-sessions/{session['id']}"
    moved = ana.api("POST", f"{path}/movements/", {"kind": "expense", "amount": "15.50", "concept": "Taxi"})
    assert (moved.status_code, moved.get_json()["amount"]) == (201, "-15.50")
    pay(ana)
    listed = ana.api("GET", "/api/till-sessions/?status=open").get_json()["results"]
    assert [s["id"] for s in listed] == [session["id"]]
    assert ana.api("GET", f"{path}/").get_json()["methods"] is None  # she counts without seeing expected amounts
    expected = diego.api("GET", f"{path}/").get_json()["methods"]
    assert expected[0] == {"method": "efectivo", "expected": "164.50"}
    count = {"counted": {"efectivo": "164.50"}, "denominations": {"100": 1, "50": 1, "10": 1, "2": 2, "0.50": 1}}
    closed = ana.api("POST", f"{path}/closing/", count)
    assert closed.status_code == 200, closed.text
    body = closed.get_json()
    assert (body["status"], body["difference"], body["number"]) == ("closed", "0.00", session["number"])
    assert body["methods"][0] == {
        "method": "efectivo",
        "expected": "164.50",
        "counted": "164.50",
        "difference": "0.00",
    }
    assert len(body["sha256"]) == 64
    again = ana.api("POST", f"{path}/closing/", count)
    assert (again.status_code, again.get_json()["code"]) == (409, "TILL_ALREADY_CLOSED")
    assert ana.api("GET", "/api/till-sessions/?status=open").get_json()["results"] == []


def test_it_rejects_bad_closings(ana, shop):
    path = "/api/till-sessions/1/closing/"
    for body, field in (
        ({"counted": {}}, "counted.efectivo"),
        ({"counted": {"efectivo": "100", "bitcoin": "1"}}, "counted.bitcoin"),
        ({"denominations": {"3": 1}}, "denominations"),
        ({"counted": {"efectivo": "100"}, "left_for_tomorrow": "100.01"}, "left_for_tomorrow"),
    ):
        answer = ana.api("POST", path, body)
        assert answer.status_code == 400, answer.text
        assert list(answer.get_json()["details"]) == [field]
    assert ana.api("POST", path, {"counted": {"efectivo": "1.001"}}).status_code == 400
    assert ana.api("POST", path, {}).get_json()["code"] == "NOT_COUNTED"


def test_a_wrong_count_is_kept_and_says_what_is_missing(ana, diego, shop):
    """Blind until it is sealed: neither the float nor the amounts of payments."""
    path = "/api/till-sessions/1"
    pay(ana)
    blind = ana.api("GET", f"{path}/").get_json()
    assert (blind["state"], blind["opening_float"], blind["methods"]) == ("open", None, None)
    assert [m["amount"] for m in blind["movements"]] == [None]
    listed = ana.api("GET", "/api/till-sessions/").get_json()["results"]
    assert listed[0]["opening_float"] is None
    unexplained = ana.api("POST", f"{path}/closing/", {"counted": {"efectivo": "179.80"}})
    body = unexplained.get_json()
    assert (unexplained.status_code, body["code"], body["state"]) == (202, "REASON_REQUIRED", "counting")
    assert (body["opening_float"], body["counts"][0]["difference"]) == ("100.00", "-0.20")
    short = {"counted": {"efectivo": "170.00"}, "reason": "No sé"}
    waiting = ana.api("POST", f"{path}/closing/", short)
    body = waiting.get_json()
    assert (waiting.status_code, body["code"], body["state"]) == (202, "APPROVAL_REQUIRED", "observed")
    assert ana.api("POST", f"{path}/closing/", {"reason": "No sé"}).status_code == 409
    count_id = body["counts"][-1]["id"]
    assert ana.api("POST", f"{path}/approval/", {"count_id": count_id}).status_code == 403
    assert diego.api("POST", f"{path}/approval/", {}).status_code == 400
    stale = diego.api("POST", f"{path}/approval/", {"count_id": body["counts"][0]["id"]})
    assert (stale.status_code, stale.get_json()["code"]) == (409, "COUNT_IS_STALE")
    rejected = diego.api("POST", f"{path}/rejection/", {"count_id": count_id, "reason": "Revise"}).get_json()
    assert (rejected["state"], rejected["counts"][-1]["decision"]) == ("open", "rejected")
    again = ana.api("POST", f"{path}/counts/", {"counted": {"efectivo": "170.00"}})
    assert (again.status_code, again.get_json()["number"]) == (201, 3)
    assert diego.api("POST", f"{path}/approval/", {"count_id": again.get_json()["id"]}).status_code == 200
    closed = ana.api("POST", f"{path}/closing/", {"reason": "No sé"}).get_json()
    assert (closed["status"], closed["state"], closed["difference"]) == ("closed", "observed", "-10.00")
    assert (closed["approved_by"], closed["closed_by"]) == ("Diego Rivas", "Ana Torres")


def test_more_than_the_drawer_holds_is_a_conflict(ana, diego, shop):
    out = {"kind": "expense", "amount": "99999.00", "concept": "x"}
    blind = ana.api("POST", "/api/till-sessions/1/movements/", out)
    assert (blind.status_code, blind.get_json()["code"], blind.get_json()["details"]) == (409, "DRAWER_HOLDS_LESS", {})
    told = diego.api("POST", "/api/till-sessions/1/movements/", out)
    assert told.get_json()["message"].startswith("En la caja hay S/ 100.00;")
    done = diego.api("POST", "/api/till-sessions/1/movements/", {**out, "reason": "El dueño puso la diferencia"})
    assert (done.status_code, done.get_json()["authorised_by"]) == (201, "Diego Rivas")
    back = diego.api("POST", f"/api/till-movements/{done.get_json()['id']}/reversal/", {"reason": "Era 99.99"})
    assert (back.status_code, back.get_json()["amount"]) == (201, "99999.00")
    assert back.get_json()["reverses_id"] == done.get_json()["id"]


def test_a_clinic_that_does_not_count_blind_shows_what_is_expected(unit, ana, shop):
    with unit():
        db.session.execute(update(Settings).values(blind_close=False))
    methods = ana.api("GET", "/api/till-sessions/1/").get_json()["methods"]
    assert methods[0] == {"method": "efectivo", "expected": "100.00"}


@pytest.mark.parametrize("path", ["/api/tickets/1/payments/", "/api/payments/1/refund/"])
@pytest.mark.parametrize(
    "amount", [80.0, "1e3", "NaN", "Infinity", "80.001", "21474836.48", "99999999999", None, True, ""]
)
def test_no_amount_but_decimal_text_is_money(diego, shop, path, amount):
    whole = {"amount": amount, "method": "efectivo", "reason": "x"}
    body = whole if "refund" in path else {"method": "efectivo", "amount": amount}
    answer = diego.api("POST", path, body)
    if amount is None and "refund" in path:  # left out: all that is left
        assert answer.status_code == 404
        return
    assert answer.status_code == 400, answer.text
    assert list(answer.get_json()["details"]) == ["amount"]


def test_every_write_of_money_names_a_field_it_does_not_know(diego, shop):
    for path, body in (
        ("/api/tickets/1/payments/", {"method": "efectivo", "amount": "1"}),
        ("/api/payments/1/refund/", {"reason": "x"}),
        ("/api/tickets/1/void/", {"reason": "x"}),
        ("/api/tickets/1/courtesy/", {"reason": "x"}),
        ("/api/till-sessions/", {"opening_float": "1.00"}),
        ("/api/till-sessions/1/movements/", {"kind": "expense", "amount": "1", "concept": "x"}),
        ("/api/till-movements/1/reversal/", {"reason": "x"}),
    ):
        answer = diego.api("POST", path, {**body, "cents": 100})
        assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["cents"]), path


def test_a_refund_in_part_by_another_method(diego, ana, shop):
    paid = pay(diego, method="tarjeta", reference="0042").get_json()
    path = f"/api/payments/{paid['id']}/refund/"
    part = diego.api("POST", path, {"reason": "x", "amount": "30.00", "method": "efectivo"}).get_json()
    assert (part["method"], part["amount"], part["ticket"]["paid"]) == ("efectivo", "-30.00", "50.00")
    assert ana.api("POST", path, {"reason": "x"}).status_code == 403
    too_much = diego.api("POST", path, {"reason": "x", "amount": "50.01"})
    assert (too_much.status_code, too_much.get_json()["details"]["left"]) == (400, "50.00")
    rest = diego.api("POST", path, {"reason": "x", "then": "courtesy"}).get_json()
    assert (rest["amount"], rest["ticket"]["owed"], rest["ticket"]["status"]) == ("-50.00", "0.00", "open")
    lines = diego.api("GET", "/api/tickets/1/").get_json()["payments"]
    assert (lines[0]["amount"], lines[0]["refunded"]) == ("80.00", "80.00")
