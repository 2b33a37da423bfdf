"""Sixty days at two tills: what was paid when and how, and each evening's closing.

Payments are written in bulk; opening, moving, refunding and closing are billing's own actions at the
hour at which they happened, so that every sealed report is what the product would have sealed.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.billing.actions import bulk, payments, tills
from app.billing.models import Movement
from app.billing.queries import tills as reads
from app.billing.rules import tills as till_rules
from app.cli.demo import people, places
from app.cli.demo.context import ZONE, Moment
from app.cli.demo.history import Story
from app.cli.demo.places import AREQUIPA, MIRAFLORES
from app.kernel import clock
from app.kernel.db import db

OPENS, CLOSES = 7 * 60 + 30, 21 * 60 + 40
FIRST_FLOAT = 20000
KEPT = 30000  # what is above it goes to the bank
TILL = {MIRAFLORES: 1, AREQUIPA: 3}
WEIGHTS = (42, 24, 9, 18, 7)  # of places.METHODS
NOTES = (1000, 2000, 5000, 10000)
EXPENSES = (
    ("Agua de mesa", "Bodega Carmelita"),
    ("Movilidad", "Ana Torres"),
    ("Útiles de limpieza", "Plaza Vea"),
    ("Fotocopias", "Copias Larco"),
)
SURPLUSES = (0, 0, 0, 0, 20, 0, -50, 0, 0, -1000, 0, 150)  # of the drawer, evening after evening
BECAUSE = {
    20: "Redondeo de vueltos",
    -50: "Vuelto dado de más",
    -1000: "Faltó un billete de S/ 10; se revisa con cámara",
}


@dataclass(frozen=True)
class Payment:
    ticket_id: int
    clinic_id: int
    method: str
    amount_cents: int
    at: datetime


def write(stories: list[Story], moment: Moment) -> None:
    """Every till day of both clinics; Miraflores' of today stays open, Arequipa's was not opened yet."""
    by_day: dict[tuple[int, date], list[Payment]] = defaultdict(list)
    for payment in _payments(stories, moment):
        by_day[payment.clinic_id, clock.local_day(payment.at, ZONE)].append(payment)
    days = sorted({story.visit.day for story in stories if story.visit.day < moment.today})
    for clinic_id in TILL:
        left = FIRST_FLOAT
        for number, day in enumerate(days):
            left = _past_day(clinic_id, day, number, left, by_day[clinic_id, day], moment)
        if clinic_id == MIRAFLORES:
            _today(left, by_day[clinic_id, moment.today], moment)


# ------------------------------------------------------------------ who pays how


def _payments(stories: list[Story], moment: Moment) -> Iterator[Payment]:
    """In the order of the visits: most pay at once, some in parts, some at their next visit, some not yet."""
    debts: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    done = [story for story in stories if story.is_over and story.ticket["amount_cents"]]
    for story in sorted(done, key=lambda story: story.events[-1]["at"]):
        visit = story.visit
        if visit.day == moment.today and visit.clinic_id == AREQUIPA:
            continue  # that till is not open today
        at = moment.until_now(story.events[-1]["at"] + timedelta(minutes=moment.rng.randrange(1, 6)))
        for ticket_id, cents in debts.pop((visit.clinic_id, visit.patient_id), []):
            yield Payment(ticket_id, visit.clinic_id, _method(moment), cents, at)
        parts, owed = _parts(story.ticket["amount_cents"], moment)
        for cents in parts:
            yield Payment(visit.id, visit.clinic_id, _method(moment), cents, at)
        if owed:
            debts[visit.clinic_id, visit.patient_id].append((visit.id, owed))


def _parts(cents: int, moment: Moment) -> tuple[list[int], int]:
    """``(what is paid now, what is owed)``."""
    half = cents // 2000 * 1000
    kind = moment.rng.choices(("whole", "split", "half", "later"), (82, 7, 5, 6))[0]
    return {"whole": ([cents], 0), "split": ([half, cents - half], 0), "half": ([half], cents - half)}.get(
        kind, ([], cents)
    )


def _method(moment: Moment) -> str:
    return moment.rng.choices([method[0] for method in places.METHODS], WEIGHTS)[0]


def _row(payment: Payment, session_id: int, cashier: int, moment: Moment) -> dict[str, Any]:
    is_cash = payment.method == "efectivo"
    note = moment.rng.choice(NOTES)
    tendered = -(-payment.amount_cents // note) * note
    return {
        "clinic_id": payment.clinic_id,
        "session_id": session_id,
        "kind": "payment",
        "method_id": places.method_id(payment.clinic_id, payment.method),
        "amount_cents": payment.amount_cents,
        "ticket_id": payment.ticket_id,
        "tendered_cents": tendered if is_cash else None,
        "change_cents": tendered - payment.amount_cents if is_cash else 0,
        "reference": "" if is_cash else f"{moment.rng.randrange(100_000, 9_999_999):07d}",
        "received_at": payment.at,
        "received_by": cashier,
    }


# ------------------------------------------------------------------ a day at the till


def _past_day(clinic_id: int, day: date, number: int, opening: int, taken: list[Payment], moment: Moment) -> int:
    """Open, take, spend, bring to the bank, count, close; returns what stays for the next morning."""
    cashier = people.actor(people.DESK[clinic_id], moment.now)
    overseer = people.actor(people.OVERSIGHT[clinic_id], moment.now)
    evening = clock.at(day, CLOSES, ZONE)
    session_id = tills.open_till(
        TILL[clinic_id], opening_float_cents=opening, actor=cashier, now=clock.at(day, OPENS, ZONE)
    )
    bulk.record_movements([_row(payment, session_id, cashier.person_id, moment) for payment in taken])
    if number % 2:
        _spend(session_id, number, cashier, clock.at(day, 12 * 60 + 10, ZONE), moment)
    if number % 9 == 4:
        _refund(session_id, overseer, evening - timedelta(minutes=30))
    _bank(session_id, clinic_id, opening, cashier, evening - timedelta(minutes=15))
    expected = {f.code: f.expected_cents for f in _figures(session_id, clinic_id, opening)}
    surplus = SURPLUSES[(number + 5 * clinic_id) % len(SURPLUSES)]
    counted = expected | {"efectivo": expected["efectivo"] + surplus}
    if abs(surplus) > 50:
        tills.approve_closing(session_id, actor=overseer, now=evening - timedelta(minutes=1))
    tills.close_till(
        session_id,
        counted=counted,
        denominations=_pieces(counted["efectivo"]),
        reason=BECAUSE.get(surplus, "Sobrante sin explicación") if surplus else "",
        actor=cashier,
        now=evening,
    )
    return counted["efectivo"]


def _today(opening: int, taken: list[Payment], moment: Moment) -> None:
    """Ana opened in the morning, or just now when it is not morning yet."""
    ana = people.actor("ana", moment.now)
    midnight, _ = clock.day_bounds(moment.today, ZONE)
    opened_at = max(midnight, min(clock.at(moment.today, OPENS, ZONE), moment.now - timedelta(minutes=5)))
    session_id = tills.open_till(TILL[MIRAFLORES], opening_float_cents=opening, actor=ana, now=opened_at)
    bulk.record_movements([_row(payment, session_id, ana.person_id, moment) for payment in taken])
    _spend(session_id, 1, ana, moment.until_now(clock.at(moment.today, 10 * 60, ZONE)), moment)


def _spend(session_id: int, number: int, cashier: Any, at: datetime, moment: Moment) -> None:
    concept, beneficiary = EXPENSES[number // 2 % len(EXPENSES)]
    tills.record_movement(
        session_id,
        kind="expense",
        amount_cents=moment.rng.randrange(8, 28) * 100,
        concept=concept,
        beneficiary=beneficiary,
        voucher_number=f"B001-{moment.rng.randrange(10_000):04d}",
        actor=cashier,
        now=at,
    )


def _refund(session_id: int, overseer: Any, at: datetime) -> None:
    """Give the session's first cash payment back, if there was one."""
    first = (
        select(Movement.id)
        .where(Movement.session_id == session_id, Movement.kind == "payment", Movement.tendered_cents.is_not(None))
        .order_by(Movement.id)
        .limit(1)
    )
    payment_id = db.session.scalar(first)
    if payment_id is not None:
        payments.refund_payment(payment_id, reason="La sesión no se completó", actor=overseer, now=at)


def _bank(session_id: int, clinic_id: int, opening: int, cashier: Any, at: datetime) -> None:
    drawer = next(f for f in _figures(session_id, clinic_id, opening) if f.is_cash)
    surplus = (drawer.expected_cents - KEPT) // 10000 * 10000
    if surplus > 0:
        tills.record_movement(
            session_id,
            kind="deposit",
            amount_cents=surplus,
            concept="Depósito en banco",
            beneficiary="BCP cuenta corriente",
            voucher_number=f"OP-{session_id:05d}",
            actor=cashier,
            now=at,
        )


def _figures(session_id: int, clinic_id: int, opening: int) -> list[till_rules.MethodFigures]:
    return reads.figures(session_id, clinic_id=clinic_id, opening_float_cents=opening)


def _pieces(cents: int) -> dict[int, int]:
    """The fewest notes and coins that make this sum."""
    pieces: dict[int, int] = {}
    for value in till_rules.DENOMINATIONS:
        pieces[value], cents = divmod(cents, value)
    return pieces
