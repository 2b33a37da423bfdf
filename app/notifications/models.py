"""Tables: notifications and deliveries."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.identity.models import User
from app.kernel.db import Base
from app.tenancy.models import Clinic


class Notification(Base):
    """A line of a user's inbox. It is unique by ``key``, so that an event is notified once."""

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        Index("ix_notification_user", "user_id", "read_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    key: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(40))  # appointment_created, appointment_reminder, report_ready …
    title: Mapped[str] = mapped_column(String(160))
    text: Mapped[str] = mapped_column(String(400), default="")
    href: Mapped[str] = mapped_column(String(200), default="")
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Delivery(Base):
    """A message to an address. ``key`` identifies its event, recipient and channel, and is never reused.

    pending → sending → sent; after a failed attempt pending again, after the last one failed. Its due time and
    worker are those of its task (``SEND_DELIVERY``, the key is this id).
    """

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'sending', 'sent', 'failed', 'dropped')", name="status"),
        Index(
            "ix_delivery_open",
            "created_at",
            sqlite_where=text("status IN ('pending', 'sending')"),
            postgresql_where=text("status IN ('pending', 'sending')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # appointment:12:0:confirmation:email
    channel: Mapped[str] = mapped_column(String(10), default="email")
    kind: Mapped[str] = mapped_column(String(40))
    clinic_id: Mapped[int | None] = mapped_column(ForeignKey(Clinic.id))
    patient_id: Mapped[int | None]  # the patient it concerns; no foreign key, since patients is a layer above
    subject_id: Mapped[int | None] = mapped_column(index=True)  # the appointment, the report …
    sender_name: Mapped[str] = mapped_column(String(120), default="")  # the clinic, as the reader knows it
    address: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str | None] = mapped_column(Text)
    calendar: Mapped[str | None] = mapped_column(Text)  # the .ics attached
    status: Mapped[str] = mapped_column(String(8), default="pending")
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
