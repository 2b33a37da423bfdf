"""The daily cash report: what a clinic received on a local day, read from the ledger.

Money belongs to the day it was received, not to that of the visit. The main query returns Core rows; each output
format builds its own dicts from them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import itemgetter
from typing import Any

from sqlalchemy import Row

from app.billing import rules
from app.billing.queries import cash_statements as statements
from app.clinics import queries as clinics
from app.kernel import access, clock
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.errors import Invalid, NotFound
from app.kernel.i18n import N_
from app.reports import permissions


@dataclass(frozen=True, slots=True)
class MethodLine:
    """Totals of a payment method. ``expected`` (in the drawer or the app, with the float), ``counted`` and
    ``difference`` are of the day's closings, None while one of its sessions is open."""

    code: str
    name: str
    operations: int
    gross: int
    refunds: int
    expected: int | None
    counted: int | None
    difference: int | None

    @property
    def net(self) -> int:
        return self.gross + self.refunds


@dataclass(frozen=True, slots=True)
class GroupLine:
    """What was collected for a therapist or a service; ``key`` is None for those without one.

    ``attended`` are the sessions that a therapist gave that day; None for services.
    """

    key: int | None
    name: str
    tickets: int
    collected: int
    attended: int | None = None


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session of the day; what was expected and counted over all methods is None while it is open."""

    session: Row[Any]
    expected: int | None
    counted: int | None
    difference: int | None


@dataclass(frozen=True, slots=True)
class CashBox:
    """Cash of the sessions opened on a day: each part is signed, their sum is the expected cash."""

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
    """Control figures: numbers issued, voided tickets, debts; ``rounded_cents`` is below zero in favour of patients."""

    first: int | None
    last: int | None
    issued: int
    courtesies: int
    rounded: int
    rounded_cents: int
    voided: Sequence[Row[Any]]
    debts: int
    debts_cents: int
    recovered: int
    recovered_cents: int


@dataclass(frozen=True, slots=True)
class DailyCash:
    """One clinic, one local day. ``payments`` are payments and refunds, ``movements`` the other lines."""

    clinic: clinics.ClinicView
    day: date
    methods: tuple[str, ...]
    payments: Sequence[Row[Any]]
    movements: Sequence[Row[Any]]
    by_method: Sequence[MethodLine]
    by_therapist: Sequence[GroupLine]
    by_service: Sequence[GroupLine]
    by_session: Sequence[SessionLine]
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
    """The cash report of a clinic and local day; ``methods`` filters payments and summary.

    Raises NotFound for another clinic, Forbidden without the permission, Invalid for an unknown method.
    """
    clinic = readable_clinic(clinic_id, actor)
    start, end = clock.day_bounds(day, clinic.timezone)
    period = {"clinic": clinic_id, "start": start, "end": end}
    catalogue = db.session.execute(statements.CATALOGUE, {"clinic": clinic_id}).all()
    selected = _chosen(catalogue, methods)
    is_filtered = len(selected) < len(catalogue)
    statement = statements.of_methods([m.id for m in selected]) if is_filtered else statements.LEDGER
    rows = db.session.execute(statement, period).all()
    payments = [row for row, ticket_id in zip(rows, columns(rows, "ticket_id"), strict=True) if ticket_id is not None]
    session_ids = set(columns(rows, "session_id"))
    sessions = db.session.execute(
        statements.SESSIONS, {"clinic": clinic_id, "day": day, "used": list(session_ids)}
    ).all()
    opened_today = [s for s in sessions if s.business_day == day and s.kind == "recaudadora"]
    closings = _closings(sessions)
    counts = _counts(opened_today, closings)
    return DailyCash(
        clinic=clinic,
        day=day,
        methods=tuple(m.code for m in selected) if is_filtered else (),
        payments=payments,
        movements=[row for row in rows if row.ticket_id is None] if len(payments) < len(rows) else [],
        by_method=_by_method(selected, payments, counts),
        by_therapist=_with_attended(_grouped(payments, "therapist_id", "therapist"), period),
        by_service=_grouped(payments, "service_id", "service"),
        by_session=[_session_line(s, closings.get(s.id, {})) for s in sessions],
        sessions=sessions,
        box=_box(opened_today, counts, [m.id for m in catalogue if m.is_cash]),
        control=_control({**period, "day": day}, payments),
        method_names={m.id: (m.code, m.name) for m in catalogue},
    )


def columns(rows: Sequence[Row[Any]], *names: str) -> Iterator[Any]:
    """The named columns of each row, as tuples (as values for a single name). In loops over thousands of rows this is
    several times faster than attributes."""
    if not rows:
        return iter(())
    fields = rows[0]._fields
    return map(itemgetter(*(fields.index(name) for name in names)), rows)


def readable_clinic(clinic_id: int, actor: Actor) -> clinics.ClinicView:
    """The clinic, when the actor may read its reports. Raises NotFound outside the actor's clinics, else Forbidden."""
    if clinic_id not in actor.grants:
        access.require_anywhere(actor, permissions.READ)
        raise NotFound
    access.require(actor, permissions.READ, clinic_id)
    return clinics.clinic(clinic_id)


def method_choices(clinic_id: int) -> list[tuple[str, str]]:
    """``(code, name)`` of a clinic's methods, for the filter of a page."""
    rows = db.session.execute(statements.CATALOGUE, {"clinic": clinic_id})
    return [(m.code, m.name) for m in rows if m.is_active]


def _chosen(catalogue: Sequence[Row[Any]], methods: Iterable[str] | None) -> Sequence[Row[Any]]:
    codes = {code.lower() for code in methods or ()}
    if not codes:
        return catalogue
    if codes - {m.code for m in catalogue}:
        known = ", ".join(m.code for m in catalogue)
        raise Invalid({"payment_methods": N_("Este método de pago no existe en la sede. Use: %(codes)s.")}, codes=known)
    return [m for m in catalogue if m.code in codes]


def _closings(sessions: Sequence[Row[Any]]) -> dict[int, dict[int, tuple[int, int]]]:
    """``session_id: {method_id: (expected, counted)}`` of the closed sessions."""
    closed = [s.id for s in sessions if s.status == "closed"]
    found: dict[int, dict[int, tuple[int, int]]] = {session_id: {} for session_id in closed}
    if closed:
        for session_id, method_id, expected, counted in db.session.execute(statements.COUNTS, {"sessions": closed}):
            found[session_id][method_id] = (int(expected), int(counted))
    return found


def _counts(
    sessions: Sequence[Row[Any]], closings: dict[int, dict[int, tuple[int, int]]]
) -> dict[int, tuple[int, int]]:
    """``method_id: (expected, counted)`` over the sessions; nothing while one of them is open."""
    if not sessions or any(s.status == "open" for s in sessions):
        return {}
    sums: dict[int, tuple[int, int]] = {}
    for session in sessions:
        for method_id, (expected, counted) in closings[session.id].items():
            before = sums.get(method_id, (0, 0))
            sums[method_id] = (before[0] + expected, before[1] + counted)
    return sums


def _session_line(session: Row[Any], counts: dict[int, tuple[int, int]]) -> SessionLine:
    if session.status == "open":
        return SessionLine(session, None, None, None)
    expected, counted = (sum(pair[at] for pair in counts.values()) for at in (0, 1))
    return SessionLine(session, expected, counted, counted - expected)


def _with_attended(lines: list[GroupLine], period: dict[str, Any]) -> list[GroupLine]:
    """The lines with the sessions that each therapist gave; those who collected nothing come last but one."""
    rows = db.session.execute(statements.ATTENDED, period)
    given = {therapist_id: (name, int(count)) for therapist_id, name, count in rows}
    known = {line.key for line in lines}
    counted = [replace(line, attended=given[line.key][1] if line.key in given else 0) for line in lines]
    others = [GroupLine(key, name, 0, 0, count) for key, (name, count) in sorted(given.items()) if key not in known]
    return sorted([*counted, *others], key=lambda line: (line.key is None, -line.collected, line.name))


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
            expected=counts[m.id][0] if m.id in counts else None,
            counted=counts[m.id][1] if m.id in counts else None,
            difference=counts[m.id][1] - counts[m.id][0] if m.id in counts else None,
        )
        for m in methods
        if m.is_active or sums[m.id][0] or m.id in counts
    ]


def _grouped(payments: Sequence[Row[Any]], key: str, name: str) -> list[GroupLine]:
    """Collected by a column of the ticket, the largest first, lines without a key last."""
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
        paid_out=sums.get("cash_out", 0) + sums.get("expense", 0) + sums.get("move_reversal", 0),
        deposited=sums.get("deposit", 0),
        counted=sum(counted) if counted else None,
        left=sum(left) if left else None,
        reasons=tuple(s.difference_reason for s in sessions if s.difference_reason),
    )


def _cash_sums(session_ids: list[int], cash: list[int]) -> dict[str, int]:
    """Cents by kind over the cash lines of these sessions; ``change`` is the change given."""
    if not session_ids:
        return {}
    rows = db.session.execute(statements.CASH_SUMS, {"sessions": session_ids, "methods": cash}).all()
    return {"change": sum(int(change) for _, _, change in rows), **{kind: int(cents) for kind, cents, _ in rows}}


def _control(of_day: dict[str, Any], payments: Sequence[Row[Any]]) -> Control:
    day = of_day["day"]
    figures = db.session.execute(statements.ISSUED, of_day).one()
    first, last, issued, free, courtesies, rounded, rounded_cents = figures
    debts, debts_cents = db.session.execute(statements.DEBTS, of_day).one()
    paid = columns(payments, "service_day", "ticket_id", "amount_cents")
    earlier = [(ticket_id, amount) for service_day, ticket_id, amount in paid if service_day < day]
    return Control(
        first=first,
        last=last,
        issued=issued,
        courtesies=free + courtesies,
        rounded=rounded,
        rounded_cents=int(rounded_cents),
        voided=db.session.execute(statements.VOIDED, of_day).all(),
        debts=int(debts),
        debts_cents=int(debts_cents or 0),
        recovered=len({ticket_id for ticket_id, _ in earlier}),
        recovered_cents=sum(amount for _, amount in earlier),
    )


@dataclass(frozen=True, slots=True)
class PaidTickets:
    clinic: clinics.ClinicView
    day: date
    rows: Sequence[Row[Any]]


def paid_tickets(*, clinic_id: int, day: date, actor: Actor) -> PaidTickets:
    """The tickets that were paid in full by a payment of that local day, by number.

    ``paid_today`` is what came in that day; ``paid_at`` the last payment. Raises as ``daily_cash``.
    """
    clinic = readable_clinic(clinic_id, actor)
    start, end = clock.day_bounds(day, clinic.timezone)
    rows = db.session.execute(statements.PAID_TICKETS, {"clinic": clinic_id, "start": start, "end": end}).all()
    return PaidTickets(clinic, day, rows)


def line_type(kind: str, ticket_status: str) -> str:
    """``cobro``, ``devolucion``, or ``anulacion`` for what went back because its ticket was voided."""
    if kind == "payment":
        return "cobro"
    return "anulacion" if ticket_status == "voided" else "devolucion"


def session_code(session: Row[Any]) -> str:
    return rules.till_code(session.business_day, session.number)
