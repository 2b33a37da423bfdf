"""Inserts payments without the actions of billing, so that report tests do not depend on them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update

from app.billing.demo.bulk import issue_tickets, record_movements
from app.billing.models import Ticket, TillCount, TillSession
from app.kernel.db import db
from app.patients.models import Patient
from tests.cast import Cast

DAY = date(2026, 11, 20)
TEN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 10:00 in Lima
CASH, YAPE, PLIN, CARD, TRANSFER = 1, 2, 3, 4, 5
CAST = Cast()


def open_session(
    *, at: datetime = TEN - timedelta(hours=2), day: date = DAY, cents: int = 20000, clinic: int = 1
) -> int:
    """A till session of Ana's (of Fabio's in Arequipa) with its float; returns its id."""
    number = (db.session.scalar(select(func.max(TillSession.number)).where(TillSession.clinic_id == clinic)) or 0) + 1
    values = {
        "clinic_id": clinic,
        "till_id": clinic,
        "number": number,
        "status": "open",
        "business_day": day,
        "opened_at": at,
        "opened_by": CAST.ana_user if clinic == 1 else CAST.fabio_user,
        "opening_float_cents": cents,
        "opening_note": "",
        "difference_reason": "",
    }
    return _insert(TillSession, values)


def close_session(session: int, counted: dict[int, tuple[int, int]], *, reason: str = "", left: int = 20000) -> None:
    """Close with ``method: (expected, counted)`` and the pieces of two notes of 100 and five of 20."""
    rows = [
        {"session_id": session, "method_id": m, "expected_cents": e, "counted_cents": c}
        for m, (e, c) in counted.items()
    ]
    db.session.execute(insert(TillCount), rows)
    db.session.execute(
        update(TillSession)
        .where(TillSession.id == session)
        .values(
            status="closed",
            closed_at=TEN + timedelta(hours=9),
            closed_by=CAST.ana_user,
            approved_by=CAST.diego_user,
            difference_cents=sum(c - e for e, c in counted.values()),
            difference_reason=reason,
            left_for_tomorrow_cents=left,
            denominations={"10000": 2, "2000": 5},
            snapshot_sha256="ab" * 32,
        )
    )
    db.session.commit()


def ticket(cents: int = 8000, *, day: date = DAY, issued: datetime = TEN, clinic: int = 1, **values: Any) -> int:
    """A ticket of Clara's with Bruno for reflexology; returns its id."""
    number = (db.session.scalar(select(func.max(Ticket.number)).where(Ticket.clinic_id == clinic)) or 0) + 1
    columns = {
        "clinic_id": clinic,
        "number": number,
        "patient_id": CAST.clara,
        "therapist_id": CAST.bruno,
        "service_id": CAST.reflexology if clinic == 1 else CAST.massage,
        "concept": "Reflexología podal",
        "amount_cents": cents,
        "currency": "PEN",
        "tax_rate_bp": 1800,
        "service_day": day,
        "status": "open",
        "issued_at": issued,
        "void_reason": "",
        **values,
    }
    return _bulk(issue_tickets, columns)


def pay(
    session: int, ticket_id: int, cents: int, *, method: int = CASH, at: datetime = TEN, clinic: int = 1, **values: Any
) -> int:
    """A payment, or with negative cents a refund."""
    return move(
        session,
        "payment" if cents > 0 else "refund",
        cents,
        method=method,
        at=at,
        clinic=clinic,
        ticket_id=ticket_id,
        **values,
    )


def move(
    session: int, kind: str, cents: int, *, method: int = CASH, at: datetime = TEN, clinic: int = 1, **values: Any
) -> int:
    columns = {
        "clinic_id": clinic,
        "session_id": session,
        "kind": kind,
        "method_id": method + (5 if clinic == 2 and method <= 5 else 0),
        "amount_cents": cents,
        "received_at": at,
        "received_by": CAST.ana_user if clinic == 1 else CAST.fabio_user,
        **values,
    }
    return _bulk(record_movements, columns)


def _insert(model: Any, values: dict[str, Any]) -> int:
    created = db.session.execute(insert(model).values(**values).returning(model.id)).scalar_one()
    db.session.commit()
    return int(created)


def _bulk(write: Callable[[list[dict[str, Any]]], list[int]], values: dict[str, Any]) -> int:
    (created,) = write([values])
    db.session.commit()
    return created


def rename_clara(name: str) -> None:
    db.session.execute(update(Patient).where(Patient.id == CAST.clara).values(full_name=name))
    db.session.commit()


def full_day() -> int:
    """Movements of every kind: net 234.50 over three methods, cash 114.50 of it, 45.00 out of the drawer."""
    session = open_session()
    first, second = ticket(8000), ticket(6000, therapist_id=CAST.hugo, service_id=CAST.physiotherapy)
    third, old = (
        ticket(8000, therapist_id=None, service_id=None, concept="Vendas"),
        ticket(5000, day=date(2026, 11, 18)),
    )
    pay(session, first, 8000, tendered_cents=10000, change_cents=2000, at=TEN)
    pay(session, second, 6000, method=YAPE, reference="884412", at=TEN + timedelta(minutes=20, microseconds=749_000))
    pay(session, third, 8000, method=CARD, reference="0042", at=TEN + timedelta(minutes=30))
    pay(session, old, 3450, at=TEN + timedelta(minutes=40))
    pay(session, third, -2000, method=CARD, at=TEN + timedelta(minutes=50), note="cobrado de más")
    move(
        session, "expense", -1500, concept="Alcohol y gasas", beneficiary="Botica Luz", voucher_number="B001-77", at=TEN
    )
    move(session, "deposit", -3000, concept="Depósito BCP", at=TEN + timedelta(hours=1), authorised_by=CAST.diego_user)
    ticket(8000)  # unpaid
    ticket(8000, status="voided", voided_at=TEN, voided_by=CAST.diego_user, void_reason="duplicado")
    return session


def many_payments(count: int) -> int:
    """``count`` payments of 10.00 each on tickets of their own, a minute between two groups of four."""
    session = open_session()
    numbers = range(1, count + 1)
    ids = issue_tickets(
        [
            {
                "clinic_id": 1,
                "number": n,
                "patient_id": CAST.clara if n % 2 else CAST.gloria,
                "therapist_id": CAST.bruno if n % 3 else CAST.hugo,
                "service_id": CAST.reflexology if n % 3 else CAST.physiotherapy,
                "concept": "Sesión",
                "amount_cents": 1000,
                "currency": "PEN",
                "tax_rate_bp": 1800,
                "service_day": DAY,
                "issued_at": TEN,
            }
            for n in numbers
        ]
    )
    record_movements(
        [
            {
                "clinic_id": 1,
                "session_id": session,
                "kind": "payment",
                "method_id": 1 + n % 5,
                "amount_cents": 1000,
                "ticket_id": ids[n - 1],
                "reference": f"R{n:06d}" if n % 5 else "",
                "received_at": TEN - timedelta(hours=2) + timedelta(seconds=15 * n),
                "received_by": CAST.ana_user,
            }
            for n in numbers
        ]
    )
    db.session.commit()
    return session
