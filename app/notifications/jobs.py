"""Sending: one message per task."""

import logging
import re
import smtplib
from datetime import datetime, timedelta
from pathlib import Path

from flask import current_app

import config
from app.kernel import clock, mail, task_runner
from app.kernel.db import unit_of_work
from app.kernel.scheduler import PeriodicJob
from app.kernel.tasks import Job, TaskFailed, TaskPostponed
from app.notifications import actions, rules
from app.notifications.task_kinds import SEND_DELIVERY

log = logging.getLogger(__name__)

FOLLOW_AFTER = timedelta(seconds=10)  # an attempt to send takes less, or ends within its time limit
METHOD = re.compile(r"^METHOD:(\w+)", re.MULTILINE)


_resting: dict[str, datetime] = {}  # mail servers that were away, and until when they are left alone


def send_delivery(*, delivery_id: int, now: datetime, claim: task_runner.Claim) -> None:
    """Send one message.

    Raises TaskFailed when the server does not take it, TaskPostponed while the server is away or an earlier message of
    its series is being sent.
    """
    settings: config.Settings = current_app.config["SETTINGS"]
    if now < (rested := _resting.get(settings.smtp_url, now)):
        raise TaskPostponed("the mail server is away", until=rested)
    try:
        with unit_of_work(write=True):
            message = actions.start_sending(delivery_id)
    except actions.EarlierIsBeingSent:
        raise TaskPostponed("an earlier message of the same series is being sent", until=now + FOLLOW_AFTER) from None
    if message is None:
        return
    try:
        composed = mail.compose(as_mail(message), sender_name=message.sender_name, sender=settings.mail_from)
        outbox = Path(settings.data_dir) / "outbox"
        mail.send(composed, smtp_url=settings.smtp_url, ca_file=settings.smtp_ca_file, outbox=outbox)
    except Exception as error:  # any error: the delivery must be tried again
        cause = error.__cause__ or error if isinstance(error, mail.ServerAway) else error
        with unit_of_work(write=True):
            task_runner.extend(claim, now=clock.now())  # raises LeaseLost when another worker sends it now
            actions.reschedule(delivery_id, error=f"{type(cause).__name__}: {cause}")
        if isinstance(error, mail.ServerAway):
            _rest(settings.smtp_url, cause, waits_since=message.created_at)
        raise _failure(cause) from error
    _resting.pop(settings.smtp_url, None)
    with unit_of_work(write=True):
        actions.mark_sent(delivery_id, now=clock.now())


def _rest(smtp_url: str, cause: BaseException, *, waits_since: datetime) -> None:
    """Leave the server alone for a while. Raises TaskPostponed for a message that has not waited for too long."""
    now = clock.now()
    _resting[smtp_url] = now + rules.REST
    log.warning("the mail server is away: %s", type(cause).__name__)
    if now - waits_since < rules.PATIENCE:
        raise TaskPostponed(f"the mail server is away: {type(cause).__name__}", until=now + rules.REST) from cause


def as_mail(message: actions.Message) -> mail.Mail:
    """The mail of a message. Its Message-ID comes from the key, so that a second copy has the same one."""
    attachments: tuple[mail.Attachment, ...] = ()
    if message.calendar:
        match = METHOD.search(message.calendar)
        parameters = {"method": match.group(1) if match else "PUBLISH", "charset": "utf-8"}
        attachments = (mail.Attachment("cita.ics", message.calendar.encode(), "text", "calendar", parameters),)
    return mail.Mail(
        key=re.sub(r"[^A-Za-z0-9-]", "-", message.key),
        to=message.address,
        subject=message.subject,
        text=message.text,
        html=message.html,
        attachments=attachments,
    )


def _failure(error: BaseException) -> TaskFailed:
    """The error for operators, without the server's text, which repeats the address."""
    code = _smtp_code(error)
    is_of_the_message = isinstance(error, ValueError | smtplib.SMTPNotSupportedError)  # a header, an address
    is_permanent = is_of_the_message or rules.is_permanent_failure(code)
    return TaskFailed(f"{type(error).__name__} {code}" if code else type(error).__name__, retry=not is_permanent)


def _smtp_code(error: BaseException) -> int | None:
    """The SMTP code about this message; a refused sign-in is a configuration error and can be corrected."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _text in error.recipients.values()), None)
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code
    return None


JOBS = (Job(SEND_DELIVERY, send_delivery, on_failed=actions.give_up),)
PERIODIC_JOBS: tuple[PeriodicJob, ...] = ()
