"""Random secrets and identifiers."""

import hashlib
import secrets
import uuid


def secret() -> str:
    """256 random bits, URL safe: sessions, links, refresh tokens."""
    return secrets.token_urlsafe(32)


def digest(value: str) -> str:
    """The stored form of a secret: SHA-256 is enough for 256 random bits; passwords use argon2."""
    return hashlib.sha256(value.encode()).hexdigest()


def uid() -> str:
    """A globally unique identifier, as iCalendar's UID requires."""
    return str(uuid.uuid4())
