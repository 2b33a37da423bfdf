"""Deliveries: neither lost nor sent twice when a process dies."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import time_machine
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from flask import Flask
from redis import Redis
from sqlalchemy import select

from app.kernel import clock, task_runner, tasks
from app.kernel.access import system_actor
from app.kernel.db import db, unit_of_work
from app.kernel.tasks import Task
from app.notifications import actions, jobs, queries, rules
from app.notifications.models import Delivery, Notification
from app.notifications.task_kinds import SEND_DELIVERY
from tests.background import run_pending_work, sweep, waiting_jobs

Outbox = Callable[[], list[EmailMessage]]
Deliver = Callable[..., int]


def row_of(app: Flask, delivery_id: int) -> Delivery:
    with app.app_context():
        return db.session.get_one(Delivery, delivery_id)


def task_of(app: Flask, delivery_id: int) -> Task:
    with app.app_context():
        return db.session.scalars(select(Task).where(Task.key == str(delivery_id))).one()


class Server:
    """A mail server that keeps accepted messages; ``answer`` is its reply to a recipient."""

    def __init__(self) -> None:
        self.accepted: list[Any] = []
        self.answer = "250 OK"
        self.refused: dict[str, str] = {}
        self.hangs_up: set[str] = set()
        self.encrypted: list[bool] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        answer = self.refused.get(address, self.answer)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if envelope.rcpt_tos[0] in self.hangs_up:
            server.transport.close()
            return "421 gone"
        self.encrypted.append(session.ssl is not None)
        self.accepted.append(envelope)
        return "250 OK"


@contextmanager
def mail_server(
    app: Flask, scheme: str = "smtp", account: str = "", ca_file: str = "", **options: Any
) -> Iterator[Server]:
    """The application sends to a real server on a free port for a while; ``options`` are those of aiosmtpd."""
    server = Server()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    controller = Controller(server, hostname="127.0.0.1", port=port, server_hostname="mail.example", **options)
    controller.start()
    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(before, smtp_url=f"{scheme}://{account}127.0.0.1:{port}", smtp_ca_file=ca_file)
    try:
        yield server
    finally:
        app.config["SETTINGS"] = before
        controller.stop()


def test_it_is_sent_once(app: Flask, deliver: Deliver, outbox: Outbox) -> None:
    delivery_id = deliver()
    run_pending_work(app)
    (mail,) = outbox()
    assert mail["To"] == "clara@example.com"
    assert mail["From"] == "Centro Miraflores <no-reply@mediconnect.example>"
    assert mail["Message-ID"] == "<appointment-12-0-confirmation-email@mediconnect.example>"
    assert row_of(app, delivery_id).status == "sent"


def test_the_same_key_is_claimed_once(app: Flask, deliver: Deliver, outbox: Outbox) -> None:
    deliver()
    assert deliver(text="otra vez") is None
    run_pending_work(app)
    (mail,) = outbox()
    assert "otra vez" not in mail.get_content()


def test_nothing_is_sent_when_the_transaction_fails(app: Flask) -> None:
    def write_and_fail() -> None:
        with app.app_context(), unit_of_work(write=True):
            actions.deliver(
                key="a",
                kind="confirmation",
                address="clara@example.com",
                subject="Su cita",
                text="",
                clinic_id=1,
                patient_id=1,
                subject_id=1,
                now=clock.now(),
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert waiting_jobs(app) == 0


def test_a_real_server_gets_it_with_the_calendar(app: Flask, deliver: Deliver) -> None:
    with mail_server(app) as server:
        deliver(calendar="BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nEND:VCALENDAR\r\n", html="<p>Hola, Clara.</p>")
        run_pending_work(app)
    (envelope,) = server.accepted
    assert envelope.rcpt_tos == ["clara@example.com"]
    assert b'method="CANCEL"' in envelope.content
    assert b"multipart/alternative" in envelope.content


def test_a_stalled_worker_is_replaced_when_its_lease_ends(app: Flask, deliver: Deliver, outbox: Outbox) -> None:
    start = clock.now()
    delivery_id = deliver(now=start)
    with app.app_context():
        with unit_of_work(write=True):
            assert task_runner.claim(task_of(app, delivery_id).id, now=start)
            assert actions.start_sending(delivery_id)  # and then the worker stalls
        app.extensions["broker"].redis.flushdb()
    with time_machine.travel(start + task_runner.LEASE - timedelta(seconds=1), tick=False):
        assert sweep(app) == 0
    with time_machine.travel(start + task_runner.LEASE, tick=False):
        assert sweep(app) == 1
        run_pending_work(app)
    assert len(outbox()) == 1
    assert row_of(app, delivery_id).status == "sent"


def test_a_delivery_being_sent_is_not_cancelled(app: Flask, deliver: Deliver) -> None:
    delivery_id = deliver("appointment:12:0:confirmation:email")
    with app.app_context(), unit_of_work(write=True):
        assert actions.start_sending(delivery_id)
        assert actions.cancel_pending("appointment:12:", now=clock.now()) == 0
        assert actions.is_sent_or_sending("appointment:12:")


def test_two_workers_send_one_mail(app: Flask, deliver: Deliver) -> None:
    with mail_server(app) as server:
        delivery_id = deliver()
        with app.app_context():
            task_runner.run(task_of(app, delivery_id).id)
            task_runner.run(task_of(app, delivery_id).id)
        run_pending_work(app)
    assert len(server.accepted) == 1


def test_without_redis_the_sweep_sends_it(app: Flask, deliver: Deliver, outbox: Outbox) -> None:
    broker = app.extensions["broker"]
    redis = broker.redis
    broker.redis = Redis.from_url("unix:///nowhere/redis.sock")
    delivery_id = deliver()
    sweep(app)
    assert row_of(app, delivery_id).status == "pending"
    broker.redis = redis
    sweep(app)
    run_pending_work(app)
    assert len(outbox()) == 1


def test_the_sweep_does_not_enqueue_twice(app: Flask, deliver: Deliver) -> None:
    deliver()
    app.extensions["broker"].redis.flushdb()
    sweep(app)
    sweep(app)
    assert waiting_jobs(app) == 1


def test_it_waits_until_it_is_due(app: Flask, deliver: Deliver, outbox: Outbox) -> None:
    start = clock.now()
    deliver(due_at=start + timedelta(minutes=3))
    run_pending_work(app)
    sweep(app)
    run_pending_work(app)
    assert outbox() == []
    with time_machine.travel(start + timedelta(minutes=4), tick=False):
        sweep(app)
        run_pending_work(app)
    assert len(outbox()) == 1


def test_an_unreachable_server_is_waited_for_and_then_staff_is_notified(app: Flask, deliver: Deliver) -> None:
    """For half a day nothing is counted, then each attempt; meanwhile the message is on the operators' list."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], smtp_url="smtp://127.0.0.1:9")
    start = clock.now()
    delivery_id = deliver(now=start)
    run_pending_work(app)
    task = task_of(app, delivery_id)
    assert (task.attempts, task.last_error) == (0, "the mail server is away: ConnectionRefusedError")
    with app.app_context():
        actor = system_actor(1, [1])
        listed = queries.undelivered(actor=actor, now=start + rules.OVERDUE)
    assert [row["id"] for row in listed] == [delivery_id]

    instant, attempts = start + rules.PATIENCE, 0
    while row_of(app, delivery_id).status == "pending":
        attempts += 1
        with time_machine.travel(instant, tick=False):
            sweep(app)
            run_pending_work(app)
        task = task_of(app, delivery_id)
        assert task.attempts == attempts
        instant = task.due_at
    assert attempts == SEND_DELIVERY.retry.max_attempts
    assert (task.last_error, task.failed_at is not None) == ("ConnectionRefusedError", True)
    assert "ConnectionRefusedError" in row_of(app, delivery_id).last_error
    with app.app_context():
        notified = db.session.scalars(select(Notification.user_id).where(Notification.kind == "delivery_failed")).all()
    assert sorted(notified) == [6, 7]  # Diego and Eva; nobody of the other clinic


def test_a_failing_address_does_not_delay_others(app: Flask, deliver: Deliver) -> None:
    with mail_server(app) as server:
        server.refused = {"clara@example.com": "450 later"}
        first = deliver("a")
        second = deliver("b", address="gloria@example.com")
        run_pending_work(app)
    assert [envelope.rcpt_tos for envelope in server.accepted] == [["gloria@example.com"]]
    assert row_of(app, first).status == "pending"
    assert row_of(app, second).status == "sent"


def test_a_server_that_was_away_is_left_alone_for_a_while(app: Flask, deliver: Deliver) -> None:
    """The first message finds it away, the others do not try; all leave when it is back."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        connections: list[Any] = []
        port = server.getsockname()[1]
        server.settimeout(5)

        def accept_and_hang_up() -> None:
            with suppress(OSError):
                while True:
                    connections.append(server.accept()[0])
                    connections[-1].close()

        threading.Thread(target=accept_and_hang_up, daemon=True).start()
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], smtp_url=f"smtp://127.0.0.1:{port}")
        numbers = [deliver(name) for name in ("a", "b", "c")]
        run_pending_work(app)
        assert len(connections) == 1
    assert [task_of(app, number).attempts for number in numbers] == [0, 0, 0]

    with mail_server(app) as back, time_machine.travel(clock.now() + rules.REST, tick=False):
        sweep(app)
        run_pending_work(app)
    assert len(back.accepted) == 3


def test_operators_read_no_address(app: Flask, deliver: Deliver) -> None:
    with mail_server(app) as server:
        server.answer = "550 clara@example.com is no such person"
        delivery_id = deliver()
        run_pending_work(app)
    assert "clara@example.com" in row_of(app, delivery_id).last_error
    assert task_of(app, delivery_id).last_error == "SMTPRecipientsRefused 550"


@pytest.mark.parametrize(("answer", "status"), [("550 no such person", "failed"), ("450 later", "pending")])
def test_a_permanent_failure_is_not_retried(app: Flask, deliver: Deliver, answer: str, status: str) -> None:
    with mail_server(app) as server:
        server.answer = answer
        delivery_id = deliver()
        run_pending_work(app)
    assert row_of(app, delivery_id).status == status


def test_header_injection_is_refused(app: Flask, deliver: Deliver, outbox: Outbox) -> None:
    delivery_id = deliver(subject="Su cita\r\nBcc: eve@example.com")
    run_pending_work(app)
    assert outbox() == []
    assert row_of(app, delivery_id).status == "failed"


def test_a_delivery_whose_workers_die_fails_after_its_last_attempt(app: Flask, deliver: Deliver) -> None:
    instant = clock.now()
    delivery_id = deliver(now=instant)
    for _attempt in range(SEND_DELIVERY.retry.max_attempts):
        with app.app_context(), unit_of_work(write=True):
            assert task_runner.claim(task_of(app, delivery_id).id, now=instant)
        instant += task_runner.LEASE
    with time_machine.travel(instant, tick=False):
        run_pending_work(app)
    assert row_of(app, delivery_id).status == "failed"
    assert task_of(app, delivery_id).last_error == task_runner.KILLED


def test_a_failed_message_is_sent_when_its_task_starts_again(app: Flask, deliver: Deliver) -> None:
    with mail_server(app) as server:
        server.answer = "550 no such person"
        delivery_id = deliver()
        run_pending_work(app)
        server.answer = "250 OK"
        with app.app_context(), unit_of_work(write=True):
            assert tasks.retry(Task.key == str(delivery_id), now=clock.now()) == 1
        run_pending_work(app)
    assert len(server.accepted) == 1
    assert row_of(app, delivery_id).status == "sent"


def test_a_cancelled_delivery_is_never_sent(app: Flask, deliver: Deliver, outbox: Outbox) -> None:
    deliver("appointment:12:0:reminder:email")
    deliver("appointment:123:0:reminder:email")
    with app.app_context(), unit_of_work(write=True):
        assert actions.cancel_pending("appointment:12:", now=clock.now()) == 1
    run_pending_work(app)
    (mail,) = outbox()
    assert "appointment-123-" in mail["Message-ID"]


def test_only_errors_about_the_message_have_an_smtp_code() -> None:
    assert jobs._smtp_code(smtplib.SMTPAuthenticationError(535, b"no")) is None
    assert jobs._smtp_code(smtplib.SMTPDataError(554, b"spam")) == 554


# ------------------------------------------------------------------ one message and the others


def test_a_server_that_hangs_up_on_one_message_delays_no_other(app: Flask, deliver: Deliver) -> None:
    with mail_server(app) as server:
        server.hangs_up = {"clara@example.com"}
        first = deliver("a")
        others = [deliver(f"b{number}", address=f"p{number}@example.com") for number in range(3)]
        run_pending_work(app)

    assert len(server.accepted) == 3
    assert [row_of(app, number).status for number in (first, *others)] == ["pending", *["sent"] * 3]
    assert task_of(app, first).attempts == 1


def test_an_address_the_server_cannot_take_fails_alone_and_for_good(app: Flask, deliver: Deliver) -> None:
    """A local part beyond ASCII, from before it was refused at entry, and a server without SMTPUTF8."""
    with mail_server(app, enable_SMTPUTF8=False) as server:
        first, second = deliver("a", address="maría.ñ@correo.pe"), deliver("b", address="gloria@example.com")
        run_pending_work(app)

    assert [row_of(app, number).status for number in (first, second)] == ["failed", "sent"]
    assert [envelope.rcpt_tos for envelope in server.accepted] == [["gloria@example.com"]]


def test_an_international_domain_goes_out_as_its_a_labels(app: Flask, deliver: Deliver) -> None:
    with mail_server(app, enable_SMTPUTF8=False) as server:
        deliver(address="ana@münchen.example")
        run_pending_work(app)

    (envelope,) = server.accepted
    assert envelope.rcpt_tos == ["ana@xn--mnchen-3ya.example"]
    assert b"To: ana@xn--mnchen-3ya.example" in envelope.content


# ------------------------------------------------------------------ encryption

DATA = Path(__file__).parents[1] / "data"
CERTIFICATE = str(DATA / "mail_server.pem")  # of its own making, for 127.0.0.1


def tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, DATA / "mail_server_key.pem")
    return context


class Accounts:
    """Takes every name and password, and remembers them."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.seen.append(data)
        return AuthResult(success=True)


def test_no_password_goes_to_a_server_without_encryption(app: Flask, deliver: Deliver) -> None:
    accounts = Accounts()
    with mail_server(app, account="ana:secret@", authenticator=accounts, auth_require_tls=False) as server:
        delivery_id = deliver()
        run_pending_work(app)

    assert (accounts.seen, server.accepted) == ([], [])
    assert task_of(app, delivery_id).last_error == "the mail server is away: NotEncrypted"
    assert row_of(app, delivery_id).status == "pending"  # an operator can put it right


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_no_password_goes_to_a_server_of_unknown_certificate(app: Flask, deliver: Deliver, scheme: str) -> None:
    accounts = Accounts()
    options = {"ssl_context": tls()} if scheme == "smtps" else {"tls_context": tls()}
    with mail_server(app, scheme, "ana:secret@", authenticator=accounts, **options) as server:
        delivery_id = deliver()
        run_pending_work(app)

    assert (accounts.seen, server.accepted) == ([], [])
    assert task_of(app, delivery_id).last_error.endswith("away: SSLCertVerificationError")


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_of_a_named_authority_is_trusted(app: Flask, deliver: Deliver, scheme: str) -> None:
    accounts = Accounts()
    options = {"ssl_context": tls()} if scheme == "smtps" else {"tls_context": tls()}
    options["auth_require_tls"] = scheme == "smtp"  # aiosmtpd counts STARTTLS alone as TLS
    with mail_server(app, scheme, "ana:secret@", CERTIFICATE, authenticator=accounts, **options) as server:
        deliver()
        run_pending_work(app)

    assert len(accounts.seen) == len(server.accepted) == 1


def test_a_relay_on_this_machine_is_spoken_to_with_whatever_it_has(app: Flask, deliver: Deliver) -> None:
    with mail_server(app, tls_context=tls()) as server:
        deliver()
        run_pending_work(app)

    assert server.encrypted == [True]


# ------------------------------------------------------------------ the order of a series


def test_an_earlier_message_never_leaves_after_a_later_one(app: Flask, deliver: Deliver) -> None:
    """The confirmation is refused for now, the visit is cancelled meanwhile: one mail, the cancellation."""
    with mail_server(app) as server:
        server.answer = "450 later"
        first = deliver("appointment:12:0:confirmation:email")
        run_pending_work(app)
        server.answer = "250 OK"
        second = deliver("appointment:12:1:cancellation:email", subject="Cita cancelada")
        run_pending_work(app)
        with time_machine.travel(task_of(app, first).due_at, tick=False):
            sweep(app)
            run_pending_work(app)

    assert [row_of(app, number).status for number in (first, second)] == ["dropped", "sent"]
    assert len(server.accepted) == 1


def test_a_later_message_waits_for_one_that_is_being_sent(app: Flask, deliver: Deliver) -> None:
    first = deliver("appointment:12:0:confirmation:email")
    with app.app_context(), unit_of_work(write=True):
        assert actions.start_sending(first)
    second = deliver("appointment:12:1:cancellation:email")
    other = deliver("appointment:123:0:confirmation:email")
    with app.app_context():
        for number in (second, other):
            task_runner.run(task_of(app, number).id)
    assert [row_of(app, number).status for number in (first, second, other)] == ["sending", "pending", "sent"]

    with app.app_context(), unit_of_work(write=True):
        actions.mark_sent(first, now=clock.now())
    with time_machine.travel(task_of(app, second).due_at, tick=False), app.app_context():
        task_runner.run(task_of(app, second).id)
    assert row_of(app, second).status == "sent"


def test_an_interrupted_attempt_is_not_repeated_after_a_later_message(app: Flask, deliver: Deliver) -> None:
    first = deliver("appointment:12:0:confirmation:email")
    with app.app_context(), unit_of_work(write=True):
        assert actions.start_sending(first)
    deliver("appointment:12:1:cancellation:email")
    with app.app_context(), unit_of_work(write=True):
        actions.reschedule(first, error="ConnectionResetError")
    assert row_of(app, first).status == "dropped"
