"""What happens with the money of a visit that is cancelled or whose patient did not come."""

from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.billing import accounts
from app.billing.actions import ledger
from app.billing.checks import CHECKS
from app.billing.models import Movement
from app.kernel.db import db
from app.kernel.integrity import CheckContext
from tests import build
from tests.build import NOW, at
from tests.cast import Cast
from tests.client import Client


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(NOW, tick=True):
        yield


def make(app: Flask, clock_time: str = "09:30", *, paid_cents: int = 0, status: str = "booked", **options: Any) -> int:
    """A visit of 60.00 with this money on its ticket."""
    with app.app_context():
        build.till_session()
        visit_id = build.visit(at(clock_time), status=status, **options)
        if paid_cents:
            build.payment(ticket_of(visit_id), paid_cents)
    return visit_id


def ticket_of(visit_id: int) -> int:
    found = db.session.scalar(text("SELECT id FROM ticket WHERE appointment_id = :id"), {"id": visit_id})
    assert isinstance(found, int)
    return found


def status(client: Client, visit_id: int, **body: Any) -> Any:
    return client.api("PATCH", f"/api/appointments/{visit_id}/status/", body)


def ticket(app: Flask, client: Client, visit_id: int) -> dict[str, Any]:
    with app.app_context():
        ticket_id = ticket_of(visit_id)
    found: dict[str, Any] = client.api("GET", f"/api/tickets/{ticket_id}/").get_json()
    return found


def money(found: dict[str, Any]) -> tuple[str, str, str, str]:
    return found["payment_state"], found["owed"], found["refund_due"], found["patient_credit"]


def pay(client: Client, ticket_id: int, amount: str, method: str = "efectivo") -> Any:
    return client.api("POST", f"/api/tickets/{ticket_id}/payments/", {"method": method, "amount": amount})


def test_a_cancelled_visit_owes_nothing_and_takes_no_payment(app: Flask, ana: Client, diego: Client) -> None:
    visit_id = make(app, paid_cents=1000, status="arrived", arrived_at=at("09:35"))
    assert status(ana, visit_id, status="cancelled", reason="left-without-being-seen").status_code == 200
    found = ticket(app, ana, visit_id)
    assert money(found) == ("refund_due", "0.00", "10.00", "0.00")
    refused = pay(ana, found["id"], "10.00")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "TICKET_VOIDED")
    page = ana.get(f"/tickets/{found['id']}").text
    assert "Por devolver" in page
    assert "Cobrar" not in page
    payment_id = found["payments"][0]["id"]
    assert diego.api("POST", f"/api/payments/{payment_id}/refund/", {"reason": "se fue"}).status_code == 201
    settled = ticket(app, ana, visit_id)
    assert (settled["status"], money(settled)) == ("voided", ("voided", "0.00", "0.00", "0.00"))
    assert pay(ana, found["id"], "10.00").get_json()["code"] == "TICKET_VOIDED"


def test_a_noshow_with_a_payment_needs_a_decision(app: Flask, ana: Client) -> None:
    visit_id = make(app, paid_cents=6000)
    refused = status(ana, visit_id, status="noshow")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "MONEY_DECISION_REQUIRED")
    assert refused.get_json()["details"]["choices"] == ["charge", "waive", "credit"]
    assert status(ana, visit_id, status="noshow", money="regalar").status_code == 400
    dialog = ana.get(f"/appointments/{visit_id}/noshow").text
    assert "No cobrar; lo pagado queda a favor del paciente" in dialog
    assert ana.post(f"/appointments/{visit_id}/noshow").status_code == 409
    assert ana.post(f"/appointments/{visit_id}/noshow", {"money": "charge"}).status_code == 303
    assert money(ticket(app, ana, visit_id)) == ("paid", "0.00", "0.00", "0.00")


@pytest.mark.parametrize(
    ("decision", "expected"),
    [("", ("voided", "0.00")), ("waive", ("voided", "0.00")), ("charge", ("none", "60.00"))],
)
def test_an_unpaid_noshow_owes_only_when_it_is_charged(
    app: Flask, ana: Client, decision: str, expected: tuple[str, str]
) -> None:
    visit_id = make(app)
    assert status(ana, visit_id, status="noshow", money=decision).status_code == 200
    assert money(ticket(app, ana, visit_id))[:2] == expected


def test_credit_is_kept_used_and_given_back(app: Flask, ana: Client, diego: Client) -> None:
    visit_id = make(app, paid_cents=6000)
    assert status(ana, visit_id, status="noshow", money="credit").status_code == 200
    kept = ticket(app, ana, visit_id)
    assert (kept["status"], money(kept)) == ("voided", ("voided", "0.00", "0.00", "60.00"))
    other = make(app, "11:00")
    open_ticket = ticket(app, ana, other)
    assert pay(ana, open_ticket["id"], "61.00", "saldo").status_code == 400
    panel = ana.get(f"/tickets/{open_ticket['id']}/payment").text
    assert "Saldo a favor (S/ 60.00)" in panel
    used = pay(ana, open_ticket["id"], "20.00", "saldo")
    assert (used.status_code, used.get_json()["till_session_id"]) == (201, None)
    assert money(ticket(app, ana, other)) == ("partial", "40.00", "0.00", "40.00")
    assert "Saldo a favor" in ana.get(f"/tickets/{open_ticket['id']}").text
    assert ana.api("DELETE", f"/api/tickets/{kept['id']}/credit/").status_code == 403
    back = diego.api("DELETE", f"/api/tickets/{kept['id']}/credit/")
    assert money(back.get_json()) == ("refund_due", "0.00", "40.00", "0.00")
    assert pay(ana, open_ticket["id"], "1.00", "saldo").get_json()["code"] == "NO_CREDIT"
    with app.app_context():
        assert not failed_checks(app)


def test_what_is_due_back_can_be_kept_later(app: Flask, ana: Client) -> None:
    visit_id = make(app, "15:00", paid_cents=6000)
    assert ana.api("DELETE", f"/api/appointments/{visit_id}/").status_code == 200
    found = ticket(app, ana, visit_id)
    assert "Dejar a favor del paciente" in ana.get(f"/tickets/{found['id']}").text
    assert ana.post(f"/tickets/{found['id']}/credit").status_code == 303
    assert money(ticket(app, ana, visit_id)) == ("voided", "0.00", "0.00", "60.00")
    assert ana.api("POST", f"/api/tickets/{found['id']}/credit/").get_json()["code"] == "NO_REFUND_DUE"


def test_money_from_credit_goes_back_there_by_itself(app: Flask, ana: Client) -> None:
    first = make(app, paid_cents=6000)
    assert status(ana, first, status="noshow", money="credit").status_code == 200
    second = make(app, "15:00")
    assert pay(ana, ticket(app, ana, second)["id"], "60.00", "saldo").status_code == 201
    assert status(ana, second, status="cancelled", reason="clinic").status_code == 200
    assert money(ticket(app, ana, second)) == ("voided", "0.00", "0.00", "60.00")


def test_undoing_charges_the_visit_again(app: Flask, ana: Client) -> None:
    visit_id = make(app)
    assert status(ana, visit_id, status="noshow").status_code == 200
    assert status(ana, visit_id, status="booked").status_code == 200
    assert money(ticket(app, ana, visit_id))[:2] == ("none", "60.00")


def test_the_cancel_dialog_asks_about_money(app: Flask, ana: Client) -> None:
    visit_id = make(app, "15:00", paid_cents=6000)
    dialog = ana.get(f"/appointments/{visit_id}/cancellation").text
    assert "Cobrar la visita" in dialog  # late and paid in full
    said = {"reason": "patient", "money": "charge"}
    assert ana.post(f"/appointments/{visit_id}/cancellation", said).status_code == 303
    assert money(ticket(app, ana, visit_id)) == ("paid", "0.00", "0.00", "0.00")


def test_a_program_that_cancels_late_is_told_what_it_may_decide(app: Flask, ana: Client) -> None:
    visit_id = make(app, "15:00", paid_cents=6000)
    path = f"/api/appointments/{visit_id}/"
    refused = ana.api("DELETE", path, {"money": "regalar"})
    assert refused.status_code == 400
    assert refused.get_json()["details"]["choices"] == ["charge", "waive", "credit"]
    assert ana.api("DELETE", path).status_code == 200  # without a decision what was paid is due back
    assert money(ticket(app, ana, visit_id)) == ("refund_due", "0.00", "60.00", "0.00")
    unpaid = make(app, "16:00")
    refused = ana.api("DELETE", f"/api/appointments/{unpaid}/", {"money": "charge"})
    assert refused.get_json()["details"]["choices"] == ["waive"]


def test_the_database_refuses_to_overdraw_a_credit(app: Flask, cast: Cast) -> None:
    with app.app_context():
        ticket_id = build.ticket()
        movement = Movement(clinic_id=cast.miraflores, kind="credit_use", ticket_id=ticket_id, received_at=NOW)
        with pytest.raises(IntegrityError, match="never below zero"):
            ledger.post(movement, accounts.credited(cast.clara, ticket_id, -100))


def failed_checks(app: Flask) -> list[str]:
    context = CheckContext(NOW, Path(app.config["SETTINGS"].data_dir))
    return [line for check in CHECKS for line in check.find(context)]
