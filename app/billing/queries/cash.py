"""The day's money, from the one ledger: what was received between two midnights of the clinic.

Money is dated by the hour it was received, never by the visit it pays for. The main query fetches Core
rows; whoever shows them (JSON, workbook, paper) makes its own dicts, once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Any

from sqlalchemy import Row, bindparam, case, func, or_, select

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

# Core tables and statements that are built once: a day of a thousand payments is read in a few milliseconds.
movement, ticket, method = Movement.__table__, Ticket.__table__, PaymentMethod.__table__
session, till, count = TillSession.__table__, Till.__table__, TillCount.__table__
patient, therapist, service = Patient.__table__, Therapist.__table__, Service.__table__
user = User.__table__
authoriser, opener, closer, approver = (user.alias(name) for name in ("authoriser", "opener", "closer", "approver"))
CLINIC, DAY, START, END = bindparam("clinic"), bindparam("day"), bindparam("start"), bindparam("end")

# The ledger of a day with everything its papers name. Signed: refunds are negative.
_LEDGER = (
    select(
        movement.c.id,
        movement.c.kind,
        movement.c.amount_cents,
        movement.c.method_id,
        movement.c.session_id,
        movement.c.received_at,
        movement.c.reference,
        movement.c.ticket_id,
        ticket.c.number,
        ticket.c.status.label("ticket_status"),
        ticket.c.therapist_id,
        ticket.c.service_id,
        ticket.c.concept.label("ticket_concept"),
        ticket.c.service_day,
        ticket.c.appointment_id,
        patient.c.full_name.label("patient"),
        patient.c.document_number,
        therapist.c.display_name.label("therapist"),
        service.c.name.label("service"),
        user.c.full_name.label("cashier"),
        authoriser.c.full_name.label("authoriser"),
        movement.c.tendered_cents,
        movement.c.change_cents,
        movement.c.concept,
        movement.c.beneficiary,
        movement.c.voucher_number,
        movement.c.note,
    )
    .select_from(movement)
    .join(user, user.c.id == movement.c.received_by)
    .outerjoin(ticket, ticket.c.id == movement.c.ticket_id)
    .outerjoin(patient, patient.c.id == ticket.c.patient_id)
    .outerjoin(therapist, therapist.c.id == ticket.c.therapist_id)
    .outerjoin(service, service.c.id == ticket.c.service_id)
    .outerjoin(authoriser, authoriser.c.id == movement.c.authorised_by)
    .where(movement.c.clinic_id == CLINIC, movement.c.received_at >= START, movement.c.received_at < END)
    .order_by(movement.c.received_at, movement.c.id)
)
_CATALOGUE = (
    select(method.c.id, method.c.code, method.c.name, method.c.is_cash, method.c.is_active)
    .where(method.c.clinic_id == CLINIC)
    .order_by(method.c.position, method.c.id)
)
_SESSIONS = (
    select(
        session.c.id,
        session.c.number,
        session.c.status,
        session.c.business_day,
        session.c.opened_at,
        session.c.closed_at,
        session.c.opening_float_cents,
        session.c.difference_cents,
        session.c.difference_number,
        session.c.difference_reason,
        session.c.left_for_tomorrow_cents,
        session.c.denominations,
        session.c.snapshot_sha256,
        till.c.name.label("till"),
        till.c.kind,
        opener.c.full_name.label("opener"),
        closer.c.full_name.label("closer"),
        approver.c.full_name.label("approver"),
    )
    .select_from(session)
    .join(till, till.c.id == session.c.till_id)
    .join(opener, opener.c.id == session.c.opened_by)
    .outerjoin(closer, closer.c.id == session.c.closed_by)
    .outerjoin(approver, approver.c.id == session.c.approved_by)
    .where(
        session.c.clinic_id == CLINIC,
        or_(session.c.business_day == DAY, session.c.id.in_(bindparam("used", expanding=True))),
    )
    .order_by(session.c.opened_at, session.c.id)
)
_COUNTS = (
    select(count.c.method_id, func.sum(count.c.expected_cents), func.sum(count.c.counted_cents))
    .where(count.c.session_id.in_(bindparam("sessions", expanding=True)))
    .group_by(count.c.method_id)
)
_CASH_SUMS = (
    select(movement.c.kind, func.sum(movement.c.amount_cents), func.sum(movement.c.change_cents))
    .where(
        movement.c.session_id.in_(bindparam("sessions", expanding=True)),
        movement.c.method_id.in_(bindparam("methods", expanding=True)),
    )
    .group_by(movement.c.kind)
)
_ISSUED = select(
    func.min(ticket.c.number),
    func.max(ticket.c.number),
    func.count(),
    func.count(case((ticket.c.amount_cents == 0, 1))),
).where(ticket.c.clinic_id == CLINIC, ticket.c.issued_at >= START, ticket.c.issued_at < END)
_VOIDED = (
    select(
        ticket.c.number,
        ticket.c.voided_at,
        ticket.c.void_reason,
        ticket.c.amount_cents,
        ticket.c.concept,
        patient.c.full_name.label("patient"),
        user.c.full_name.label("voider"),
    )
    .select_from(ticket)
    .join(patient, patient.c.id == ticket.c.patient_id)
    .outerjoin(user, user.c.id == ticket.c.voided_by)
    .where(ticket.c.clinic_id == CLINIC, ticket.c.voided_at >= START, ticket.c.voided_at < END)
    .order_by(ticket.c.number)
)
_PAID_UNTIL_THEN = (
    select(func.coalesce(func.sum(movement.c.amount_cents), 0))
    .where(movement.c.ticket_id == ticket.c.id, movement.c.received_at < END)
    .scalar_subquery()
)
_OWED = (
    select((ticket.c.amount_cents - _PAID_UNTIL_THEN).label("cents"))
    .where(ticket.c.clinic_id == CLINIC, ticket.c.service_day == DAY, ticket.c.status == "open")
    .subquery()
)
_DEBTS = select(func.count(), func.sum(_OWED.c.cents)).where(_OWED.c.cents > 0)
_OF_DAY = (
    select(
        movement.c.ticket_id,
        func.sum(movement.c.amount_cents).label("paid_today"),
        func.max(movement.c.received_at).label("paid_at"),
    )
    .where(movement.c.clinic_id == CLINIC, movement.c.received_at >= START, movement.c.received_at < END)
    .where(movement.c.ticket_id.is_not(None))
    .group_by(movement.c.ticket_id)
    .subquery()
)
_PAID_TICKETS = (
    select(
        ticket.c.id,
        ticket.c.number,
        ticket.c.concept,
        ticket.c.amount_cents,
        ticket.c.service_day,
        patient.c.full_name.label("patient"),
        patient.c.document_number,
        therapist.c.display_name.label("therapist"),
        service.c.name.label("service"),
        _OF_DAY.c.paid_today,
        _OF_DAY.c.paid_at,
    )
    .select_from(ticket)
    .join(_OF_DAY, _OF_DAY.c.ticket_id == ticket.c.id)
    .join(patient, patient.c.id == ticket.c.patient_id)
    .outerjoin(therapist, therapist.c.id == ticket.c.therapist_id)
    .outerjoin(service, service.c.id == ticket.c.service_id)
    .where(ticket.c.status == "open", _OF_DAY.c.paid_today > 0, ticket.c.amount_cents <= _PAID_UNTIL_THEN)
    .order_by(ticket.c.number)
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
    period = {"clinic": clinic_id, "start": start, "end": end}
    catalogue = db.session.execute(_CATALOGUE, {"clinic": clinic_id}).all()
    wanted = _chosen(catalogue, methods)
    narrowed = len(wanted) < len(catalogue)
    ledger = _LEDGER.where(movement.c.method_id.in_([m.id for m in wanted])) if narrowed else _LEDGER
    rows = db.session.execute(ledger, period).all()
    payments = [row for row, ticket_id in zip(rows, columns(rows, "ticket_id"), strict=True) if ticket_id is not None]
    used = set(columns(rows, "session_id"))
    sessions = db.session.execute(_SESSIONS, {"clinic": clinic_id, "day": day, "used": list(used)}).all()
    own = [s for s in sessions if s.business_day == day and s.kind == "recaudadora"]
    counts = _counts(own)
    return DailyCash(
        clinic=clinic,
        day=day,
        methods=tuple(m.code for m in wanted) if narrowed else (),
        payments=payments,
        movements=[row for row in rows if row.ticket_id is None] if len(payments) < len(rows) else [],
        by_method=_by_method(wanted, payments, counts),
        by_therapist=_grouped(payments, "therapist_id", "therapist"),
        by_service=_grouped(payments, "service_id", "service"),
        sessions=sessions,
        box=_box(own, counts, [m.id for m in catalogue if m.is_cash]),
        control=_control({**period, "day": day}, payments),
        method_names={m.id: (m.code, m.name) for m in catalogue},
    )


def columns(rows: Sequence[Row[Any]], *names: str) -> Iterator[Any]:
    """These columns of each row, as tuples (one name: as values). In loops over thousands of rows this is
    several times faster than attributes."""
    if not rows:
        return iter(())
    fields = rows[0]._fields
    return map(itemgetter(*(fields.index(name) for name in names)), rows)


def readable_clinic(clinic_id: int, actor: Actor) -> clinics.ClinicFacts:
    """The clinic, when the actor may read its reports: a stranger learns nothing, a colleague is refused."""
    if clinic_id not in actor.grants:
        access.require(actor, permissions.READ)
        raise NotFound
    access.require(actor, permissions.READ, clinic_id)
    return clinics.clinic(clinic_id)


def method_choices(clinic_id: int) -> list[tuple[str, str]]:
    """``(code, name)`` of a clinic's methods, for the filter of a page."""
    rows = db.session.execute(_CATALOGUE, {"clinic": clinic_id})
    return [(m.code, m.name) for m in rows if m.is_active]


def _chosen(catalogue: Sequence[Row[Any]], methods: Iterable[str] | None) -> Sequence[Row[Any]]:
    codes = {code.lower() for code in methods or ()}
    if not codes:
        return catalogue
    if codes - {m.code for m in catalogue}:
        raise Invalid({"payment_methods": N_("Este método de pago no existe en la sede.")})
    return [m for m in catalogue if m.code in codes]


def _counts(sessions: Sequence[Row[Any]]) -> dict[int, tuple[int, int]]:
    """``method_id: (expected, counted)`` of the closings; nothing while one of the sessions is open."""
    if not sessions or any(s.status == "open" for s in sessions):
        return {}
    rows = db.session.execute(_COUNTS, {"sessions": [s.id for s in sessions]})
    return {method_id: (int(expected), int(counted)) for method_id, expected, counted in rows}


def _by_method(
    methods: Sequence[Row[Any]], payments: Sequence[Row[Any]], counts: dict[int, tuple[int, int]]
) -> list[MethodLine]:
    sums: dict[int, list[int]] = {m.id: [0, 0, 0] for m in methods}
    for method_id, amount in columns(payments, "method_id", "amount_cents"):
        line = sums[method_id]
        line[0] += 1
        line[1 if amount > 0 else 2] += amount
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
    for group, label, ticket_id, amount in columns(payments, key, name, "ticket_id", "amount_cents"):
        if group not in cents:
            names[group], tickets[group], cents[group] = label or "", set(), 0
        tickets[group].add(ticket_id)
        cents[group] += amount
    lines = [GroupLine(group, names[group], len(tickets[group]), cents[group]) for group in cents]
    return sorted(lines, key=lambda line: (line.key is None, -line.collected, line.name))


def _box(sessions: Sequence[Row[Any]], counts: dict[int, tuple[int, int]], cash: list[int]) -> CashBox:
    sums = _cash_sums([s.id for s in sessions], cash)
    counted = [counts[method_id][1] for method_id in cash if method_id in counts]
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


def _cash_sums(session_ids: list[int], cash: list[int]) -> dict[str, int]:
    """Cents by kind over the cash lines of these sessions; ``change`` is what was handed back."""
    if not session_ids:
        return {}
    rows = db.session.execute(_CASH_SUMS, {"sessions": session_ids, "methods": cash}).all()
    return {"change": sum(int(change) for _, _, change in rows), **{kind: int(cents) for kind, cents, _ in rows}}


def _control(of_day: dict[str, Any], payments: Sequence[Row[Any]]) -> Control:
    day = of_day["day"]
    first, last, issued, courtesies = db.session.execute(_ISSUED, of_day).one()
    debts, debts_cents = db.session.execute(_DEBTS, of_day).one()
    paid = columns(payments, "service_day", "ticket_id", "amount_cents")
    earlier = [(ticket_id, amount) for service_day, ticket_id, amount in paid if service_day < day]
    return Control(
        first=first,
        last=last,
        issued=issued,
        courtesies=courtesies,
        voided=db.session.execute(_VOIDED, of_day).all(),
        debts=int(debts),
        debts_cents=int(debts_cents or 0),
        recovered=len({ticket_id for ticket_id, _ in earlier}),
        recovered_cents=sum(amount for _, amount in earlier),
    )


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
    rows = db.session.execute(_PAID_TICKETS, {"clinic": clinic_id, "start": start, "end": end}).all()
    return PaidTickets(clinic, day, rows)


def line_type(kind: str, ticket_status: str) -> str:
    """``cobro``, ``devolucion``, or ``anulacion`` for what went back because its ticket was voided."""
    if kind == "payment":
        return "cobro"
    return "anulacion" if ticket_status == "voided" else "devolucion"


def session_code(session: Row[Any]) -> str:
    return rules.till_code(session.business_day, session.number)
