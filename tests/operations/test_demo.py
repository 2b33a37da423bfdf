"""The demo clinic as docs/interface.md promises it, on a Friday at ten past four."""

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.billing.models import Movement, PaymentMethod, Ticket, TillSession, ticket_balance
from app.cli import demo
from app.clinics.models import Therapist
from app.encounters.models import Encounter
from app.identity.models import User
from app.kernel import clock, integrity, passwords
from app.kernel.db import db, unit_of_work
from app.kernel.demo import DemoContext
from app.kernel.outbox import EventRow
from app.notifications.models import Delivery, Notification
from app.patients.models import Patient
from app.scheduling.demo.history import VisitHistory, build_history
from app.scheduling.demo.plan import planned_visits
from app.scheduling.models import Appointment
from app.scheduling.queries import notices
from app.tenancy.models import Clinic, Organization
from tests import build
from tests.operations.conftest import NOW

LIMA = "America/Lima"
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _context(demo_app: Flask) -> object:
    with demo_app.app_context(), unit_of_work(write=False):
        yield


def test_the_clinics_and_their_people_are_those_of_the_interface() -> None:
    assert db.session.scalars(select(Organization.name)).all() == ["Manos que Curan"]
    assert db.session.scalars(select(Clinic.name).order_by(Clinic.id)).all() == ["Centro Miraflores", "Centro Arequipa"]
    assert db.session.scalar(select(func.count(Therapist.id))) == 6
    assert db.session.scalar(select(func.count(Patient.id))) == 300


def test_the_accounts_have_their_roles_and_nothing_else() -> None:
    rows = db.session.execute(select(User.id, User.email)).all()
    roles = {email.partition("@")[0]: build.roles_of(user_id) for user_id, email in rows}

    assert roles == {
        "ana": {(1, "receptionist")},
        "bruno": {(1, "therapist")},
        "hugo": {(1, "therapist")},
        "clara": set(),
        "gloria": set(),
        "diego": {(1, "supervisor")},
        "eva": {(1, "admin"), (2, "admin")},
        "fabio": {(2, "receptionist")},
    }


def test_an_account_signs_in_with_the_demo_password() -> None:
    stored = db.session.scalar(select(User.password_hash).where(User.email == "ana@example.com"))

    assert stored is not None
    assert passwords.HASHER.verify(stored, "una frase para mirar")


def test_clara_is_brunos_and_gloria_hugos_patient() -> None:
    pairs = db.session.execute(
        select(Appointment.patient_id, Appointment.therapist_id).where(Appointment.patient_id.in_((1, 2))).distinct()
    ).all()

    assert set(pairs) == {(1, 1), (2, 2)}


def test_the_visits_reach_from_sixty_days_ago_to_three_weeks_ahead_in_all_states() -> None:
    first, last = db.session.execute(select(func.min(Appointment.starts_at), func.max(Appointment.starts_at))).one()
    states = set(db.session.scalars(select(Appointment.status).distinct()))

    assert clock.local_day(first, LIMA) <= TODAY - timedelta(days=59)
    assert clock.local_day(last, LIMA) >= TODAY + timedelta(days=20)
    assert states == {
        *("proposed", "waitlist", "pending", "booked", "arrived", "checked-in", "fulfilled"),
        *("noshow", "cancelled", "entered-in-error"),
    }


def test_today_the_desk_of_miraflores_is_busy() -> None:
    start, end = clock.day_bounds(TODAY, LIMA)
    rows = db.session.execute(
        select(Appointment.status, Encounter.status)
        .outerjoin(Encounter, Encounter.appointment_id == Appointment.id)
        .where(Appointment.clinic_id == 1, Appointment.starts_at >= start, Appointment.starts_at < end)
    ).all()
    states = Counter(status for status, _ in rows)

    assert 24 <= len(rows) <= 40
    assert all(states[status] for status in ("booked", "fulfilled"))
    assert states["arrived"] + states["checked-in"] > 0
    assert "in-progress" in {session for _, session in rows}


def test_nothing_has_happened_in_the_future() -> None:
    columns = (Appointment.created_at, Appointment.status_since, Appointment.arrived_at, Movement.received_at)
    columns = (*columns, Encounter.started_at, Encounter.finished_at, Ticket.issued_at, Delivery.sent_at)

    assert all((db.session.scalar(select(func.max(column))) or NOW) <= NOW for column in columns)


def test_money_came_by_every_method_and_some_went_back() -> None:
    paid = select(PaymentMethod.clinic_id, PaymentMethod.code).join(Movement, Movement.method_id == PaymentMethod.id)
    kinds = set(db.session.scalars(select(Movement.kind).distinct()))

    assert len(set(db.session.execute(paid).all())) == 10
    assert kinds >= {"payment", "refund", "expense", "deposit"}


def test_nothing_was_paid_or_given_for_visits_that_were_never_booked() -> None:
    tickets = select(ticket_balance.c.paid_cents, ticket_balance.c.amount_cents).select_from(Appointment)
    tickets = tickets.join(Ticket, Ticket.appointment_id == Appointment.id)
    tickets = tickets.join(ticket_balance, ticket_balance.c.ticket_id == Ticket.id)
    rows = db.session.execute(tickets.where(Appointment.status.in_(("waitlist", "proposed", "pending")))).all()

    assert rows
    assert all(paid == 0 and amount > 0 for paid, amount in rows)


def test_one_till_is_open_today_and_the_closed_ones_differ_or_agree() -> None:
    open_ones = db.session.execute(
        select(TillSession.clinic_id, TillSession.business_day).where(TillSession.status == "open")
    ).all()
    differences = set(db.session.scalars(select(TillSession.difference_cents).where(TillSession.status == "closed")))

    assert open_ones == [(1, TODAY)]
    assert 0 in differences
    assert min(differences) < 0 < max(differences)


def test_every_staff_member_has_an_inbox_and_no_mail_waits() -> None:
    told = set(db.session.scalars(select(Notification.user_id).distinct()))

    assert told == set(db.session.scalars(select(User.id)))
    assert set(db.session.scalars(select(Delivery.status).distinct())) == {"sent"}
    assert db.session.scalar(select(func.count(EventRow.id)).where(EventRow.published.is_(False))) == 0


def test_the_first_worker_reminds_nobody_at_once() -> None:
    due = notices.reminders_due(now=NOW)
    claimed = set(db.session.scalars(select(Delivery.key))) | set(db.session.scalars(select(Notification.key)))

    assert due
    assert all(key in claimed or f"{key}:email" in claimed for key in due.values())


def test_it_holds_what_verify_asks(tmp_path: Path) -> None:
    findings = integrity.run(integrity.CheckContext(NOW, tmp_path))

    assert [finding for finding in findings if finding.breaches] == []


def test_it_is_loaded_once() -> None:
    with pytest.raises(demo.NotEmpty):
        demo.load(password="una frase para mirar", now=NOW)


@pytest.mark.parametrize("hours", [0, 9, 20, 30, 58])
def test_the_same_moment_gives_the_same_visits_whatever_the_day_and_hour(hours: int) -> None:
    """Sundays, nights and mornings have visits too, and nothing of theirs lies in the future."""
    now = NOW + timedelta(hours=hours)

    one, other = (_histories(now) for _ in range(2))

    assert one == other
    assert any(history.visit.day == clock.local_day(now, LIMA) for history in one)
    assert all(change["at"] <= now for history in one for change in history.changes)


def _histories(now: datetime) -> list[VisitHistory]:
    context = DemoContext(now, LIMA, "una frase para mirar")
    return [build_history(visit, visit.id, False, context) for visit in planned_visits(context)]
