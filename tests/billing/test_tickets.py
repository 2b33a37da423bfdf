"""Tickets of appointments."""

from datetime import date, timedelta

from sqlalchemy import select

from app.billing import actions, queries
from app.billing.models import Ticket
from app.kernel.db import db
from app.kernel.outbox import EventRow
from tests.billing.conftest import NOW, TODAY, make_ticket
from tests.build import receptionist


def test_tickets_are_numbered_per_clinic(unit):
    with unit():
        make_ticket(1)
        make_ticket(2)
        make_ticket(3, clinic_id=2)
        rows = db.session.execute(select(Ticket.clinic_id, Ticket.number).order_by(Ticket.id)).all()
        assert rows == [(1, 1), (1, 2), (2, 1)]


def test_a_ticket_is_voided_reopened_and_moved_with_its_appointment(unit):
    with unit():
        make_ticket(7)
        actions.tickets.void_ticket_of(7, reason="Cancelada", actor=receptionist(), now=NOW)
        assert queries.tickets.of_appointments([7])[7].state == "voided"
        assert queries.tickets.of_appointments([7])[7].owed_cents == 0
        actions.tickets.reopen_ticket_for(7, actor=receptionist(), now=NOW)
        actions.tickets.move_ticket_of(7, service_day=date(2026, 11, 27), therapist_id=2, actor=receptionist(), now=NOW)
    with unit():
        ticket = db.session.scalar(select(Ticket).where(Ticket.appointment_id == 7))
        assert (ticket.status, ticket.voided_at, ticket.void_reason) == ("open", None, "")
        assert (ticket.service_day, ticket.therapist_id) == (date(2026, 11, 27), 2)
        events = db.session.execute(select(EventRow.type, EventRow.data).order_by(EventRow.id)).all()
        assert [event.type.split(".")[2] for event in events] == ["issued", "voided", "revived", "moved"]
        assert events[-1].data == {"ticket_id": ticket.id, "appointment_id": 7, "service_day": "2026-11-27"}


def test_an_appointment_without_ticket_changes_nothing(unit):
    with unit():
        actions.tickets.void_ticket_of(99, reason="", actor=receptionist(), now=NOW)
        actions.tickets.reopen_ticket_for(99, actor=receptionist(), now=NOW)
        actions.tickets.move_ticket_of(99, service_day=TODAY, therapist_id=1, actor=receptionist(), now=NOW)
        assert queries.tickets.of_appointments([99]) == {}
        assert not queries.tickets.has_payments(99)
        assert db.session.scalars(select(EventRow)).all() == []


def test_debts_are_of_a_clinic_up_to_a_day(unit):
    with unit():
        make_ticket(1, day=TODAY - timedelta(days=7))
        make_ticket(2, day=TODAY - timedelta(days=1), amount_cents=6000)
        make_ticket(3)
        debts = queries.tickets.debts_of_patients([1, 2], clinic_id=1, day=TODAY)
        assert {patient: (debt.total_cents, debt.old_cents) for patient, debt in debts.items()} == {1: (22000, 14000)}
        assert queries.tickets.debts_of_patients([1, 2], clinic_id=2, day=TODAY) == {}
