"""Idempotency: a request sent twice gets the stored response of the first (double clicks, retries, proxies).

A row per ``(owner, token)`` is written in the transaction of the work itself; a second request with
the token waits for the first one's commit and is then given the stored response. Work that fails
rolls its row back, so a corrected form may use its token again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, LargeBinary, String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base, changed, db, insert_new
from app.kernel.errors import Conflict
from app.kernel.i18n import N_

RETENTION = timedelta(hours=24)


class SubmissionMismatch(Conflict):
    """The token was used for another request."""

    code = "IDEMPOTENCY_MISMATCH"
    message = N_("Este formulario ya se envió con otros datos. Recargue la página para ver cómo quedó.")


class Submission(Base):
    __tablename__ = "submission"

    owner: Mapped[str] = mapped_column(String(40), primary_key=True)
    token: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    status: int
    headers: dict[str, str]
    body: bytes


def fingerprint(*parts: bytes) -> str:
    """SHA-256 of the parts that identify a request; without its token."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def claim(owner: str, token: str, fingerprint: str, *, now: datetime) -> StoredResponse | None:
    """Claim the token; returns the stored response when the work was done already.

    Raises SubmissionMismatch when the token belongs to another request of the owner.
    """
    values = {"owner": owner, "token": token, "fingerprint": fingerprint, "created_at": now}
    if insert_new(Submission, values) is not None:
        return None
    stored = find(owner, token, fingerprint)
    if stored is None:
        raise SubmissionMismatch
    return stored


def find(owner: str, token: str, fingerprint: str) -> StoredResponse | None:
    """The stored response of an equal request, None when there was none yet; only reads. Raises SubmissionMismatch."""
    row = db.session.execute(
        select(Submission.fingerprint, Submission.status, Submission.headers, Submission.body).where(
            Submission.owner == owner, Submission.token == token
        )
    ).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint or row.status is None:
        raise SubmissionMismatch
    return StoredResponse(row.status, row.headers or {}, row.body or b"")


def store_response(owner: str, token: str, response: StoredResponse) -> None:
    """Store the response, in the transaction of its work."""
    db.session.execute(
        update(Submission)
        .where(Submission.owner == owner, Submission.token == token)
        .values(status=response.status, headers=response.headers, body=response.body)
    )


def delete_expired(*, now: datetime) -> int:
    """Delete responses after a day; returns how many."""
    return changed(db.session.execute(delete(Submission).where(Submission.created_at < now - RETENTION)))
