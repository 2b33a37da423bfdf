"""Who read what: one row for each read access to a person's data, for the audit.

A page that only reads has no writing transaction, and must not become slower. ``note`` adds the entry to a buffer of
the process; a thread writes the buffer in batches, in short units of work, within a second. The buffer is lost when
the process is killed; a process that exits normally writes it first.
"""

import atexit
import logging
import threading
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Index, String, insert
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import context
from app.kernel.access import Actor
from app.kernel.db import Base, BigId, db, unit_of_work
from app.kernel.errors import Unavailable

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.5
FULL_BATCH = 1000  # entries that are written at once, without waiting for more


class AccessLogEntry(Base):
    """One read access. ``action`` is its kind: ``read``, ``searched``, ``exported``, ``printed``. ``subject_id`` 0 is a
    list; of a search the words are not kept."""

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_patient", "patient_id", "at"),
        Index("ix_access_log_actor", "actor_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    organization_id: Mapped[int]
    clinic_id: Mapped[int | None]
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[int | None]
    session_id: Mapped[int | None]
    channel: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(10))
    subject_type: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[int]
    patient_id: Mapped[int | None]
    request_id: Mapped[str | None] = mapped_column(String(36))


class AccessLog:
    """The buffer of one process; kept in ``app.extensions['access_log']``."""

    def __init__(self, app: Flask, *, background: bool = True) -> None:
        self._app = app
        self._background = background
        self._pending: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, row: dict[str, Any]) -> None:
        with self._lock:
            self._pending.append(row)
            is_full = len(self._pending) % FULL_BATCH == 0  # once per batch, also while writing fails
            if self._background and self._thread is None:  # started in the serving process, after the fork
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
                atexit.register(self.flush)
        self._work.set()
        if is_full:
            threading.Thread(target=self.flush, daemon=True).start()

    def flush(self) -> int:
        """Write what is pending; returns the number of rows. What could not be written stays pending."""
        with self._lock:
            rows, self._pending = self._pending, []
        if not rows:
            return 0
        try:
            with self._app.app_context(), unit_of_work(write=True):
                db.session.execute(insert(AccessLogEntry), rows)
        except Exception as error:
            with self._lock:
                self._pending = rows + self._pending
            if not isinstance(error, Unavailable):
                log.exception("%d readings could not be written yet", len(rows))
            return 0
        return len(rows)

    def discard(self) -> None:
        """Drop what is pending."""
        with self._lock:
            self._pending = []

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            threading.Event().wait(BATCH_SECONDS)  # collect further entries
            if not self.flush() and self._pending:
                self._work.set()


def note(
    subject_type: str,
    subject_id: int,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int | None = None,
    clinic_id: int | None = None,
    action: str = "read",
) -> None:
    """Record that ``actor`` read something; written shortly after, whatever the outcome of the request."""
    access_log: AccessLog = current_app.extensions["access_log"]
    access_log.add(
        {
            "at": now,
            "organization_id": actor.organization_id,
            "clinic_id": clinic_id,
            "actor_kind": actor.kind,
            "actor_id": actor.user_id,
            "session_id": actor.session_id or None,
            "channel": actor.channel,
            "action": action,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "patient_id": patient_id,
            "request_id": context.current().request_id,
        }
    )
