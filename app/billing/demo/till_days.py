"""Sixty days at two tills: what came in, what was spent, and each evening's closing.

Payments are written in bulk; opening, moving, refunding and closing are the package's own actions at the
hour at which they happened, so that every sealed report is what the product would have sealed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select

from app.billing.actions import counts, drawer, refunds, tills
from app.billing.demo import bulk
from app.billing.demo.payments import FinishedVisit, VisitPayment, payment_row, payments_of
from app.billing.models import Movement
from app.billing.queries import tills as till_queries
from app.billing.rules import tills as till_rules
from app.identity import demo as identity
from app.kernel import clock, money
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.demo import DemoContext
from app.tenancy.demo import AREQUIPA, MIRAFLORES

OPENS, CLOSES = 7 * 60 + 30, 21 * 60 + 40
FIRST_FLOAT = 20000
KEPT = 30000  # what is above it goes to the bank
TILL = {MIRAFLORES: 1, AREQUIPA: 3}
EXPENSES = (
    ("Agua de mesa", "Bodega Carmelita"),
    ("Movilidad", "Ana Torres"),
    ("Útiles de limpieza", "Plaza Vea"),
    ("Fotocopias", "Copias Larco"),
)
SURPLUSES = (0, 0, 0, 0, 20, 0, -50, 0, 0, -1000, 0, 150)  # of the drawer, evening after evening
SURPLUS_REASONS = {
    20: "Redondeo de vueltos",
    -50: "Vuelto dado de más",
    -1000: "Faltó un billete de S/ 10; se revisa con cámara",
}


def write_till_days(visits: Iterable[FinishedVisit], past_days: Sequence[date], context: DemoContext) -> None:
    """Every till day of both clinics; Miraflores' of today stays open, Arequipa's was not opened yet."""
    by_day: dict[tuple[int, date], list[VisitPayment]] = defaultdict(list)
    for payment in payments_of(visits, context):
        by_day[payment.clinic_id, clock.local_day(payment.at, context.zone)].append(payment)
    for clinic_id in TILL:
        left = FIRST_FLOAT
        for number, day in enumerate(past_days):
            left = _past_day(clinic_id, day, number, left, by_day[clinic_id, day], context)
        if clinic_id == MIRAFLORES:
            _today(left, by_day[clinic_id, context.today], context)


def _past_day(
    clinic_id: int, day: date, number: int, opening: int, paid: list[VisitPayment], context: DemoContext
) -> int:
    """Open, take, spend, bring to the bank, count, close; returns what stays for the next morning."""
    cashier = identity.actor(identity.RECEPTIONIST[clinic_id], context.now)
    supervisor = identity.actor(identity.SUPERVISOR[clinic_id], context.now)
    evening = clock.at(day, CLOSES, context.zone)
    session_id = tills.open_till(
        TILL[clinic_id], opening_float_cents=opening, actor=cashier, now=clock.at(day, OPENS, context.zone)
    )
    bulk.record_movements([payment_row(payment, session_id, cashier.person_id, context) for payment in paid])
    if number % 2:
        _spend(session_id, number, cashier, clock.at(day, 12 * 60 + 10, context.zone), context)
    if number % 9 == 4:
        _refund(session_id, supervisor, evening - timedelta(minutes=30))
    _bank(session_id, clinic_id, opening, cashier, evening - timedelta(minutes=15))
    expected = {figure.code: figure.expected_cents for figure in _figures(session_id, clinic_id, opening)}
    surplus = SURPLUSES[(number + 5 * clinic_id) % len(SURPLUSES)]
    counted = expected | {"efectivo": expected["efectivo"] + surplus}
    count_id = counts.submit_count(
        session_id,
        counted=counted,
        denominations=_pieces(counted["efectivo"]),
        actor=cashier,
        now=evening - timedelta(minutes=3),
    )
    if abs(surplus) > 50:
        counts.approve_count(count_id, actor=supervisor, now=evening - timedelta(minutes=1))
    _close(session_id, surplus, cashier, evening)
    return counted["efectivo"]


def _close(session_id: int, surplus: int, cashier: Actor, at: datetime) -> None:
    tills.close_till(
        session_id,
        reason=SURPLUS_REASONS.get(surplus, "Sobrante sin explicación") if surplus else "",
        actor=cashier,
        now=at,
    )


def _today(opening: int, paid: list[VisitPayment], context: DemoContext) -> None:
    """Ana opened in the morning, or just now when it is not morning yet."""
    ana = identity.actor(identity.USER["ana"], context.now)
    midnight, _ = clock.day_bounds(context.today, context.zone)
    opened_at = max(midnight, min(clock.at(context.today, OPENS, context.zone), context.now - timedelta(minutes=5)))
    session_id = tills.open_till(TILL[MIRAFLORES], opening_float_cents=opening, actor=ana, now=opened_at)
    bulk.record_movements([payment_row(payment, session_id, ana.person_id, context) for payment in paid])
    _spend(session_id, 1, ana, context.not_after_now(clock.at(context.today, 10 * 60, context.zone)), context)


def _spend(session_id: int, number: int, cashier: Actor, at: datetime, context: DemoContext) -> None:
    concept, beneficiary = EXPENSES[number // 2 % len(EXPENSES)]
    drawer.record_movement(
        session_id,
        kind="expense",
        amount_cents=context.random.randrange(8, 28) * 100,
        concept=concept,
        beneficiary=beneficiary,
        voucher_number=f"B001-{context.random.randrange(10_000):04d}",
        actor=cashier,
        now=at,
    )


def _refund(session_id: int, supervisor: Actor, at: datetime) -> None:
    """Give the session's first cash payment back, if there was one."""
    first = (
        select(Movement.id)
        .where(Movement.session_id == session_id, Movement.kind == "payment", Movement.tendered_cents.is_not(None))
        .order_by(Movement.id)
        .limit(1)
    )
    payment_id = db.session.scalar(first)
    if payment_id is not None:
        refunds.refund_payment(payment_id, reason="La sesión no se completó", actor=supervisor, now=at)


def _bank(session_id: int, clinic_id: int, opening: int, cashier: Actor, at: datetime) -> None:
    cash = next(f for f in _figures(session_id, clinic_id, opening) if f.is_cash)
    surplus = (cash.expected_cents - KEPT) // 10000 * 10000
    if surplus > 0:
        drawer.record_movement(
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
    return till_queries.figures(session_id, clinic_id=clinic_id, opening_float_cents=opening)


def _pieces(cents: int) -> dict[int, int]:
    """The fewest notes and coins that make this sum."""
    pieces: dict[int, int] = {}
    for value in money.DENOMINATIONS["PEN"]:
        pieces[value], cents = divmod(cents, value)
    return pieces
