"""Tables and views: payment methods, document series, tickets, tills, till sessions, the ledger.

Triggers of the migrations enforce the invariants: the ledger is append-only and each movement balanced, a
closed session and its rows are immutable, a ticket is never paid above what it owes.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    column,
    table,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

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
    """The next number of a clinic's documents of a kind; taken under its row lock, so without gaps."""

    __tablename__ = "document_series"

    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)  # ticket, till, difference, opening_difference
    next_number: Mapped[int] = mapped_column(default=1)


class Ticket(Base):
    """What is charged for an appointment (or a sale at the desk). Voided, never deleted.

    It keeps no amount: ``ticket_balance`` sums its lines, payments and what is owed.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number"),
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
    currency: Mapped[str] = mapped_column(String(3))
    service_day: Mapped[date]  # the local day of the visit, moved with it
    status: Mapped[str] = mapped_column(String(10), default="open")
    issued_at: Mapped[datetime]
    issued_by: Mapped[int | None]
    voided_at: Mapped[datetime | None]
    voided_by: Mapped[int | None]
    void_reason: Mapped[str] = mapped_column(String(200), default="")

    lines: Mapped[list["TicketLine"]] = relationship(lazy="raise", order_by="TicketLine.id")


class TicketLine(Base):
    """What a ticket charges for: ``kind`` is ``service`` now, the reference is the visit, product or package.

    Tax is contained in the price (D25). Immutable, except for the therapist when the visit moves.
    """

    __tablename__ = "ticket_line"
    __table_args__ = (
        CheckConstraint("quantity > 0 AND unit_cents >= 0", name="price"),
        CheckConstraint("discount_cents BETWEEN 0 AND quantity * unit_cents", name="discount"),
        CheckConstraint("(reference_type IS NULL) = (reference_id IS NULL)", name="reference"),
        Index("ix_ticket_line_ticket", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    kind: Mapped[str] = mapped_column(String(20), default="service")
    reference_type: Mapped[str | None] = mapped_column(String(30))
    reference_id: Mapped[int | None]
    description: Mapped[str] = mapped_column(String(160))
    quantity: Mapped[int] = mapped_column(default=1)
    unit_cents: Mapped[int]
    tax_bp: Mapped[int]
    discount_cents: Mapped[int] = mapped_column(default=0)
    therapist_id: Mapped[int | None] = mapped_column(ForeignKey("therapist.id"))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))

    @property
    def total_cents(self) -> int:
        return self.quantity * self.unit_cents - self.discount_cents


class Till(Base):
    """A cash drawer. ``recaudadora`` takes payments; ``fondo_fijo`` is petty cash (D33)."""

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
        Index(
            "uq_till_session_holder",
            "opened_by",
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
    opening_note: Mapped[str] = mapped_column(String(200), default="")  # explains an opening difference too
    opening_left_cents: Mapped[int | None]  # what the till's last closing left in it; None at its first opening
    opening_difference_number: Mapped[int | None]  # of the difference between the float and what had been left
    opening_denominations: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # as ``denominations``
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


class CashCount(Base):
    """A sealed count of an open session: what was found and what was expected at that moment. Append-only.

    It is good until the session's next movement, payment or count: ``last_movement_id`` says what it knew of.
    """

    __tablename__ = "cash_count"
    __table_args__ = (UniqueConstraint("session_id", "number"), CheckConstraint("number > 0", name="number"))

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("till_session.id"))
    number: Mapped[int]
    counted_at: Mapped[datetime]
    counted_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    last_movement_id: Mapped[int]
    denominations: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))


class CashCountLine(Base):
    """Expected and counted of one method in a count. Append-only."""

    __tablename__ = "cash_count_line"

    count_id: Mapped[int] = mapped_column(ForeignKey("cash_count.id"), primary_key=True)
    method_id: Mapped[int] = mapped_column(ForeignKey("payment_method.id"), primary_key=True)
    expected_cents: Mapped[int]
    counted_cents: Mapped[int]


class CountDecision(Base):
    """A supervisor allows a count's difference, or asks for another count. Append-only.

    Keeps the amounts that were decided on; the database refuses who counted, and a count that is not the last word.
    """

    __tablename__ = "count_decision"

    count_id: Mapped[int] = mapped_column(ForeignKey("cash_count.id"), primary_key=True, autoincrement=False)
    is_approved: Mapped[bool]
    expected_cents: Mapped[int]
    counted_cents: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime]
    decided_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))


class LedgerAccount(Base):
    """An account of ``accounts.Account`` as a row."""

    __tablename__ = "ledger_account"

    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    type: Mapped[str] = mapped_column(String(10))  # asset, liability, result


class MovementKind(Base):
    """A kind of ``accounts.KINDS`` as a row: triggers and views read it, so that a new kind needs only an INSERT."""

    __tablename__ = "movement_kind"

    code: Mapped[str] = mapped_column(String(24), primary_key=True)
    ticket_side: Mapped[str | None] = mapped_column(String(10))  # charged, paid, refunded
    needs_ticket: Mapped[bool]
    needs_session: Mapped[bool]
    needs_method: Mapped[bool]
    needs_user: Mapped[bool]


class Movement(Base):
    """One business event of the ledger with its postings; ``actions.ledger`` writes it.

    A payment keeps ``tendered_cents`` and ``change_cents`` apart from its amount. A correction is a new movement that
    refers to the original (``reverses_id``). Without a session and a receiver it comes from the system or a gateway.
    ``sealed`` is set once, after the postings: SQLite has no deferred trigger and checks their sum at that moment.
    """

    __tablename__ = "movement"
    __table_args__ = (
        Index("ix_movement_session", "session_id"),
        Index("ix_movement_ticket", "ticket_id"),
        Index("ix_movement_clinic_time", "clinic_id", "received_at"),
        Index(
            "ix_movement_refunds",
            "refunds_id",
            sqlite_where=text("refunds_id IS NOT NULL"),
            postgresql_where=text("refunds_id IS NOT NULL"),
        ),
        Index(
            "ix_movement_reference",
            "reference",
            sqlite_where=text("reference <> ''"),
            postgresql_where=text("reference <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("till_session.id"))
    kind: Mapped[str] = mapped_column(ForeignKey("movement_kind.code"))
    method_id: Mapped[int | None] = mapped_column(ForeignKey("payment_method.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))
    tendered_cents: Mapped[int | None]
    change_cents: Mapped[int] = mapped_column(default=0)
    reference: Mapped[str] = mapped_column(String(60), default="")
    concept: Mapped[str] = mapped_column(String(160), default="")
    beneficiary: Mapped[str] = mapped_column(String(120), default="")
    voucher_number: Mapped[str] = mapped_column(String(40), default="")
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("movement.id"), unique=True)
    refunds_id: Mapped[int | None] = mapped_column(ForeignKey("movement.id"))  # a payment may have several refunds
    received_at: Mapped[datetime]
    received_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    authorised_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    note: Mapped[str] = mapped_column(String(200), default="")
    sealed: Mapped[bool] = mapped_column(default=False)

    postings: Mapped[list["Posting"]] = relationship(lazy="raise")


class Posting(Base):
    """Signed cents of a movement on an account: debits positive, credits negative, zero per movement.

    ``dimension`` is the id of the entity of the account (``accounts.Account``), 0 for none.
    """

    __tablename__ = "posting"
    __table_args__ = (
        CheckConstraint("cents <> 0", name="cents"),
        Index("ix_posting_account", "account", "dimension", "cents"),
        {"sqlite_with_rowid": False},  # clustered by movement
    )

    movement_id: Mapped[int] = mapped_column(ForeignKey("movement.id"), primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("ledger_account.code"), primary_key=True)
    dimension: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cents: Mapped[int]


# Views. ``paid_cents`` is net of refunds; a negative ``owed_cents`` is a refund due.
ticket_balance = table(
    "ticket_balance",
    column("ticket_id", Integer),
    column("amount_cents", Integer),
    column("charged_cents", Integer),
    column("paid_cents", Integer),
    column("refunded_cents", Integer),
    column("owed_cents", Integer),
)
# One row per session, method and kind: ``cents`` is signed, positive into the till; without the differences of counts.
till_session_totals = table(
    "till_session_totals",
    column("session_id", Integer),
    column("method_id", Integer),
    column("kind", String),
    column("movement_count", Integer),
    column("cents", Integer),
    column("change_cents", Integer),
)
