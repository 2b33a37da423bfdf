"""Tables: organization and clinic."""

from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class Organization(Base):
    __tablename__ = "organization"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))


class Clinic(Base):
    """A place of work. Minutes count from local midnight; weekdays are 0 (Monday) to 6."""

    __tablename__ = "clinic"
    __table_args__ = (
        CheckConstraint("opens_minute >= 0 AND opens_minute < closes_minute AND closes_minute <= 1440", name="hours"),
        CheckConstraint("slot_minutes IN (5, 10, 15, 20, 30, 60)", name="slot"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    legal_name: Mapped[str] = mapped_column(String(160), default="")
    tax_id: Mapped[str] = mapped_column(String(20), default="")  # RUC
    address: Mapped[str] = mapped_column(String(200), default="")
    ubigeo: Mapped[str | None] = mapped_column(ForeignKey("ubigeo.code"))
    phone: Mapped[str] = mapped_column(String(20), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    timezone: Mapped[str] = mapped_column(String(40), default="America/Lima")
    currency: Mapped[str] = mapped_column(String(3), default="PEN")
    tax_rate_bp: Mapped[int] = mapped_column(default=1800)  # hundredths of a percent, contained in prices (D25)
    opens_minute: Mapped[int] = mapped_column(default=8 * 60)
    closes_minute: Mapped[int] = mapped_column(default=20 * 60)
    closed_weekdays: Mapped[list[Any]] = mapped_column(JSON, default=lambda: [6])
    slot_minutes: Mapped[int] = mapped_column(default=15)
    notice_minutes: Mapped[int] = mapped_column(default=60)  # the shortest time ahead a patient may book
    change_notice_hours: Mapped[int] = mapped_column(default=12)  # a patient may move or cancel until then
    horizon_days: Mapped[int] = mapped_column(default=60)  # how far ahead a patient may book
    auto_confirm: Mapped[bool] = mapped_column(default=True)  # D12
    noshow_grace_minutes: Mapped[int] = mapped_column(default=15)
    blind_close: Mapped[bool] = mapped_column(default=True)  # the receptionist counts without seeing the expected
    difference_limit_cents: Mapped[int] = mapped_column(default=50)  # above it a supervisor approves the closing
    is_active: Mapped[bool] = mapped_column(default=True)
