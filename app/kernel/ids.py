"""Secrets and public names that cannot be guessed."""

import hashlib
import secrets
import uuid


def secret() -> str:
    """256 random bits, URL safe: sessions, links, refresh tokens."""
    return secrets.token_urlsafe(32)


def digest(value: str) -> str:
    """How a secret is kept at rest. Enough for 256 random bits; passwords use argon2."""
    return hashlib.sha256(value.encode()).hexdigest()


def uid() -> str:
    """A globally unique name, as iCalendar's UID wants it."""
    return str(uuid.uuid4())
