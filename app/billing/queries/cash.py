"""The day's money, from the one ledger: what was received between two midnights of the clinic.

Money is dated by the hour it was received, never by the visit it pays for. The main query fetches Core
rows; whoever shows them (JSON, workbook, paper) makes its own dicts, once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from app.billing import rules
from app.billing.models import Movement, PaymentMethod, Ticket, Till, TillCount, TillSession
from app.clinics import queries as clinics
from app.clinics.models import Service, Therapist
from app.identity.models import User
from app.kernel import access, clock
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import Invalid, NotFound
from app.kernel.words import N_
from app.patients.models import Patient
from app.reports import permissions

Authoriser, Opener, Closer, Approver = (aliased(User) for _ in range(4))

# The ledger of a day with everything its papers name. Paid and signed: refunds are negative.
_LEDGER = (
    select(
        Movement.id,
        Movement.kind,
        Movement.amount_cents,
        Movement.method_id,
        Movement.session_id,
        Movement.received_at,
        Movement.reference,
        Movement.ticket_id,
        Ticket.number,
        Ticket.status.label("ticket_status"),
        Ticket.therapist_id,
        Ticket.service_id,
        Ticket.concept.label("ticket_concept"),
        Ticket.service_day,
        Ticket.appointment_id,
        Patient.full_name.label("patient"),
        Patient.document_number,
        Therapist.display_name.label("therapist"),
        Service.name.label("service"),
        User.full_name.label("cashier"),
        Authoriser.full_name.label("authoriser"),
        Movement.tendered_cents,
        Movement.change_cents,
        Movement.concept,
        Movement.beneficiary,
        Movement.voucher_number,
        Movement.note,
    )
    .join(User, User.id == Movement.received_by)
    .outerjoin(Ticket, Ticket.id == Movement.ticket_id)
    .outerjoin(Patient, Patient.id == Ticket.patient_id)
    .outerjoin(Therapist, Therapist.id == Ticket.therapist_id)
    .outerjoin(Service, Service.id == Ticket.service_id)
    .outerjoin(Authoriser, Authoriser.id == Movement.authorised_by)
    .order_by(Movement.received_at, Movement.id)
)


@dataclass(frozen=True, slots=True)
class MethodLine:
    """A method's day. ``counted`` and ``difference`` are None while a session of the day is open."""

    code: str
    name: str
    operations: int
    gross: int
    refunds: int
    counted: int | None
    difference: int | None

    @property
    def net(self) -> int:
        return self.gross + self.refunds


@dataclass(frozen=True, slots=True)
class GroupLine:
    """What was collected for a therapist or a service; ``key`` None is what names none."""

    key: int | None
    name: str
    tickets: int
    collected: int


@dataclass(frozen=True, slots=True)
class CashBox:
    """The drawers of the sessions opened that day: each line signed, their sum is what must lie there."""

    opening: int
    received: int
    change: int
    refunds: int
    paid_in: int
    paid_out: int
    deposited: int
    counted: int | None
    left: int | None
    reasons: tuple[str, ...] = ()

    @property
    def expected(self) -> int:
        parts = (self.opening, self.received, self.change, self.refunds, self.paid_in, self.paid_out, self.deposited)
        return sum(parts)

    @property
    def difference(self) -> int | None:
        return None if self.counted is None else self.counted - self.expected


@dataclass(frozen=True, slots=True)
class Control:
    """Figures that show what is missing or out of order."""

    first: int | None
    last: int | None
    issued: int
    courtesies: int
    voided: Sequence[Row[Any]]
    debts: int
    debts_cents: int
    recovered: int
    recovered_cents: int


@dataclass(frozen=True, slots=True)
class DailyCash:
    """One clinic, one local day. ``payments`` are payments and refunds, ``movements`` the other lines."""

    clinic: clinics.ClinicFacts
    day: date
    methods: tuple[str, ...]
    payments: Sequence[Row[Any]]
    movements: Sequence[Row[Any]]
    by_method: Sequence[MethodLine]
    by_therapist: Sequence[GroupLine]
    by_service: Sequence[GroupLine]
    sessions: Sequence[Row[Any]]
    box: CashBox
    control: Control
    method_names: dict[int, tuple[str, str]]

    @property
    def total(self) -> int:
        return sum(line.net for line in self.by_method)

    @property
    def state(self) -> str:
        """``partial`` until every session of the day is closed, ``observed`` when one closed with a difference."""
        if not self.sessions or any(s.status == "open" for s in self.sessions):
            return "partial"
        return "observed" if any(s.difference_cents for s in self.sessions) else "closed"

    @property
    def denominations(self) -> list[tuple[int, int]]:
        """``(value in cents, pieces)`` over the day's sessions, the largest first."""
        pieces: dict[int, int] = {}
        for session in self.sessions:
            for value, count in (session.denominations or {}).items():
                pieces[int(value)] = pieces.get(int(value), 0) + int(count)
        return sorted(pieces.items(), reverse=True)


def daily_cash(*, clinic_id: int, day: date, actor: Actor, methods: Iterable[str] | None = None) -> DailyCash:
    """What a clinic took, gave back and holds of a local day; ``methods`` narrows payments and summary.

    Raises NotFound for a foreign clinic, Forbidden without the permission, Invalid for an unknown method.
    """
    clinic = readable_clinic(clinic_id, actor)
    start, end = clock.day_bounds(day, clinic.timezone)
    catalogue = _catalogue(clinic_id)
    wanted = _chosen(catalogue, methods)
    of_day = [Movement.clinic_id == clinic_id, Movement.received_at >= start, Movement.received_at < end]
    if len(wanted) < len(catalogue):
        of_day.append(Movement.method_id.in_([m.id for m in wanted]))
    rows = db.session.execute(_LEDGER.where(*of_day)).all()
    payments = [row for row in rows if row.ticket_id is not None]
    movements = [row for row in rows if row.ticket_id is None]
    sessions = _sessions(clinic_id, day, {row.session_id for row in rows})
    own = [s for s in sessions if s.business_day == day and s.kind == "recaudadora"]
    counts = _counts(own)
    return DailyCash(
        clinic=clinic,
        day=day,
        methods=tuple(m.code for m in wanted) if len(wanted) < len(catalogue) else (),
        payments=payments,
        movements=movements,
        by_method=_by_method(wanted, payments, counts),
        by_therapist=_grouped(payments, "therapist_id", "therapist"),
        by_service=_grouped(payments, "service_id", "service"),
        sessions=sessions,
        box=_box(own, counts, {m.id for m in catalogue if m.is_cash}),
        control=_control(clinic_id, day, start, end, payments),
        method_names={m.id: (m.code, m.name) for m in catalogue},
    )


def readable_clinic(clinic_id: int, actor: Actor) -> clinics.ClinicFacts:
    """The clinic, when the actor may read its reports: a stranger learns nothing, a colleague is refused."""
    if clinic_id not in actor.grants:
        access.require(actor, permissions.READ)
        raise NotFound
    access.require(actor, permissions.READ, clinic_id)
    return clinics.clinic(clinic_id)


def _catalogue(clinic_id: int) -> Sequence[Row[Any]]:
    columns = (PaymentMethod.id, PaymentMethod.code, PaymentMethod.name, PaymentMethod.is_cash, PaymentMethod.is_active)
    mine = select(*columns).where(PaymentMethod.clinic_id == clinic_id)
    return db.session.execute(mine.order_by(PaymentMethod.position, PaymentMethod.id)).all()


def method_choices(clinic_id: int) -> list[tuple[str, str]]:
    """``(code, name)`` of a clinic's methods, for the filter of a page."""
    return [(m.code, m.name) for m in _catalogue(clinic_id) if m.is_active]


def _chosen(catalogue: Sequence[Row[Any]], methods: Iterable[str] | None) -> Sequence[Row[Any]]:
    codes = {code.lower() for code in methods or ()}
    if not codes:
        return catalogue
    if codes - {m.code for m in catalogue}:
        raise Invalid({"payment_methods": N_("Este método de pago no existe en la sede.")})
    return [m for m in catalogue if m.code in codes]


def _sessions(clinic_id: int, day: date, used: set[int]) -> Sequence[Row[Any]]:
    """The sessions opened that day, and older ones in which money moved that day."""
    columns = (
        TillSession.id,
        TillSession.number,
        TillSession.status,
        TillSession.business_day,
        TillSession.opened_at,
        TillSession.closed_at,
        TillSession.opening_float_cents,
        TillSession.difference_cents,
        TillSession.difference_number,
        TillSession.difference_reason,
        TillSession.left_for_tomorrow_cents,
        TillSession.denominations,
        TillSession.snapshot_sha256,
        Till.name.label("till"),
        Till.kind,
        Opener.full_name.label("opener"),
        Closer.full_name.label("closer"),
        Approver.full_name.label("approver"),
    )
    touched = or_(TillSession.business_day == day, TillSession.id.in_(used))
    return db.session.execute(
        select(*columns)
        .join(Till, Till.id == TillSession.till_id)
        .join(Opener, Opener.id == TillSession.opened_by)
        .outerjoin(Closer, Closer.id == TillSession.closed_by)
        .outerjoin(Approver, Approver.id == TillSession.approved_by)
        .where(TillSession.clinic_id == clinic_id, touched)
        .order_by(TillSession.opened_at, TillSession.id)
    ).all()


def _counts(sessions: Sequence[Row[Any]]) -> dict[int, tuple[int, int]]:
    """``method_id: (expected, counted)`` of the closings; nothing while one of the sessions is open."""
    if not sessions or any(s.status == "open" for s in sessions):
        return {}
    rows = db.session.execute(
        select(TillCount.method_id, func.sum(TillCount.expected_cents), func.sum(TillCount.counted_cents))
        .where(TillCount.session_id.in_([s.id for s in sessions]))
        .group_by(TillCount.method_id)
    )
    return {method: (int(expected), int(counted)) for method, expected, counted in rows}


def _by_method(
    methods: Sequence[Row[Any]], payments: Sequence[Row[Any]], counts: dict[int, tuple[int, int]]
) -> list[MethodLine]:
    sums: dict[int, list[int]] = {m.id: [0, 0, 0] for m in methods}
    for row in payments:
        line = sums[row.method_id]
        line[0] += 1
        line[1 if row.amount_cents > 0 else 2] += row.amount_cents
    return [
        MethodLine(
            code=m.code,
            name=m.name,
            operations=sums[m.id][0],
            gross=sums[m.id][1],
            refunds=sums[m.id][2],
            counted=counts[m.id][1] if m.id in counts else None,
            difference=counts[m.id][1] - counts[m.id][0] if m.id in counts else None,
        )
        for m in methods
        if m.is_active or sums[m.id][0] or m.id in counts
    ]


def _grouped(payments: Sequence[Row[Any]], key: str, name: str) -> list[GroupLine]:
    """Collected by a column of the ticket, the largest first and what names none last."""
    names: dict[int | None, str] = {}
    tickets: dict[int | None, set[int]] = {}
    cents: dict[int | None, int] = {}
    for row in payments:
        group = getattr(row, key)
        if group not in cents:
            names[group], tickets[group], cents[group] = getattr(row, name) or "", set(), 0
        tickets[group].add(row.ticket_id)
        cents[group] += row.amount_cents
    lines = [GroupLine(group, names[group], len(tickets[group]), cents[group]) for group in cents]
    return sorted(lines, key=lambda line: (line.key is None, -line.collected, line.name))


def _box(sessions: Sequence[Row[Any]], counts: dict[int, tuple[int, int]], cash: set[int]) -> CashBox:
    sums = _cash_sums([s.id for s in sessions], cash)
    counted = [counts[method][1] for method in cash if method in counts]
    left = [s.left_for_tomorrow_cents for s in sessions if s.left_for_tomorrow_cents is not None]
    change = sums.get("change", 0)
    return CashBox(
        opening=sum(s.opening_float_cents for s in sessions),
        received=sums.get("payment", 0) + change,
        change=-change,
        refunds=sums.get("refund", 0),
        paid_in=sums.get("cash_in", 0),
        paid_out=sums.get("cash_out", 0) + sums.get("expense", 0),
        deposited=sums.get("deposit", 0),
        counted=sum(counted) if counted else None,
        left=sum(left) if left else None,
        reasons=tuple(s.difference_reason for s in sessions if s.difference_reason),
    )


def _cash_sums(session_ids: list[int], cash: set[int]) -> dict[str, int]:
    """Cents by kind over the cash lines of these sessions; ``change`` is what was handed back."""
    if not session_ids:
        return {}
    rows = db.session.execute(
        select(Movement.kind, func.sum(Movement.amount_cents), func.sum(Movement.change_cents))
        .where(Movement.session_id.in_(session_ids), Movement.method_id.in_(cash))
        .group_by(Movement.kind)
    ).all()
    return {"change": sum(int(change) for _, _, change in rows), **{kind: int(cents) for kind, cents, _ in rows}}


_VOIDED = (
    select(
        Ticket.number,
        Ticket.voided_at,
        Ticket.void_reason,
        Ticket.amount_cents,
        Ticket.concept,
        Patient.full_name.label("patient"),
        User.full_name.label("voider"),
    )
    .join(Patient, Patient.id == Ticket.patient_id)
    .outerjoin(User, User.id == Ticket.voided_by)
    .order_by(Ticket.number)
)


def _control(clinic_id: int, day: date, start: datetime, end: datetime, payments: Sequence[Row[Any]]) -> Control:
    numbers = db.session.execute(
        select(
            func.min(Ticket.number),
            func.max(Ticket.number),
            func.count(),
            func.count(case((Ticket.amount_cents == 0, 1))),
        ).where(Ticket.clinic_id == clinic_id, Ticket.issued_at >= start, Ticket.issued_at < end)
    ).one()
    voided = and_(Ticket.clinic_id == clinic_id, Ticket.voided_at >= start, Ticket.voided_at < end)
    debts, debts_cents = _debts(clinic_id, day, end)
    earlier = [row for row in payments if row.service_day < day]
    return Control(
        first=numbers[0],
        last=numbers[1],
        issued=numbers[2],
        courtesies=numbers[3],
        voided=db.session.execute(_VOIDED.where(voided)).all(),
        debts=debts,
        debts_cents=debts_cents,
        recovered=len({row.ticket_id for row in earlier}),
        recovered_cents=sum(row.amount_cents for row in earlier),
    )


def _debts(clinic_id: int, day: date, end: datetime) -> tuple[int, int]:
    """How many tickets of the day were not paid when it ended, and the cents that were missing."""
    paid = (
        select(func.coalesce(func.sum(Movement.amount_cents), 0))
        .where(Movement.ticket_id == Ticket.id, Movement.received_at < end)
        .scalar_subquery()
    )
    owed = (
        select((Ticket.amount_cents - paid).label("cents"))
        .where(Ticket.clinic_id == clinic_id, Ticket.service_day == day, Ticket.status == "open")
        .subquery()
    )
    row = db.session.execute(select(func.count(), func.sum(owed.c.cents)).where(owed.c.cents > 0)).one()
    return int(row[0]), int(row[1] or 0)


@dataclass(frozen=True, slots=True)
class PaidTickets:
    clinic: clinics.ClinicFacts
    day: date
    rows: Sequence[Row[Any]]


def paid_tickets(*, clinic_id: int, day: date, actor: Actor) -> PaidTickets:
    """The tickets that were paid in full by a payment of that local day, by number.

    ``paid_today`` is what came in that day; ``paid_at`` the last payment. Raises as ``daily_cash``.
    """
    clinic = readable_clinic(clinic_id, actor)
    start, end = clock.day_bounds(day, clinic.timezone)
    today = (
        select(
            Movement.ticket_id,
            func.sum(Movement.amount_cents).label("paid_today"),
            func.max(Movement.received_at).label("paid_at"),
        )
        .where(Movement.clinic_id == clinic_id, Movement.received_at >= start, Movement.received_at < end)
        .where(Movement.ticket_id.is_not(None))
        .group_by(Movement.ticket_id)
        .subquery()
    )
    paid = (
        select(func.sum(Movement.amount_cents))
        .where(Movement.ticket_id == Ticket.id, Movement.received_at < end)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(
            Ticket.id,
            Ticket.number,
            Ticket.concept,
            Ticket.amount_cents,
            Ticket.service_day,
            Patient.full_name.label("patient"),
            Patient.document_number,
            Therapist.display_name.label("therapist"),
            Service.name.label("service"),
            today.c.paid_today,
            today.c.paid_at,
        )
        .join(today, today.c.ticket_id == Ticket.id)
        .join(Patient, Patient.id == Ticket.patient_id)
        .outerjoin(Therapist, Therapist.id == Ticket.therapist_id)
        .outerjoin(Service, Service.id == Ticket.service_id)
        .where(Ticket.status == "open", today.c.paid_today > 0, paid >= Ticket.amount_cents)
        .order_by(Ticket.number)
    ).all()
    return PaidTickets(clinic, day, rows)


def line_type(row: Row[Any]) -> str:
    """``cobro``, ``devolucion``, or ``anulacion`` for what went back because its ticket was voided."""
    if row.kind == "payment":
        return "cobro"
    return "anulacion" if row.ticket_status == "voided" else "devolucion"


def session_code(session: Row[Any]) -> str:
    return rules.till_code(session.business_day, session.number)
