"""Reads of tills: their open sessions, the figures of a session, its X or Z report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, Select, and_, case, or_, select
from sqlalchemy.orm import aliased

from app.billing import permissions, rules
from app.billing.models import (
    PaymentMethod,
    Till,
    TillCount,
    TillSession,
    till_session_totals,
)
from app.billing.queries import counts as count_queries
from app.billing.queries import drawer
from app.billing.rules import tills as till_rules
from app.clinics import queries as clinics
from app.identity.models import User
from app.kernel.access import Actor, can
from app.kernel.db import db
from app.kernel.errors import NotFound
from app.tenancy.models import Clinic

TOTALS = till_session_totals.c
Opener, Closer, Approver = aliased(User), aliased(User), aliased(User)

_SESSION = (
    select(
        TillSession.id,
        TillSession.clinic_id,
        TillSession.till_id,
        Till.name.label("till"),
        Till.kind,
        TillSession.number,
        TillSession.status,
        TillSession.business_day,
        TillSession.opened_at,
        TillSession.opened_by.label("opened_by_id"),
        Opener.full_name.label("opened_by"),
        TillSession.opening_float_cents,
        TillSession.opening_note,
        TillSession.opening_left_cents,
        TillSession.opening_difference_number,
        TillSession.closed_at,
        Closer.full_name.label("closed_by"),
        Approver.full_name.label("approved_by"),
        TillSession.difference_cents,
        TillSession.difference_number,
        TillSession.difference_reason,
        TillSession.left_for_tomorrow_cents,
        TillSession.snapshot_sha256,
        Clinic.currency,
    )
    .join(Clinic, Clinic.id == TillSession.clinic_id)
    .join(Till, Till.id == TillSession.till_id)
    .join(Opener, Opener.id == TillSession.opened_by)
    .outerjoin(Closer, Closer.id == TillSession.closed_by)
    .outerjoin(Approver, Approver.id == TillSession.approved_by)
)


# ------------------------------------------------------------------ who may see what


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Supervisors see every session of their clinics, receptionists the open ones and their own."""
    supervised = actor.clinics_with(permissions.SEE_EXPECTED)
    operated = actor.clinics_with(permissions.OPERATE_TILL)
    open_or_own = or_(
        TillSession.status == "open",
        TillSession.opened_by == actor.user_id,
        TillSession.closed_by == actor.user_id,
    )
    return or_(TillSession.clinic_id.in_(supervised), and_(TillSession.clinic_id.in_(operated), open_or_own))


def sees_expected(actor: Actor, clinic_id: int, *, blind_close: bool) -> bool:
    """Whether the figures of an open session are shown to the actor, or they count blind."""
    return can(actor, permissions.SEE_EXPECTED, clinic_id) or (
        not blind_close and can(actor, permissions.OPERATE_TILL, clinic_id)
    )


def counts_blind(head: Mapping[str, Any], *, actor: Actor) -> bool:
    """Whether this session's figures are kept from the actor until it has a current count."""
    if head["status"] == "closed" or can(actor, permissions.SEE_EXPECTED, head["clinic_id"]):
        return False
    return clinics.clinic(head["clinic_id"]).blind_close and not count_queries.is_counted(head["id"])


# ------------------------------------------------------------------ sessions


def session(session_id: int, *, actor: Actor) -> dict[str, Any]:
    """The head of a session. Raises NotFound when the actor may not see it."""
    row = db.session.execute(_SESSION.where(TillSession.id == session_id, visible_to(actor))).first()
    if row is None:
        raise NotFound
    return head_of(row)


def head(session_id: int) -> dict[str, Any]:
    """The head of a session for subscribers, which act for no one."""
    return head_of(db.session.execute(_SESSION.where(TillSession.id == session_id)).one())


def head_of(row: Row[Any]) -> dict[str, Any]:
    """A row of ``sessions_statement`` with its code."""
    return {**row._mapping, "code": rules.till_code(row.business_day, row.number)}


def sessions_statement(*, actor: Actor) -> Select[Any]:
    """All sessions the actor may see, for a list that filters, sorts and pages by itself."""
    return _SESSION.where(visible_to(actor))


def open_sessions(clinic_id: int, *, actor: Actor) -> list[dict[str, Any]]:
    """The open sessions of a clinic, the actor's own first."""
    statement = _SESSION.where(TillSession.clinic_id == clinic_id, TillSession.status == "open", visible_to(actor))
    return [head_of(row) for row in db.session.execute(statement.order_by(*preference(actor)))]


def preference(actor: Actor) -> tuple[Any, ...]:
    """The order in which open sessions take a payment: the actor's own, collecting tills, the oldest."""
    return (
        case((TillSession.opened_by == actor.user_id, 0), else_=1),
        case((Till.kind == "recaudadora", 0), else_=1),
        TillSession.opened_at,
    )


def holds_till(actor: Actor) -> bool:
    """Whether the actor has a till open, in any clinic."""
    held = select(TillSession.id).where(TillSession.opened_by == actor.user_id, TillSession.status == "open")
    return db.session.scalar(held) is not None


def past_sessions(clinic_id: int, *, actor: Actor, limit: int = 30) -> list[dict[str, Any]]:
    """The latest closed sessions of a clinic that the actor may see."""
    statement = _SESSION.where(TillSession.clinic_id == clinic_id, TillSession.status == "closed", visible_to(actor))
    rows = db.session.execute(statement.order_by(TillSession.closed_at.desc()).limit(limit))
    return [head_of(row) for row in rows]


def idle_tills(clinic_id: int) -> list[dict[str, Any]]:
    """The tills of a clinic that can be opened: ``{id, name, kind, float_cents}`` with what their last closing left
    (None when they were never closed)."""
    is_open = select(TillSession.till_id).where(TillSession.status == "open")
    rows = db.session.execute(
        select(Till.id, Till.name, Till.kind, _left_in(Till.id).label("float_cents"))
        .where(Till.clinic_id == clinic_id, Till.is_active.is_(True), Till.id.not_in(is_open))
        .order_by(case((Till.kind == "recaudadora", 0), else_=1), Till.name)
    )
    return [dict(row._mapping) for row in rows]


def _left_in(till_id: Any) -> Any:
    return (
        select(TillSession.left_for_tomorrow_cents)
        .where(TillSession.till_id == till_id, TillSession.status == "closed")
        .order_by(TillSession.closed_at.desc(), TillSession.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def left_in(till_id: int) -> int | None:
    """What the last closing of a till left in its drawer; None when it was never closed."""
    left: int | None = db.session.scalar(select(_left_in(till_id)))
    return left


# ------------------------------------------------------------------ methods and figures


def methods(clinic_id: int) -> list[rules.Method]:
    """The active payment methods of a clinic in their order."""
    rows = db.session.execute(
        select(
            PaymentMethod.id,
            PaymentMethod.code,
            PaymentMethod.name,
            PaymentMethod.is_cash,
            PaymentMethod.needs_reference,
        )
        .where(PaymentMethod.clinic_id == clinic_id, PaymentMethod.is_active.is_(True))
        .order_by(PaymentMethod.position, PaymentMethod.id)
    )
    return [rules.Method(**row._mapping) for row in rows]


def figures(session_id: int, *, clinic_id: int, opening_float_cents: int) -> list[till_rules.MethodFigures]:
    """Figures of a session per method: the active methods, and others with movements in it."""
    of_session = (
        select(TOTALS.method_id, TOTALS.kind, TOTALS.movement_count, TOTALS.cents)
        .where(TOTALS.session_id == session_id)
        .subquery()
    )
    rows = db.session.execute(
        select(
            PaymentMethod.id,
            PaymentMethod.code,
            PaymentMethod.name,
            PaymentMethod.is_cash,
            PaymentMethod.needs_reference,
            of_session.c.kind,
            of_session.c.movement_count,
            of_session.c.cents,
        )
        .outerjoin(of_session, of_session.c.method_id == PaymentMethod.id)
        .where(PaymentMethod.clinic_id == clinic_id, or_(PaymentMethod.is_active, of_session.c.kind.is_not(None)))
        .order_by(PaymentMethod.position, PaymentMethod.id)
    )
    totals: dict[rules.Method, list[till_rules.KindTotal]] = {}
    for *method, kind, count, cents in rows:
        of_method = totals.setdefault(rules.Method(*method), [])
        if kind is not None:
            of_method.append(till_rules.KindTotal(kind, count, int(cents)))
    cash_id = next((method.id for method in totals if method.is_cash), None)
    return [
        till_rules.figures_of(method, of_method, opening_cents=opening_float_cents if method.id == cash_id else 0)
        for method, of_method in totals.items()
    ]


# ------------------------------------------------------------------ X and Z


@dataclass(frozen=True, slots=True)
class Closing:
    """Data that a closing adds to the figures of its session."""

    closed_at: datetime
    closed_by: str
    approved_by_id: int | None
    approved_by: str | None
    counts: list[till_rules.Count]
    denominations: dict[int, int]
    difference_cents: int
    difference_number: int | None
    difference_reason: str
    left_for_tomorrow_cents: int
    counted_by: str
    count_number: int


def report(
    head: Mapping[str, Any], figures: list[till_rules.MethodFigures], closing: Closing | None = None
) -> dict[str, Any]:
    """The X report of a session, or the Z report of a closing, as the snapshot keeps it; amounts in cents."""
    clinic = clinics.clinic(head["clinic_id"])
    counts = {c.method_id: c for c in closing.counts} if closing else {}
    report: dict[str, Any] = {
        "kind": "Z" if closing else "X",
        "session_id": head["id"],
        "code": head["code"],
        "clinic": clinic.name,
        "legal_name": clinic.legal_name,
        "tax_id": clinic.tax_id,
        "address": clinic.address,
        "timezone": clinic.timezone,
        "currency": clinic.currency,
        "till": head["till"],
        "business_day": head["business_day"],
        "opened_at": head["opened_at"],
        "opened_by": head["opened_by"],
        "opening_float_cents": head["opening_float_cents"],
        "opening_note": head["opening_note"],
        "opening_left_cents": head["opening_left_cents"],
        "opening_difference_number": head["opening_difference_number"],
        "methods": [_method_line(f, counts.get(f.method_id)) for f in figures],
        **drawer.control_figures(head["id"]),
        "movements": [_report_line(m) for m in drawer.movements(head["id"])],
    }
    if closing:
        report |= {
            "closed_at": closing.closed_at,
            "closed_by": closing.closed_by,
            "approved_by": closing.approved_by,
            "denominations": closing.denominations,
            "difference_cents": closing.difference_cents,
            "difference_number": closing.difference_number,
            "difference_reason": closing.difference_reason,
            "left_for_tomorrow_cents": closing.left_for_tomorrow_cents,
            "counted_by": closing.counted_by,
            "count_number": closing.count_number,
        }
    return report


def figures_of(head: Mapping[str, Any]) -> list[till_rules.MethodFigures]:
    """The figures of a session by its head."""
    return figures(head["id"], clinic_id=head["clinic_id"], opening_float_cents=head["opening_float_cents"])


def methods_of(session_id: int, *, clinic_id: int) -> list[rules.Method]:
    """The methods that a closing counts: those of the session's figures."""
    found = figures(session_id, clinic_id=clinic_id, opening_float_cents=0)
    return [rules.Method(f.method_id, f.code, f.name, f.is_cash, needs_reference=False) for f in found]


def _method_line(figure: till_rules.MethodFigures, count: till_rules.Count | None) -> dict[str, Any]:
    return {
        "code": figure.code,
        "name": figure.name,
        "is_cash": figure.is_cash,
        "payment_count": figure.payment_count,
        "opening_cents": figure.opening_cents,
        "payments_cents": figure.payments_cents,
        "refunds_cents": figure.refunds_cents,
        "in_cents": figure.in_cents,
        "out_cents": figure.out_cents,
        "net_cents": figure.net_cents,
        "expected_cents": figure.expected_cents,
        "counted_cents": count.counted_cents if count else None,
        "difference_cents": count.difference_cents if count else None,
    }


_REPORT_COLUMNS = (
    "id",
    "kind",
    "received_at",
    "ticket_code",
    "method",
    "method_name",
    "amount_cents",
    "reference",
    "concept",
    "beneficiary",
    "voucher_number",
    "reverses_id",
    "reversed_by_id",
    "note",
    "received_by",
    "authorised_by",
)


def _report_line(line: Mapping[str, Any]) -> dict[str, Any]:
    """A movement without the patient's name, which a cash report does not need."""
    return {name: line[name] for name in _REPORT_COLUMNS}


def sealed_report(session_id: int) -> dict[str, Any]:
    """The Z report of a closed session as sealed at the closing, with ``is_intact``: whether its SHA-256 agrees."""
    text, sha256 = db.session.execute(
        select(TillSession.snapshot, TillSession.snapshot_sha256).where(TillSession.id == session_id)
    ).one()
    report = orjson.loads(text)
    for name in ("opening_left_cents", "opening_difference_number", "counted_by", "count_number"):
        report.setdefault(name, None)  # reports sealed before these were kept
    report.setdefault("rounding_cents", 0)
    for section in (report, *report["movements"]):
        for name in ("opened_at", "closed_at", "received_at"):
            if name in section:
                section[name] = datetime.fromisoformat(section[name])
    for line in report["movements"]:
        line.update({"reversed_by_id": None, "note": "", "authorised_by": None} | line)
    report["business_day"] = date.fromisoformat(report["business_day"])
    report["denominations"] = {int(value): pieces for value, pieces in report["denominations"].items()}
    return {**report, "sha256": sha256, "is_intact": till_rules.seal(text) == sha256}


def counts(session_id: int) -> list[dict[str, Any]]:
    """Expected and counted per method of a closed session: ``{method, expected_cents, counted_cents}``."""
    rows = db.session.execute(
        select(PaymentMethod.code.label("method"), TillCount.expected_cents, TillCount.counted_cents)
        .join(PaymentMethod, PaymentMethod.id == TillCount.method_id)
        .where(TillCount.session_id == session_id)
        .order_by(PaymentMethod.position)
    )
    return [dict(row._mapping) for row in rows]


def name_of(user_id: int | None) -> str | None:
    """The full name of a user, for reports."""
    return db.session.scalar(select(User.full_name).where(User.id == user_id)) if user_id else None
