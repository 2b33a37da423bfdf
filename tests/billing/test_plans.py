"""Query plans: frequent reads use an index on both engines and never scan the ledger."""

import re

import pytest
from sqlalchemy import event, text

from app.billing import queries
from app.billing.models import Ticket
from app.billing.queries import cash
from app.kernel.db import db, on_postgresql
from tests.billing.conftest import TODAY

LEDGER_SCAN = re.compile(
    r"SCAN (posting|movement|ticket_line|[pmlt])(_\d+)?\b|Seq Scan on (posting|movement|ticket_line)\b"
)
READS = {
    "the page of 20 tickets": lambda actor: db.session.execute(
        queries.tickets.listing_statement(actor=actor).order_by(Ticket.id.desc()).limit(20)
    ),
    "the tickets of a day": lambda actor: queries.tickets.search(1, actor=actor, day=TODAY),
    "the tickets of appointments": lambda actor: queries.tickets.of_appointments([1, 2, 3]),
    "the debts of a day's patients": lambda actor: queries.tickets.debts_of_patients([1, 2], clinic_id=1, day=TODAY),
    "a ticket's balance": lambda actor: queries.tickets.balance(1),
    "a ticket's payments": lambda actor: queries.payments.of_ticket(1),
    "a session's figures": lambda actor: queries.tills.figures(1, clinic_id=1, opening_float_cents=0),
    "a session's movements": lambda actor: queries.drawer.movements(1),
    "the cash of a day": lambda actor: cash.daily_cash(clinic_id=1, day=TODAY, actor=actor),
    "the paid tickets of a day": lambda actor: cash.paid_tickets(clinic_id=1, day=TODAY, actor=actor),
}


@pytest.mark.parametrize("name", READS)
def test_no_query_scans_the_ledger(unit, supervisor, ticket, till, name):
    with unit():
        connection, sent = db.session.connection(), []
        if on_postgresql():  # the planner scans small tables
            db.session.execute(text("SET LOCAL enable_seqscan = off"))

        def note(_connection, _cursor, statement, parameters, _context, _many):
            sent.append((statement, parameters))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            READS[name](supervisor)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        explain = "EXPLAIN " if on_postgresql() else "EXPLAIN QUERY PLAN "
        for statement, parameters in sent:
            rows = connection.exec_driver_sql(explain + statement, parameters)
            plan = "\n".join(str(row[-1]) for row in rows)
            assert not LEDGER_SCAN.search(plan), plan
