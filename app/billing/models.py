"""Tables: payment methods, document series, tickets, tills, till sessions, the ledger.

Triggers of the migration keep what code could forget: the ledger is append-only, a closed session
and its rows are immutable, a ticket is never paid above its amount.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class PaymentMethod(Base):
    """An entry of the clinic's catalogue: ``efectivo``, ``yape``, ``plin``, ``tarjeta``, ``transferencia``."""

    __tablename__ = "payment_method"
    __table_args__ = (UniqueConstraint("clinic_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    code: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(40))
    is_cash: Mapped[bool] = mapped_column(default=False)
    needs_reference: Mapped[bool] = mapped_column(default=False)
    commission_bp: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True)


class DocumentSeries(Base):
    """The next number of a clinic's papers of a kind; taken under its row lock, so without gaps."""

    __tablename__ = "document_series"

    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)  # ticket, till, difference
    next_number: Mapped[int] = mapped_column(default=1)


class Ticket(Base):
    """What is owed for an appointment (or a sale at the desk). Voided, never deleted."""

    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number"),
        CheckConstraint("amount_cents >= 0", name="amount"),
        CheckConstraint("status IN ('open', 'voided')", name="status"),
        Index("ix_ticket_clinic_day", "clinic_id", "service_day"),
        Index("ix_ticket_patient", "patient_id"),
        Index("ix_ticket_issued", "clinic_id", "issued_at"),
        Index("ix_ticket_voided", "clinic_id", "voided_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    number: Mapped[int]  # TKT-000001 is number 1 of its clinic
    appointment_id: Mapped[int | None] = mapped_column(unique=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    therapist_id: Mapped[int | None] = mapped_column(ForeignKey("therapist.id"))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
    concept: Mapped[str] = mapped_column(String(160))
    amount_cents: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    tax_rate_bp: Mapped[int]
    service_day: Mapped[date]  # the local day of the visit, moved with it
    status: Mapped[str] = mapped_column(String(10), default="open")
    issued_at: Mapped[datetime]
    issued_by: Mapped[int | None]
    voided_at: Mapped[datetime | None]
    voided_by: Mapped[int | None]
    void_reason: Mapped[str] = mapped_column(String(200), default="")


class Till(Base):
    """A drawer. ``recaudadora`` collects; ``fondo_fijo`` is petty cash (D33)."""

    __tablename__ = "till"
    __table_args__ = (UniqueConstraint("clinic_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    name: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(12), default="recaudadora")
    is_active: Mapped[bool] = mapped_column(default=True)


class TillSession(Base):
    """A shift of a till, from its float to its closing. Closed once; immutable from then on."""

    __tablename__ = "till_session"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number"),
        Index(
            "uq_till_session_open",
            "till_id",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index("ix_till_session_day", "clinic_id", "business_day"),
        CheckConstraint("status IN ('open', 'closed')", name="status"),
        CheckConstraint("opening_float_cents >= 0", name="opening_float"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    till_id: Mapped[int] = mapped_column(ForeignKey("till.id"))
    number: Mapped[int]  # CJ-2026-000123 is shown from year of business_day and number
    status: Mapped[str] = mapped_column(String(10), default="open")
    business_day: Mapped[date]  # the local day of the opening, also when it closes after midnight
    opened_at: Mapped[datetime]
    opened_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    opening_float_cents: Mapped[int]
    opening_note: Mapped[str] = mapped_column(String(200), default="")
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    difference_cents: Mapped[int | None]  # over all methods: counted minus expected (over_short)
    difference_number: Mapped[int | None]  # of the "acta de diferencia"
    difference_reason: Mapped[str] = mapped_column(String(200), default="")
    left_for_tomorrow_cents: Mapped[int | None]
    denominations: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # {"20000": 3} pieces by cents
    snapshot: Mapped[str | None] = mapped_column(Text)  # canonical JSON of the Z report
    snapshot_sha256: Mapped[str | None] = mapped_column(String(64))


class TillCount(Base):
    """What was expected and counted per method at the closing."""

    __tablename__ = "till_count"

    session_id: Mapped[int] = mapped_column(ForeignKey("till_session.id"), primary_key=True)
    method_id: Mapped[int] = mapped_column(ForeignKey("payment_method.id"), primary_key=True)
    expected_cents: Mapped[int]
    counted_cents: Mapped[int]


class Movement(Base):
    """One line of the ledger. ``amount_cents`` is signed: into the till positive, out of it negative.

    A payment keeps what the patient handed over (``tendered_cents``) and got back (``change_cents``)
    apart from its amount. A correction is a new line that names the old one (``reverses_id``).
    """

    __tablename__ = "movement"
    __table_args__ = (
        CheckConstraint("kind IN ('payment', 'refund', 'cash_in', 'cash_out', 'expense', 'deposit')", name="kind"),
        CheckConstraint("(kind IN ('payment', 'refund')) = (ticket_id IS NOT NULL)", name="ticket"),
        CheckConstraint(
            "(kind IN ('payment', 'cash_in') AND amount_cents > 0)"
            " OR (kind NOT IN ('payment', 'cash_in') AND amount_cents < 0)",
            name="sign",
        ),
        CheckConstraint("tendered_cents IS NULL OR tendered_cents - change_cents = amount_cents", name="change"),
        Index("ix_movement_session", "session_id"),
        Index("ix_movement_ticket", "ticket_id"),
        Index("ix_movement_clinic_time", "clinic_id", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    session_id: Mapped[int] = mapped_column(ForeignKey("till_session.id"))
    kind: Mapped[str] = mapped_column(String(10))
    method_id: Mapped[int] = mapped_column(ForeignKey("payment_method.id"))
    amount_cents: Mapped[int]
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))
    tendered_cents: Mapped[int | None]
    change_cents: Mapped[int] = mapped_column(default=0)
    reference: Mapped[str] = mapped_column(String(60), default="")
    concept: Mapped[str] = mapped_column(String(160), default="")
    beneficiary: Mapped[str] = mapped_column(String(120), default="")
    voucher_number: Mapped[str] = mapped_column(String(40), default="")
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("movement.id"), unique=True)
    received_at: Mapped[datetime]
    received_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    authorised_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    note: Mapped[str] = mapped_column(String(200), default="")
