"""Outgoing mail: SMTP, or files in ``DATA_DIR/outbox`` for development.

Sending happens in a job, never inside a request or a transaction.
"""

import os
import smtplib
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formataddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content: bytes
    maintype: str
    subtype: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mail:
    """``key`` identifies the mail: it becomes the Message-ID and the file name.

    A mail written twice to the file outbox is one file; a provider may drop the second by its id.
    """

    key: str
    to: str
    subject: str
    text: str
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()


def compose(mail: Mail, *, sender_name: str, sender: str) -> EmailMessage:
    """The RFC 5322 message. ``EmailMessage`` refuses line breaks in headers."""
    message = EmailMessage()
    message["Message-ID"] = f"<{mail.key}@{sender.rpartition('@')[2]}>"
    message["From"] = formataddr((sender_name, sender))
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    for part in mail.attachments:
        message.add_attachment(
            part.content,
            maintype=part.maintype,
            subtype=part.subtype,
            filename=part.name,
            params=part.parameters,
        )
    return message


def send(message: EmailMessage, *, smtp_url: str, outbox: Path) -> None:
    """Deliver to the server of ``smtp_url``, or to a file. Raises OSError or SMTPException."""
    if smtp_url:
        _send_smtp(message, smtp_url)
    else:
        _write_file(message, outbox)


def _send_smtp(message: EmailMessage, smtp_url: str) -> None:
    url = urlsplit(smtp_url)
    secure = url.scheme == "smtps"
    connect = smtplib.SMTP_SSL if secure else smtplib.SMTP
    with connect(url.hostname or "localhost", url.port or (465 if secure else 25), timeout=TIMEOUT_SECONDS) as server:
        if not secure and "starttls" in server.ehlo()[1].decode(errors="replace").lower():
            server.starttls()
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)


def _write_file(message: EmailMessage, outbox: Path) -> None:
    outbox.mkdir(parents=True, exist_ok=True)
    name = message["Message-ID"].strip("<>").partition("@")[0].replace("/", "_")
    final = outbox / f"{name}.eml"
    draft = outbox / f".{name}.{os.getpid()}.part"
    draft.write_bytes(bytes(message))
    draft.replace(final)
