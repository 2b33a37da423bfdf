"""Random histories through the real actions, compared with a model of counters.

``MONEY_HISTORIES`` sets how many are drawn; a deep run takes 10,000 or more.
"""

import os
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from app.billing import actions, checks, queries
from app.billing.models import TillCount
from app.kernel.db import db, on_postgresql, unit_of_work
from app.kernel.errors import DomainError
from app.kernel.integrity import CheckContext
from tests.billing.conftest import NOW, add_till

HISTORIES = int(os.environ.get("MONEY_HISTORIES", "300"))
METHODS = ("efectivo", "yape", "tarjeta")
AMOUNTS = (8000, 6050, 0, 100, 12345)
MOVES = ("expense", "deposit", "cash_in", "cash_out")


@dataclass
class Payment:
    id: int
    ticket: "Ticket"
    method: str
    cents: int  # paid, without what rounding took off
    rounding: int = 0
    refunded: int = 0

    @property
    def left(self) -> int:
        return self.cents - self.refunded


@dataclass
class Ticket:
    id: int
    appointment: int
    amount: int
    charged: int
    paid: int = 0
    refunded: int = 0
    is_voided: bool = False


@dataclass
class Session:
    id: int
    till: int
    opening: int
    expected: dict[str, int]
    is_open: bool = True


@dataclass
class Move:
    id: int
    session: Session
    cents: int
    is_reversed: bool = False


@dataclass
class Model:
    tickets: list[Ticket] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    minutes: int = 0

    @property
    def open_sessions(self) -> list[Session]:
        return [session for session in self.sessions if session.is_open]


class History:
    """Each step computes whether the model permits it; the application has to agree."""

    def __init__(self, actors, tills):
        self.actors, self.tills, self.model = actors, tills, Model()
        self.actor = actors[0]

    @property
    def now(self):
        return NOW + timedelta(minutes=self.model.minutes)

    def run(self, act, a, b, c):
        self.model.minutes += 1
        (self.open, self.issue, self.pay, self.pay, self.refund, self.move, self.void, self.cancel, self.reopen,
         self.change_therapist, self.take_back, self.close)[act](a, b, c)  # fmt: skip

    def attempt(self, is_permitted, call):
        try:
            result = call()
        except DomainError:
            assert not is_permitted, "refused what the model permits"
            return None
        assert is_permitted, "did what the model refuses"
        return result

    @property
    def paying_session(self):
        """The actor's own, else the oldest."""
        return next(iter(sorted(self.model.open_sessions, key=lambda session: session.till != self.tills[0])), None)

    def pick(self, items, number):
        return items[number % len(items)] if items else None

    def open(self, a, b, _c):
        till, opening = self.pick(self.tills, a), b * 100
        holder = self.actors[self.tills.index(till)]  # a user holds one till
        is_free = all(session.till != till for session in self.model.open_sessions)
        session_id = self.attempt(
            is_free,
            lambda: actions.tills.open_till(till, opening_float_cents=opening, note="x", actor=holder, now=self.now),
        )
        if is_free:
            self.model.sessions.append(
                Session(session_id, till, opening, {"efectivo": opening, "yape": 0, "tarjeta": 0})
            )

    def issue(self, a, _b, _c):
        amount, appointment = self.pick(AMOUNTS, a), len(self.model.tickets) + 1
        issued = actions.tickets.open_ticket(
            clinic_id=1, appointment_id=appointment, patient_id=1, therapist_id=1, service_id=1, concept="Sesión",
            amount_cents=amount, currency="PEN", tax_rate_bp=1800, service_day=date(2026, 11, 20), actor=self.actor,
            now=self.now,
        )  # fmt: skip
        self.model.tickets.append(Ticket(issued.id, appointment, amount, amount))

    def pay(self, a, b, c):
        ticket = self.pick(self.model.tickets, a)
        if ticket is None:
            return
        method, owed = self.pick(METHODS, b), ticket.charged - ticket.paid
        cents = None if c % 3 == 0 else c * 70
        session = self.paying_session
        settled = owed if cents is None else cents
        paid = settled
        if method == "efectivo" and settled in (owed, owed // 10 * 10):
            settled, paid = owed, owed // 10 * 10
        is_permitted = session is not None and not ticket.is_voided and 0 < settled <= owed and paid > 0
        payment = self.attempt(
            is_permitted,
            lambda: actions.payments.take_payment(
                ticket.id,
                method=method,
                amount_cents=cents,
                reference=str(self.model.minutes),
                actor=self.actor,
                now=self.now,
            ),
        )
        if is_permitted:
            assert (payment.session_id, payment.amount_cents) == (session.id, paid)
            ticket.paid += settled
            session.expected[method] += paid
            self.model.payments.append(Payment(payment.id, ticket, method, paid, paid - settled))

    def refund(self, a, b, c):
        payment = self.pick(self.model.payments, a)
        if payment is None:
            return
        session, method = self.paying_session, self.pick(METHODS, b)
        cents = None if c % 3 else c * 70
        paid = payment.left if cents is None else cents
        settled = paid - payment.rounding if paid == payment.left else paid
        then = self.pick(("owed", "owed", "void", "courtesy"), c)
        is_permitted = session is not None and 0 < paid <= payment.left
        if method == "efectivo" and (method != payment.method or paid != payment.left):
            is_permitted = is_permitted and paid % 10 == 0
        if then != "owed":
            is_permitted = is_permitted and payment.ticket.paid == settled and not payment.ticket.is_voided
        if is_permitted and method == "efectivo":
            is_permitted = paid <= session.expected["efectivo"]
        self.attempt(
            is_permitted,
            lambda: actions.refunds.refund_payment(
                payment.id, reason="x", amount_cents=cents, method=method, reference="9", then=then, actor=self.actor,
                now=self.now,
            ),
        )  # fmt: skip
        if is_permitted:
            payment.refunded += paid
            payment.ticket.paid -= settled
            payment.ticket.refunded += settled
            session.expected[method] -= paid
            if not payment.ticket.charged and not payment.ticket.paid and then == "owed":
                payment.ticket.is_voided = True  # the last refund of a cancelled visit
            if then != "owed":
                payment.ticket.charged = 0
            payment.ticket.is_voided = payment.ticket.is_voided or then == "void"

    def move(self, a, b, c):
        session, kind = self.pick(self.model.sessions, a), self.pick(MOVES, b)
        if session is None:
            return
        is_permitted = session.is_open and c > 0
        if kind != "cash_in":
            is_permitted = is_permitted and c * 10 <= session.expected["efectivo"]
        movement_id = self.attempt(
            is_permitted,
            lambda: actions.drawer.record_movement(
                session.id, kind=kind, amount_cents=c * 10, concept="x", actor=self.actor, now=self.now
            ),
        )
        if is_permitted:
            cents = c * 10 if kind == "cash_in" else -c * 10
            session.expected["efectivo"] += cents
            self.model.moves.append(Move(movement_id, session, cents))

    def take_back(self, a, _b, _c):
        move = self.pick(self.model.moves, a)
        if move is None:
            return
        session = move.session if move.session.is_open else self.paying_session
        is_permitted = session is not None and not move.is_reversed
        # the reason of a supervisor lets it leave the drawer
        self.attempt(
            is_permitted,
            lambda: actions.drawer.reverse_movement(move.id, reason="x", actor=self.actor, now=self.now),
        )
        if is_permitted:
            move.is_reversed = True
            session.expected["efectivo"] -= move.cents

    def void(self, a, _b, _c):
        ticket = self.pick(self.model.tickets, a)
        if ticket is None:
            return
        is_permitted = ticket.is_voided or ticket.paid == 0
        self.attempt(
            is_permitted, lambda: actions.tickets.void_ticket(ticket.id, reason="x", actor=self.actor, now=self.now)
        )
        if is_permitted:
            ticket.is_voided, ticket.charged = True, 0

    def cancel(self, a, _b, _c):
        ticket = self.pick(self.model.tickets, a)
        if ticket is None:
            return
        actions.tickets.void_ticket_of(ticket.appointment, reason="x", actor=self.actor, now=self.now)
        ticket.charged, ticket.is_voided = 0, ticket.is_voided or ticket.paid == 0

    def reopen(self, a, _b, _c):
        ticket = self.pick(self.model.tickets, a)
        if ticket is None:
            return
        actions.tickets.reopen_ticket_for(ticket.appointment, actor=self.actor, now=self.now)
        ticket.is_voided, ticket.charged = False, ticket.amount

    def change_therapist(self, a, b, _c):
        ticket = self.pick(self.model.tickets, a)
        if ticket is not None:
            actions.tickets.move_ticket_of(
                ticket.appointment,
                service_day=date(2026, 11, 20),
                therapist_id=1 + b % 2,
                actor=self.actor,
                now=self.now,
            )

    def close(self, a, b, _c):
        session = self.pick(self.model.sessions, a)
        if session is None:
            return
        difference = (0, 50, -20)[b % 3]
        counted = {**session.expected, "efectivo": session.expected["efectivo"] + difference}
        is_permitted = session.is_open and counted["efectivo"] >= 0
        self.attempt(
            is_permitted,
            lambda: self.count_and_close(session.id, counted),
        )
        if is_permitted:
            session.is_open = False

    def count_and_close(self, session_id, counted):
        actions.counts.submit_count(session_id, counted=counted, actor=self.actor, now=self.now)
        actions.tills.close_till(session_id, reason="x", actor=self.actor, now=self.now)

    def compare(self):
        for ticket in self.model.tickets:
            balance = queries.tickets.balance(ticket.id)
            assert balance == queries.tickets.Balance(
                ticket.amount, ticket.charged, ticket.paid, ticket.refunded, ticket.charged - ticket.paid
            )
            assert queries.tickets.ticket(ticket.id, actor=self.actor).status == (
                "voided" if ticket.is_voided else "open"
            )
        for session in self.model.sessions:
            figures = queries.tills.figures(session.id, clinic_id=1, opening_float_cents=session.opening)
            expected = {f.code: f.expected_cents for f in figures}
            assert expected == {"plin": 0, "transferencia": 0} | session.expected
            if not session.is_open:
                counts = select(TillCount.expected_cents).where(TillCount.session_id == session.id)
                assert sum(db.session.scalars(counts)) == sum(session.expected.values())
        context = CheckContext(self.now, Path())
        breaches = {check.name: list(check.find(context)) for check in checks.CHECKS}
        assert not any(breaches.values()), breaches


@pytest.fixture
def second_till(unit):
    with unit():
        return add_till()


class Discard(Exception):
    """Ends a history by rolling back."""


PRELUDE = ((0, 0, 1, 0), (1, 0, 0, 0), (1, 1, 0, 0))
ACTS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 5), st.integers(0, 5), st.integers(0, 60)), min_size=10, max_size=30
)


@settings(
    max_examples=HISTORIES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ACTS)
def test_every_random_history_balances(app, supervisor, desk, second_till, acts):
    with app.app_context():
        try:
            with unit_of_work(write=True):
                history = History((supervisor, desk), (1, second_till))
                for act in (*PRELUDE, *acts):
                    history.run(*act)
                if on_postgresql():
                    db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
                history.compare()
                raise Discard
        except Discard:
            pass
