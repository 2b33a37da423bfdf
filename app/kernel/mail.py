"""Outgoing mail: SMTP, or files in ``DATA_DIR/outbox`` for development.

Sending happens in a job, never inside a request or a transaction.
"""

import ipaddress
import os
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formataddr
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

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
    sender = wire_address(sender)
    message["Message-ID"] = f"<{mail.key}@{sender.rpartition('@')[2]}>"
    message["From"] = formataddr((sender_name, sender))
    message["To"] = wire_address(mail.to)
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


def wire_address(address: str) -> str:
    """The address as servers know it: its domain as A-labels (RFC 5891). Raises ValueError for a bad domain.

    >>> wire_address("ana@münchen.example")
    'ana@xn--mnchen-3ya.example'
    """
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    import idna  # imported late: tables of a megabyte, for few addresses

    try:
        return f"{local}{at}{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise ValueError(f"no domain of mail: {error}") from error


class ServerAway(Exception):
    """The server cannot be reached or does not let us in: no message can be sent now. ``__cause__`` is the error."""


class NotEncrypted(smtplib.SMTPException):
    """The server offers no TLS: name and password of ``SMTP_URL`` are not sent in clear."""


def send(message: EmailMessage, *, smtp_url: str, ca_file: str = "", outbox: Path) -> None:
    """Deliver to the server of ``smtp_url``, or to a file.

    Raises ServerAway before anything of this message was said, OSError or SMTPException about the message itself.

    With a name and password TLS is required and the server's certificate verified: against ``ca_file``, or without
    it against the certificates of the system.
    """
    if smtp_url:
        _send_smtp(message, smtp_url, ca_file)
    else:
        _write_file(message, outbox)


def _send_smtp(message: EmailMessage, smtp_url: str, ca_file: str) -> None:
    url = urlsplit(smtp_url)
    try:
        server = _open(url, ca_file)
    except (OSError, smtplib.SMTPException) as error:
        raise ServerAway from error
    with server:
        server.send_message(message)


def _open(url: SplitResult, ca_file: str) -> smtplib.SMTP:
    """A connection that is ready for messages."""
    host = url.hostname or "localhost"
    server = _connect(host, url, ca_file)
    try:
        server.ehlo_or_helo_if_needed()
        if url.scheme != "smtps":
            _start_tls(server, host, ca_file, is_required=bool(url.username))
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _connect(host: str, url: SplitResult, ca_file: str) -> smtplib.SMTP:
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(host, url.port or 465, timeout=TIMEOUT_SECONDS, context=_verified(ca_file))
    return smtplib.SMTP(host, url.port or 25, timeout=TIMEOUT_SECONDS)


def _start_tls(server: smtplib.SMTP, host: str, ca_file: str, *, is_required: bool) -> None:
    if server.has_extn("starttls"):
        context = _verified(ca_file)
        if _is_this_machine(host) and not is_required:  # a relay here mostly has a certificate of its own making
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        server.starttls(context=context)
        server.ehlo()
    elif is_required:
        raise NotEncrypted


def _verified(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _write_file(message: EmailMessage, outbox: Path) -> None:
    outbox.mkdir(parents=True, exist_ok=True)
    name = message["Message-ID"].strip("<>").partition("@")[0].replace("/", "_")
    final = outbox / f"{name}.eml"
    draft = outbox / f".{name}.{os.getpid()}.part"
    draft.write_bytes(bytes(message))
    draft.replace(final)
