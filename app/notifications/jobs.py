"""Sending: one message per job, and the sweep that finds what a lost job left behind."""

import logging
import re
import smtplib
from datetime import datetime
from pathlib import Path

from flask import current_app

import config
from app.kernel import clock, mail, queue
from app.kernel.db import unit_of_work
from app.notifications import actions, queries, rules

log = logging.getLogger(__name__)

TIMEOUT = 45  # seconds; below the lease, so that a slow server never makes two workers send
SAID_NO = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)  # of one message
METHOD = re.compile(r"^METHOD:(\w+)", re.MULTILINE)

# When the mail server could not be reached, by its address. A worker that knocked for each message in
# turn would do nothing else; what waits is found by the sweep.
_resting: dict[str, datetime] = {}


def send_delivery(*, delivery_id: int, now: datetime) -> None:
    """Send one message if it is due and nobody else has it (``transaction=False``: it talks to a server)."""
    settings: config.Settings = current_app.config["SETTINGS"]
    if settings.smtp_url and now < _resting.get(settings.smtp_url, now):
        return
    with unit_of_work(write=True):
        claim = actions.claim_delivery(delivery_id, now=now)
    if claim is None:
        return
    try:
        message = mail.compose(as_mail(claim), sender_name=claim.sender_name, sender=settings.mail_from)
        mail.send(message, smtp_url=settings.smtp_url, outbox=Path(settings.data_dir) / "outbox")
    except Exception as error:  # whatever it was, the message must not be lost
        _put_back(claim, error, smtp_url=settings.smtp_url)
    else:
        with unit_of_work(write=True):
            actions.mark_sent(claim, now=clock.now())


def as_mail(claim: actions.Claim) -> mail.Mail:
    """The mail of a claim. Its name comes from the key, so a second copy is the same mail."""
    attachments: tuple[mail.Attachment, ...] = ()
    if claim.calendar:
        found = METHOD.search(claim.calendar)
        parameters = {"method": found.group(1) if found else "PUBLISH", "charset": "utf-8"}
        attachments = (mail.Attachment("cita.ics", claim.calendar.encode(), "text", "calendar", parameters),)
    return mail.Mail(
        key=re.sub(r"[^A-Za-z0-9-]", "-", claim.key),
        to=claim.address,
        subject=claim.subject,
        text=claim.text,
        html=claim.html,
        attachments=attachments,
    )


def _put_back(claim: actions.Claim, error: Exception, *, smtp_url: str) -> None:
    now = clock.now()
    for_good = isinstance(error, ValueError) or rules.is_refused_for_good(_smtp_code(error))
    if smtp_url and isinstance(error, OSError) and not isinstance(error, SAID_NO):
        _resting[smtp_url] = now + rules.REST
    log.warning("delivery %s failed at try %s: %s", claim.delivery_id, claim.attempts, type(error).__name__)
    with unit_of_work(write=True):
        actions.put_back(claim, error=f"{type(error).__name__}: {error}", for_good=for_good, now=now)


def _smtp_code(error: Exception) -> int | None:
    """What the server said about this message; a refused sign-in is about us and may be mended."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _text in error.recipients.values()), None)
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code
    return None


def sweep_deliveries(*, now: datetime) -> None:
    """Give what is due to the workers: later tries, Redis was away, a worker was killed."""
    with unit_of_work(write=False):
        due = queries.deliveries_to_hand_out(now=now)
    handed: list[int] = []
    for delivery_id in due:
        if not queue.enqueue(send_delivery, delivery_id=delivery_id):
            break  # Redis is still away; the next sweep comes in seconds
        handed.append(delivery_id)
    if handed:
        with unit_of_work(write=True):
            actions.note_handed_out(handed, now=now)


JOBS = (queue.Job(send_delivery, timeout=TIMEOUT, transaction=False),)
PERIODIC_JOBS = (queue.PeriodicJob(10, sweep_deliveries),)
