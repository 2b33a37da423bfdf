"""Sending: one message per task."""

import re
import smtplib
from datetime import datetime
from pathlib import Path

from flask import current_app

import config
from app.kernel import clock, mail, task_runner
from app.kernel.db import unit_of_work
from app.kernel.scheduler import PeriodicJob
from app.kernel.tasks import Job, TaskFailed
from app.notifications import actions, rules
from app.notifications.task_kinds import SEND_DELIVERY

METHOD = re.compile(r"^METHOD:(\w+)", re.MULTILINE)


def send_delivery(*, delivery_id: int, now: datetime, claim: task_runner.Claim) -> None:
    """Send one message. Raises TaskFailed when the server does not take it."""
    settings: config.Settings = current_app.config["SETTINGS"]
    with unit_of_work(write=True):
        message = actions.start_sending(delivery_id)
    if message is None:
        return
    try:
        composed = mail.compose(as_mail(message), sender_name=message.sender_name, sender=settings.mail_from)
        mail.send(composed, smtp_url=settings.smtp_url, outbox=Path(settings.data_dir) / "outbox")
    except Exception as error:  # whatever it was, the message must not be lost
        with unit_of_work(write=True):
            task_runner.extend(claim, now=clock.now())  # unless another worker is sending it now
            actions.put_back(delivery_id, error=f"{type(error).__name__}: {error}")
        raise _failure(error) from error
    with unit_of_work(write=True):
        actions.mark_sent(delivery_id, now=clock.now())


def as_mail(message: actions.Message) -> mail.Mail:
    """The mail of a message. Its name comes from the key, so a second copy is the same mail."""
    attachments: tuple[mail.Attachment, ...] = ()
    if message.calendar:
        found = METHOD.search(message.calendar)
        parameters = {"method": found.group(1) if found else "PUBLISH", "charset": "utf-8"}
        attachments = (mail.Attachment("cita.ics", message.calendar.encode(), "text", "calendar", parameters),)
    return mail.Mail(
        key=re.sub(r"[^A-Za-z0-9-]", "-", message.key),
        to=message.address,
        subject=message.subject,
        text=message.text,
        html=message.html,
        attachments=attachments,
    )


def _failure(error: Exception) -> TaskFailed:
    """What operators read: never the server's words, which repeat the address."""
    code = _smtp_code(error)
    for_good = isinstance(error, ValueError) or rules.is_refused_for_good(code)
    return TaskFailed(f"{type(error).__name__} {code}" if code else type(error).__name__, retry=not for_good)


def _smtp_code(error: Exception) -> int | None:
    """What the server said about this message; a refused sign-in is about us and may be mended."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _text in error.recipients.values()), None)
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code
    return None


JOBS = (Job(SEND_DELIVERY, send_delivery, on_failed=actions.give_up),)
PERIODIC_JOBS: tuple[PeriodicJob, ...] = ()
