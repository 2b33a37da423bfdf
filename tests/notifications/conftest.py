"""Fixtures: deliveries and the file outbox."""

from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.kernel import clock
from app.kernel.db import unit_of_work
from app.notifications import actions


@pytest.fixture
def outbox(app: Flask) -> Callable[[], list[EmailMessage]]:
    """Every mail in the file outbox, by file name."""

    def read() -> list[EmailMessage]:
        folder = Path(app.config["SETTINGS"].data_dir) / "outbox"
        files = sorted(folder.glob("*")) if folder.exists() else []
        return [message_from_bytes(f.read_bytes(), _class=EmailMessage, policy=policy.default) for f in files]

    return read


@pytest.fixture
def deliver(app: Flask) -> Callable[..., int | None]:
    """Write a message as an action does; ``key`` and other columns may be passed."""

    def write(
        key: str = "appointment:12:0:confirmation:email", *, now: datetime | None = None, **overrides: Any
    ) -> Any:
        values: dict[str, Any] = {
            "kind": "confirmation",
            "address": "clara@example.com",
            "subject": "Su cita",
            "text": "Hola, Clara.",
            "sender_name": "Centro Miraflores",
            "clinic_id": 1,
            "patient_id": 1,
            "subject_id": 12,
            "now": now or clock.now(),
            **overrides,
        }
        with app.app_context(), unit_of_work(write=True):
            return actions.deliver(key=key, **values)

    return write
