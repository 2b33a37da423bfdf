"""Who pays what, when and how after a visit."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.billing.demo.catalogue import CODES, method_id
from app.kernel.demo import DemoContext
from app.tenancy.demo import AREQUIPA

WEIGHTS = (42, 24, 9, 18, 7)  # how often each of CODES is used
NOTES = (1000, 2000, 5000, 10000)  # with which cash is paid


@dataclass(frozen=True, slots=True)
class FinishedVisit:
    """What is to be paid after a visit; ``day`` is the day of the visit, ``cents`` is more than 0."""

    ticket_id: int
    clinic_id: int
    patient_id: int
    day: date
    ended_at: datetime
    cents: int


@dataclass(frozen=True, slots=True)
class VisitPayment:
    ticket_id: int
    clinic_id: int
    method: str
    amount_cents: int
    at: datetime


def payments_of(visits: Iterable[FinishedVisit], context: DemoContext) -> Iterator[VisitPayment]:
    """In the order of the visits: most pay at once, some in parts, some at their next visit, some not yet."""
    debts: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for visit in sorted(visits, key=lambda visit: visit.ended_at):
        clinic_id = visit.clinic_id
        if visit.day == context.today and clinic_id == AREQUIPA:
            continue  # that till is not open today
        at = context.not_after_now(visit.ended_at + timedelta(minutes=context.random.randrange(1, 6)))
        for ticket_id, cents in debts.pop((clinic_id, visit.patient_id), []):
            yield VisitPayment(ticket_id, clinic_id, _method(context), cents, at)
        parts, owed = _parts(visit.cents, context)
        for cents in parts:
            yield VisitPayment(visit.ticket_id, clinic_id, _method(context), cents, at)
        if owed:
            debts[clinic_id, visit.patient_id].append((visit.ticket_id, owed))


def _parts(cents: int, context: DemoContext) -> tuple[list[int], int]:
    """``(what is paid now, what is owed)``."""
    half = cents // 2000 * 1000
    kind = context.random.choices(("whole", "split", "half", "later"), (82, 7, 5, 6))[0]
    return {"whole": ([cents], 0), "split": ([half, cents - half], 0), "half": ([half], cents - half)}.get(
        kind, ([], cents)
    )


def _method(context: DemoContext) -> str:
    return context.random.choices(CODES, WEIGHTS)[0]


def payment_row(payment: VisitPayment, session_id: int, cashier: int, context: DemoContext) -> dict[str, Any]:
    is_cash = payment.method == "efectivo"
    note = context.random.choice(NOTES)
    tendered = -(-payment.amount_cents // note) * note
    return {
        "clinic_id": payment.clinic_id,
        "session_id": session_id,
        "kind": "payment",
        "method_id": method_id(payment.clinic_id, payment.method),
        "amount_cents": payment.amount_cents,
        "ticket_id": payment.ticket_id,
        "tendered_cents": tendered if is_cash else None,
        "change_cents": tendered - payment.amount_cents if is_cash else 0,
        "reference": "" if is_cash else f"{context.random.randrange(100_000, 9_999_999):07d}",
        "received_at": payment.at,
        "received_by": cashier,
    }
