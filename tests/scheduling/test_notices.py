"""Who is told what of a visit, when, and how often: once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from icalendar import Calendar
from sqlalchemy import insert, select, update

from app.clinics.models import Settings
from app.kernel import clock, outbox
from app.kernel.db import db, unit_of_work
from app.kernel.tasks import Task
from app.notifications import rules as notification_rules
from app.notifications.models import Delivery, Notification
from app.notifications.task_kinds import SEND_DELIVERY
from app.patients.models import Patient
from app.scheduling import events, jobs, rules
from app.scheduling.models import Appointment, AppointmentEvent
from app.scheduling.rules.transitions import UNDO_WITHIN
from app.tenancy.models import Clinic
from tests.background import run_pending_work, sweep
from tests.cast import Cast

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # Monday, 09:00 in Lima
WEDNESDAY = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)  # 10:00
LIMA = ZoneInfo("America/Lima")


EVENT_OF_STEP = {
    "booked": events.AppointmentApproved,
    "arrived": events.AppointmentArrived,
    "checked-in": events.AppointmentCheckedIn,
    "fulfilled": events.AppointmentFulfilled,
    "noshow": events.AppointmentNoShow,
    "entered-in-error": events.AppointmentEnteredInError,
}


@pytest.fixture(autouse=True)
def the_clock_stands() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def write_visit(app: Flask, cast: Cast, **given: Any) -> int:
    """A visit of Clara with Bruno as rows: these tests do not stand on the actions."""
    values: dict[str, Any] = {
        "organization_id": 1,
        "uid": "6f0c4b5e-2f7e-4d4f-9a31-2f0a1f7c9a11",
        "sequence": 0,
        "clinic_id": cast.miraflores,
        "therapist_id": cast.bruno,
        "patient_id": cast.clara,
        "service_id": cast.reflexology,
        "starts_at": WEDNESDAY,
        "ends_at": given.get("starts_at", WEDNESDAY) + timedelta(minutes=45),
        "status": "booked",
        "status_since": clock.now(),
        "created_at": clock.now(),
        **given,
    }
    with app.app_context(), unit_of_work(write=True):
        visit_id = db.session.scalar(insert(Appointment).values(**values).returning(Appointment.id))
        log = {"appointment_id": visit_id, "to_status": values["status"], "at": values["created_at"]}
        db.session.execute(insert(AppointmentEvent).values(**log))
        assert visit_id is not None
        return visit_id


def change(app: Flask, visit_id: int, **values: Any) -> None:
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Appointment).where(Appointment.id == visit_id).values(**values))


def record(app: Flask, event: outbox.Event, visit_id: int) -> None:
    with app.app_context(), unit_of_work(write=True):
        outbox.record(
            event, actor=None, now=clock.now(), organization_id=1, clinic_id=1, subject_id=visit_id, patient_id=1
        )


def booked(app: Flask, visit_id: int, **given: Any) -> None:
    facts: dict[str, Any] = {"status": "booked", "sequence": 0, "starts_at": WEDNESDAY, "origin": "desk", **given}
    record(app, events.AppointmentBooked(visit_id, therapist_id=1, day="2026-11-25", **facts), visit_id)


def moved(app: Flask, visit_id: int, starts_at: datetime, *, sequence: int, therapist_id: int = 1) -> None:
    change(
        app,
        visit_id,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=45),
        sequence=sequence,
        therapist_id=therapist_id,
    )
    event = events.AppointmentMoved(
        visit_id,
        therapist_id=therapist_id,
        old_therapist_id=1,
        sequence=sequence,
        starts_at=starts_at,
        old_starts_at=WEDNESDAY,
        day="2026-11-26",
        old_day="2026-11-25",
    )
    record(app, event, visit_id)


def cancelled(app: Flask, visit_id: int, *, sequence: int) -> None:
    change(app, visit_id, status="cancelled", sequence=sequence)
    event = events.AppointmentCancelled(
        visit_id,
        therapist_id=1,
        sequence=sequence,
        starts_at=WEDNESDAY,
        day="2026-11-25",
        reason="patient",
        is_late=False,
    )
    record(app, event, visit_id)


def stepped(app: Flask, visit_id: int, before: str, after: str, **values: Any) -> None:
    change(app, visit_id, status=after, **values)
    common = {"appointment_id": visit_id, "therapist_id": 1, "day": "2026-11-25", "from_status": before}
    if (before, after) in UNDO_WITHIN:
        record(app, events.AppointmentUndone(**common, to_status=after), visit_id)
    else:
        record(app, EVENT_OF_STEP[after](**common), visit_id)


@pytest.fixture
def mails(app: Flask) -> Callable[[], dict[str, EmailMessage]]:
    """The file outbox: name of each message → mail."""

    def read() -> dict[str, EmailMessage]:
        folder = Path(app.config["SETTINGS"].data_dir) / "outbox"
        files = sorted(folder.glob("*.eml")) if folder.exists() else []
        return {f.stem: message_from_bytes(f.read_bytes(), _class=EmailMessage, policy=policy.default) for f in files}

    return read


Mails = Callable[[], dict[str, EmailMessage]]


def calendar_of(mail: EmailMessage) -> tuple[str, Any]:
    """The method and the event of the attached calendar object."""
    (part,) = [p for p in mail.iter_attachments() if p.get_content_type() == "text/calendar"]
    assert part.get_filename() == "cita.ics"
    calendar = Calendar.from_ical(part.get_payload(decode=True))
    assert part.get_param("method") == calendar["METHOD"]
    return str(calendar["METHOD"]), calendar.walk("VEVENT")[0]


def body_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def lines_of(app: Flask, user_id: int) -> list[str]:
    with app.app_context():
        mine = select(Notification.kind).where(Notification.user_id == user_id).order_by(Notification.id)
        return list(db.session.scalars(mine))


def remind(app: Flask) -> None:
    with app.app_context():
        jobs.remind_due(now=clock.now())
    run_pending_work(app)


# ------------------------------------------------------------------ booked


def test_a_booking_confirms_to_the_patient_and_tells_the_therapist(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    topics = run_pending_work(app)
    (mail,) = mails().values()
    assert mail["To"] == "clara@example.com"
    assert mail["Subject"] == "Su cita: mié 25 nov, 10:00"
    text = body_of(mail)
    assert "miércoles 25 de noviembre, 10:00" in text
    assert "Reflexología podal" in text
    assert text.count("http://127.0.0.1:8000/my\n") == 1
    assert "Gloria" not in mail.as_string()
    assert lines_of(app, cast.clara_user) == ["appointment_created"]
    assert lines_of(app, cast.bruno_user) == ["appointment_created"]
    assert {f"inbox:{cast.clara_user}", f"inbox:{cast.bruno_user}"} <= set(topics)


def test_the_calendar_object_reads_back(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    run_pending_work(app)
    (mail,) = mails().values()
    method, event = calendar_of(mail)
    assert method == "REQUEST"
    assert event["UID"] == "6f0c4b5e-2f7e-4d4f-9a31-2f0a1f7c9a11"
    assert event["SEQUENCE"] == 0
    assert event["DTSTART"].dt == WEDNESDAY
    assert event["DTEND"].dt == WEDNESDAY + timedelta(minutes=45)
    assert event["LOCATION"] == "Centro Miraflores"
    assert event["ORGANIZER"] == "mailto:no-reply@mediconnect.example"
    assert event["ATTENDEE"] == "mailto:clara@example.com"
    assert event["STATUS"] == "CONFIRMED"


def test_the_same_fact_twice_is_told_once(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    booked(app, visit_id)
    run_pending_work(app)
    assert len(mails()) == 1
    assert lines_of(app, cast.bruno_user) == ["appointment_created"]


def test_a_patient_without_address_and_account_is_left_alone(app: Flask, cast: Cast, mails: Mails) -> None:
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Patient).values(email="", user_id=None))
    booked(app, write_visit(app, cast))
    run_pending_work(app)
    assert mails() == {}
    assert lines_of(app, cast.bruno_user) == ["appointment_created"]


def test_a_request_is_not_called_a_booking(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast, status="pending")
    booked(app, visit_id, status="pending")
    run_pending_work(app)
    (request,) = mails().values()
    assert "solicitud" in request["Subject"]
    assert calendar_of(request)[1]["STATUS"] == "TENTATIVE"
    stepped(app, visit_id, "pending", "booked")
    run_pending_work(app)
    accepted = mails()[f"appointment-{visit_id}-0-confirmation-after-pending-email"]
    assert accepted["Subject"] == "Su cita: mié 25 nov, 10:00"


def test_a_walk_in_gets_no_mail_and_the_therapist_knows(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast, status="arrived", starts_at=NOW, origin="walk-in")
    booked(app, visit_id, status="arrived")
    run_pending_work(app)
    assert mails() == {}
    assert lines_of(app, cast.bruno_user) == ["patient_arrived"]


def test_it_speaks_the_patients_language_and_the_clinics_clock(app: Flask, cast: Cast, mails: Mails) -> None:
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Patient).values(locale="en"))
        db.session.execute(update(Clinic).values(timezone="America/La_Paz"))
    booked(app, write_visit(app, cast))
    run_pending_work(app)
    (mail,) = mails().values()
    assert "25 Nov" in mail["Subject"] or "Nov 25" in mail["Subject"]
    assert "11:00" in mail["Subject"]


def test_clinical_words_and_notes_stay_in_the_house(app: Flask, cast: Cast, mails: Mails) -> None:
    booked(app, write_visit(app, cast, reason="dolor crónico", notes="deuda antigua"))
    run_pending_work(app)
    (mail,) = mails().values()
    everything = "".join(str(p.get_content()) for p in mail.walk() if p.get_content_maintype() == "text")
    assert "dolor" not in everything
    assert "deuda" not in everything


def test_names_cannot_write_html(app: Flask, cast: Cast, mails: Mails) -> None:
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Patient).values(given_names="<script>alert(1)</script>"))
    booked(app, write_visit(app, cast))
    run_pending_work(app)
    (mail,) = mails().values()
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()


# ------------------------------------------------------------------ moved and cancelled


def test_a_move_says_how_it_stands_now(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    run_pending_work(app)
    moved(app, visit_id, WEDNESDAY + timedelta(days=1), sequence=1)
    run_pending_work(app)
    mail = mails()[f"appointment-{visit_id}-1-changed-email"]
    assert mail["Subject"] == "Su cita cambió: jue 26 nov, 10:00"
    assert "Cambió: antes mié 25 nov, 10:00, ahora jue 26 nov, 10:00." in body_of(mail)
    with app.app_context():
        texts = db.session.scalars(select(Notification.text).where(Notification.kind == "appointment_changed")).all()
    assert [text.startswith("Cambió: antes mié 25 nov, 10:00, ahora jue 26 nov, 10:00.") for text in texts] == [
        True
    ] * 2
    method, event = calendar_of(mail)
    assert (method, event["SEQUENCE"]) == ("REQUEST", 1)
    assert lines_of(app, cast.clara_user) == ["appointment_created", "appointment_changed"]


def test_a_move_before_the_first_mail_is_called_a_change(app: Flask, cast: Cast, mails: Mails) -> None:
    """Booked online, moved within the three minutes: the only mail says what changed, not that it is booked."""
    visit_id = write_visit(app, cast, origin="online")
    booked(app, visit_id, origin="online")
    run_pending_work(app)
    assert mails() == {}
    moved(app, visit_id, WEDNESDAY + timedelta(minutes=90), sequence=1)
    run_pending_work(app)
    (mail,) = mails().values()
    assert mail["Subject"].startswith("Su cita cambió")
    assert "Cambió: antes mié 25 nov, 10:00, ahora mié 25 nov, 11:30." in body_of(mail)
    assert lines_of(app, cast.clara_user) == ["appointment_created", "appointment_changed"]


def test_another_therapist_at_the_same_time_is_no_change_of_time(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    moved(app, visit_id, WEDNESDAY, sequence=1, therapist_id=cast.hugo)
    run_pending_work(app)
    (mail,) = mails().values()
    assert "Cambió:" not in body_of(mail)


def test_a_fast_move_leaves_one_true_mail(app: Flask, cast: Cast, mails: Mails) -> None:
    """Booked, moved and moved again before anybody looked: no mail with a time that is not true."""
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    moved(app, visit_id, WEDNESDAY + timedelta(days=1), sequence=1)
    moved(app, visit_id, WEDNESDAY + timedelta(days=2), sequence=2)
    run_pending_work(app)
    (mail,) = mails().values()
    assert "vie 27 nov" in mail["Subject"]


def test_another_therapist_both_are_told(app: Flask, cast: Cast) -> None:
    visit_id = write_visit(app, cast)
    moved(app, visit_id, WEDNESDAY, sequence=1, therapist_id=cast.hugo)
    run_pending_work(app)
    assert lines_of(app, cast.bruno_user) == ["appointment_changed"]
    assert lines_of(app, cast.hugo_user) == ["appointment_created"]


def test_a_cancellation_takes_it_out_of_the_calendar(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    run_pending_work(app)
    cancelled(app, visit_id, sequence=1)
    run_pending_work(app)
    mail = mails()[f"appointment-{visit_id}-1-cancellation-email"]
    method, event = calendar_of(mail)
    assert (method, event["SEQUENCE"], event["STATUS"]) == ("CANCEL", 1, "CANCELLED")
    assert lines_of(app, cast.clara_user) == ["appointment_created", "appointment_cancelled"]


def test_no_confirmation_of_what_is_cancelled_already(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    cancelled(app, visit_id, sequence=1)
    run_pending_work(app)
    assert list(mails()) == [f"appointment-{visit_id}-1-cancellation-email"]


def test_online_second_thoughts_within_three_minutes_send_nothing(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast, origin="online")
    booked(app, visit_id, origin="online")
    run_pending_work(app)
    cancelled(app, visit_id, sequence=1)
    run_pending_work(app)
    with time_machine.travel(NOW + timedelta(minutes=4), tick=False):
        sweep(app)
        run_pending_work(app)
    assert mails() == {}
    assert lines_of(app, cast.clara_user) == ["appointment_created", "appointment_cancelled"]


def test_online_confirmation_goes_after_three_minutes(app: Flask, cast: Cast, mails: Mails) -> None:
    booked(app, write_visit(app, cast, origin="online"), origin="online")
    run_pending_work(app)
    assert mails() == {}
    with time_machine.travel(NOW + timedelta(minutes=3), tick=False):
        sweep(app)
        run_pending_work(app)
    assert len(mails()) == 1


def test_taking_a_cancellation_back_confirms_again(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    booked(app, visit_id)
    run_pending_work(app)
    cancelled(app, visit_id, sequence=1)
    run_pending_work(app)
    stepped(app, visit_id, "cancelled", "booked", sequence=2)
    run_pending_work(app)
    method, event = calendar_of(mails()[f"appointment-{visit_id}-2-confirmation-after-cancelled-email"])
    assert (method, event["SEQUENCE"], event["STATUS"]) == ("REQUEST", 2, "CONFIRMED")


@pytest.mark.parametrize(
    ("before", "after", "patient", "therapist"),
    [
        ("booked", "arrived", [], ["patient_arrived"]),
        ("booked", "noshow", ["appointment_noshow"], []),
        ("arrived", "checked-in", [], []),
        ("checked-in", "fulfilled", [], []),
        ("arrived", "booked", [], []),
        ("booked", "entered-in-error", ["appointment_cancelled"], ["appointment_cancelled"]),
    ],
)
def test_steps_that_matter(
    app: Flask, cast: Cast, before: str, after: str, patient: list[str], therapist: list[str]
) -> None:
    stepped(app, write_visit(app, cast), before, after)
    run_pending_work(app)
    assert lines_of(app, cast.clara_user) == patient
    assert lines_of(app, cast.bruno_user) == therapist


# ------------------------------------------------------------------ reminders


def test_the_reminder_comes_a_day_before_and_once(app: Flask, cast: Cast, mails: Mails) -> None:
    write_visit(app, cast)
    with time_machine.travel(WEDNESDAY - timedelta(hours=24, seconds=1), tick=False):
        remind(app)
        assert mails() == {}
    with time_machine.travel(WEDNESDAY - timedelta(hours=24), tick=False):
        remind(app)
        remind(app)
    (mail,) = mails().values()
    assert mail["Subject"] == "Recordatorio de su cita: mié 25 nov, 10:00"
    assert "http://127.0.0.1:8000/my\n" in body_of(mail)
    assert lines_of(app, cast.clara_user) == ["appointment_reminder"]


def test_no_link_when_it_is_too_late_to_change(app: Flask, cast: Cast, mails: Mails) -> None:
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Settings).values(phone="+5114467890"))
    write_visit(app, cast)
    with time_machine.travel(WEDNESDAY - timedelta(hours=2), tick=False):
        remind(app)
    (mail,) = mails().values()
    assert "http" not in body_of(mail)
    assert "llame a la clínica: (01) 446 7890" in body_of(mail)


def test_nobody_is_reminded_at_night(app: Flask, cast: Cast, mails: Mails) -> None:
    """A visit at 07:00: the day before comes at 07:00, the reminder at 08:00 by the clinic's clock."""
    start = WEDNESDAY - timedelta(hours=3)
    write_visit(app, cast, starts_at=start, created_at=NOW - timedelta(days=3))
    for hours, due in ((24, 0), (23.1, 0), (23, 1)):
        with time_machine.travel(start - timedelta(hours=hours), tick=False):
            remind(app)
        assert len(mails()) == due


@pytest.mark.parametrize("status", ["cancelled", "arrived", "noshow", "entered-in-error", "fulfilled"])
def test_only_what_is_expected_is_reminded(app: Flask, cast: Cast, mails: Mails, status: str) -> None:
    write_visit(app, cast, status=status)
    with time_machine.travel(WEDNESDAY - timedelta(hours=20), tick=False):
        remind(app)
    assert mails() == {}


def test_a_moved_visit_is_reminded_again_for_its_new_time(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    with time_machine.travel(WEDNESDAY - timedelta(hours=20), tick=False):
        remind(app)
    change(app, visit_id, starts_at=WEDNESDAY + timedelta(days=2), ends_at=WEDNESDAY + timedelta(days=3), sequence=1)
    with time_machine.travel(WEDNESDAY + timedelta(days=1, hours=5), tick=False):
        remind(app)
    assert list(mails()) == [f"appointment-{visit_id}-0-reminder-email", f"appointment-{visit_id}-1-reminder-email"]


def test_a_cancelled_visit_drops_its_waiting_reminder(app: Flask, cast: Cast, mails: Mails) -> None:
    visit_id = write_visit(app, cast)
    with time_machine.travel(WEDNESDAY - timedelta(hours=20), tick=False), app.app_context():
        jobs.remind_due(now=clock.now())
        app.extensions["broker"].redis.flushdb()  # the job is lost, the message waits
        cancelled(app, visit_id, sequence=1)
        run_pending_work(app, jobs=False)
        sweep(app)
        run_pending_work(app)
        assert db.session.scalars(select(Delivery.status)).all() == ["dropped"]
    assert mails() == {}


def test_two_clocks_remind_once(app: Flask, cast: Cast, mails: Mails) -> None:
    write_visit(app, cast)
    with time_machine.travel(WEDNESDAY - timedelta(hours=20), tick=False), app.app_context():
        jobs._remind(1, now=clock.now())
        jobs._remind(1, now=clock.now())
        run_pending_work(app)
    assert len(mails()) == 1


def test_who_just_booked_is_not_reminded_at_once(app: Flask, cast: Cast, mails: Mails) -> None:
    write_visit(app, cast, starts_at=NOW + timedelta(hours=25))
    remind(app)
    assert mails() == {}
    with time_machine.travel(NOW + timedelta(hours=23), tick=False):  # the next morning, at eight
        remind(app)
    assert len(mails()) == 1


@pytest.mark.parametrize(
    ("hours_before", "told_hours_before", "due"),
    [(24, 48, True), (24.01, 48, False), (1, 48, True), (0.99, 48, False), (14, 26, True), (14, 25.9, False)],
)
def test_when_a_reminder_is_due(hours_before: float, told_hours_before: float, due: bool) -> None:
    start = WEDNESDAY
    told_at, now = start - timedelta(hours=told_hours_before), start - timedelta(hours=hours_before)
    assert rules.is_reminder_due(start, told_at=told_at, now=now, zone=LIMA) is due


def test_a_day_before_is_wall_time_where_clocks_change() -> None:
    """Santiago goes to summer time in the night to Sunday 6 September 2026: that day has 23 hours."""
    zone = ZoneInfo("America/Santiago")
    start = datetime(2026, 9, 6, 10, 0, tzinfo=zone).astimezone(UTC)
    saturday_at_ten = datetime(2026, 9, 5, 10, 0, tzinfo=zone).astimezone(UTC)
    assert start - saturday_at_ten == timedelta(hours=23)
    told_at = start - timedelta(days=9)
    assert rules.is_reminder_due(start, told_at=told_at, now=saturday_at_ten, zone=zone)
    assert not rules.is_reminder_due(start, told_at=told_at, now=saturday_at_ten - timedelta(minutes=1), zone=zone)


def test_one_bad_visit_does_not_stop_the_others(app: Flask, cast: Cast, mails: Mails) -> None:
    write_visit(app, cast)
    write_visit(
        app,
        cast,
        uid="other",
        patient_id=cast.gloria,
        therapist_id=cast.hugo,
        starts_at=WEDNESDAY + timedelta(minutes=30),
    )
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Patient).where(Patient.id == cast.clara).values(locale="no locale"))
    with time_machine.travel(WEDNESDAY - timedelta(hours=20), tick=False):
        remind(app)
    assert [mail["To"] for mail in mails().values()] == ["gloria@example.com"]


def test_a_mail_server_that_is_away_holds_nobody_up(app: Flask, cast: Cast) -> None:
    """Booking and its events go on; the message waits for its next attempt."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], smtp_url="smtp://127.0.0.1:11")
    booked(app, write_visit(app, cast))
    run_pending_work(app)
    with app.app_context():
        assert db.session.scalars(select(Delivery.status)).all() == ["pending"]
        task = db.session.scalars(select(Task).where(Task.kind == SEND_DELIVERY.id)).one()
        assert (task.attempts, task.due_at) == (0, NOW + notification_rules.REST)
