"""JSON of till sessions: opening, movements, approval, closing."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Row

from app.billing import actions, permissions, queries
from app.billing.api.scope import clinic_of
from app.billing.models import TillSession
from app.billing.resources import CountResource, MovementResource, TillSessionDetailsResource, TillSessionResource
from app.billing.rules import tills as till_rules
from app.clinics import queries as clinics
from app.http import cycle, error_responses
from app.http.json import ApiBlueprint
from app.http.resources import Body, Cents, Id, ListQuery, Page, listing, one_of
from app.kernel.money import decimal_text

api = ApiBlueprint("tills_api", __name__)


class SessionQuery(ListQuery):
    clinic_id: Id | None = None
    status: Annotated[str, one_of("open", "closed")] | None = None


@api.get(
    "/api/till-sessions/", requires=permissions.OPERATE_TILL, query=SessionQuery, answers=Page[TillSessionResource]
)
def session_list(query: SessionQuery) -> dict[str, Any]:
    """The till sessions visible to the actor, the newest first."""
    statement = queries.tills.sessions_statement(actor=cycle.actor())
    if query.clinic_id is not None:
        statement = statement.where(TillSession.clinic_id == query.clinic_id)
    if query.status is not None:
        statement = statement.where(TillSession.status == query.status)
    orderings = {"opened_at": TillSession.opened_at, "number": TillSession.number}
    return listing(statement, query, to_json=_session_row, orderings=orderings, default_ordering="-opened_at")


def _session_row(row: Row[Any]) -> dict[str, Any]:
    head = queries.tills.head_of(row)
    return _head_json(head, hides=_hides_figures(head))


def _hides_figures(head: Mapping[str, Any]) -> bool:
    """Whether the actor counts this session blind: then nothing is shown whose sum is what is expected."""
    return queries.tills.counts_blind(head, actor=cycle.actor())


def _head_json(head: Mapping[str, Any], *, hides: bool = False) -> dict[str, Any]:
    cents = lambda name: None if head[name] is None else decimal_text(head[name])  # noqa: E731
    return {
        "id": head["id"],
        "number": head["code"],
        "clinic_id": head["clinic_id"],
        "till": {"id": head["till_id"], "name": head["till"], "kind": head["kind"]},
        "status": head["status"],
        "business_day": head["business_day"],
        "opened_at": head["opened_at"],
        "opened_by": head["opened_by"],
        "opening_float": None if hides else cents("opening_float_cents"),
        "opening_left": None if hides else cents("opening_left_cents"),
        "opening_difference_number": head["opening_difference_number"],
        "opening_note": head["opening_note"],
        "closed_at": head["closed_at"],
        "closed_by": head["closed_by"],
        "approved_by": head["approved_by"],
        "difference": cents("difference_cents"),
        "difference_number": head["difference_number"],
        "difference_reason": head["difference_reason"],
        "left_for_tomorrow": cents("left_for_tomorrow_cents"),
        "sha256": head["snapshot_sha256"],
        "currency": head["currency"],
    }


@api.get("/api/till-sessions/<int:session_id>/", requires=permissions.OPERATE_TILL, answers=TillSessionDetailsResource)
def session(session_id: int) -> dict[str, Any]:
    """One session with its movements, counts and ``state``; who counts blind sees figures after the count."""
    return _session_json(session_id)


def _session_json(session_id: int) -> dict[str, Any]:
    head = queries.tills.session(session_id, actor=cycle.actor())
    counts = queries.counts.counts_of(session_id)
    hides = _hides_figures(head)
    lines = queries.drawer.movements(session_id)
    limit = clinics.clinic(head["clinic_id"]).difference_limit_cents
    return _head_json(head, hides=hides) | {
        "state": till_rules.state_of(head["status"], queries.counts.current(counts), head["difference_cents"], limit),
        "methods": None if hides else _methods(head),
        "movements": [_movement_line(line, head["currency"], hides=hides) for line in lines],
        "counts": [_stored_count(count) for count in counts],
    }


def _methods(head: Mapping[str, Any]) -> list[dict[str, Any]]:
    if head["status"] == "closed":
        return [_count_json(**row) for row in queries.tills.counts(head["id"])]
    figures = queries.tills.figures(
        head["id"], clinic_id=head["clinic_id"], opening_float_cents=head["opening_float_cents"]
    )
    return [{"method": f.code, "expected": decimal_text(f.expected_cents)} for f in figures]


def _stored_count(count: queries.counts.StoredCount) -> dict[str, Any]:
    decision = {True: "approved", False: "rejected", None: None}[count.is_approved]
    return {
        "id": count.id,
        "number": count.number,
        "counted_at": count.counted_at,
        "counted_by": count.counted_by,
        "is_current": count.is_current,
        "methods": [
            _count_json(line.code, line.count.expected_cents, line.count.counted_cents) for line in count.lines
        ],
        "denominations": {decimal_text(value): pieces for value, pieces in count.denominations.items()},
        "expected": decimal_text(count.expected_cents),
        "counted": decimal_text(count.counted_cents),
        "difference": decimal_text(count.difference_cents),
        "decision": decision,
        "decided_by": count.decided_by,
        "decision_reason": count.decision_reason,
    }


def _count_json(method: str, expected_cents: int, counted_cents: int) -> dict[str, Any]:
    return {
        "method": method,
        "expected": decimal_text(expected_cents),
        "counted": decimal_text(counted_cents),
        "difference": decimal_text(counted_cents - expected_cents),
    }


def _movement_line(line: Mapping[str, Any], currency: str, *, hides: bool = False) -> dict[str, Any]:
    """``hides`` leaves out the amounts of payments and refunds: they stand on their tickets."""
    return {
        "id": line["id"],
        "kind": line["kind"],
        "method": line["method"],
        "amount": None if hides and line["ticket_id"] else decimal_text(line["amount_cents"]),
        "currency": currency,
        "ticket": {"id": line["ticket_id"], "number": line["ticket_code"]} if line["ticket_id"] else None,
        "reference": line["reference"],
        "concept": line["concept"],
        "beneficiary": line["beneficiary"],
        "voucher_number": line["voucher_number"],
        "reverses_id": line["reverses_id"],
        "reversed_by_id": line["reversed_by_id"],
        "reason": line["note"],
        "authorised_by": line["authorised_by"],
        "received_at": line["received_at"],
        "received_by": line["received_by"],
    }


class NewSession(Body):
    clinic_id: Id | None = None
    till_id: Id | None = None
    opening_float: Cents = 0
    denominations: dict[Cents, int] | None = None
    note: str = Field("", max_length=200)


@api.post(
    "/api/till-sessions/", requires=permissions.OPERATE_TILL, body=NewSession, answers=TillSessionResource, status=201
)
def open_till(body: NewSession) -> dict[str, Any]:
    """Open a till; without ``till_id`` the first one of the clinic that is not open."""
    till_id = body.till_id
    if till_id is None:
        idle = queries.tills.idle_tills(clinic_of(body.clinic_id, permissions.OPERATE_TILL))
        if not idle:
            raise actions.tills.TillAlreadyOpen
        till_id = idle[0]["id"]
    session_id = actions.tills.open_till(
        till_id,
        opening_float_cents=body.opening_float,
        denominations=body.denominations,
        note=body.note,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _head_json(queries.tills.session(session_id, actor=cycle.actor()))


class NewMovement(Body):
    kind: str = Field(max_length=10)
    amount: Cents
    concept: str = Field(max_length=160)
    beneficiary: str = Field("", max_length=120)
    voucher_number: str = Field("", max_length=40)
    reason: str = Field("", max_length=200)


@api.post(
    "/api/till-sessions/<int:session_id>/movements/",
    requires=permissions.OPERATE_TILL,
    body=NewMovement,
    answers=MovementResource,
    status=201,
)
def record_movement(session_id: int, body: NewMovement) -> dict[str, Any]:
    """Cash in or out other than payments: ``cash_in``, ``cash_out``, ``expense``, ``deposit``.

    More than the drawer holds is a 409, unless a supervisor gives a ``reason``.
    """
    movement_id = actions.drawer.record_movement(
        session_id,
        kind=body.kind,
        amount_cents=body.amount,
        concept=body.concept,
        beneficiary=body.beneficiary,
        voucher_number=body.voucher_number,
        reason=body.reason,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _movement_of(session_id, movement_id)


def _movement_of(session_id: int, movement_id: int) -> dict[str, Any]:
    head = queries.tills.session(session_id, actor=cycle.actor())
    line = next(line for line in queries.drawer.movements(session_id) if line["id"] == movement_id)
    return _movement_line(line, head["currency"])


class Reversal(Body):
    reason: str = Field(min_length=1, max_length=200)


@api.post(
    "/api/till-movements/<int:movement_id>/reversal/",
    requires=permissions.OPERATE_TILL,
    body=Reversal,
    answers=MovementResource,
    status=201,
)
def reverse_movement(movement_id: int, body: Reversal) -> dict[str, Any]:
    """Take back cash in or out by a contrary movement in the open session; both stay and name each other."""
    reversal_id = actions.drawer.reverse_movement(movement_id, reason=body.reason, actor=cycle.actor(), now=cycle.now())
    return _movement_of(queries.drawer.session_of(reversal_id), reversal_id)


class NewCount(Body):
    counted: dict[str, Cents] = Field(default_factory=dict)
    denominations: dict[Cents, int] | None = None


@api.post(
    "/api/till-sessions/<int:session_id>/counts/",
    requires=permissions.OPERATE_TILL,
    body=NewCount,
    answers=CountResource,
    status=201,
)
def submit_count(session_id: int, body: NewCount) -> dict[str, Any]:
    """Seal what was counted per method, right or wrong; answers with what was expected."""
    count_id = actions.counts.submit_count(
        session_id, counted=body.counted, denominations=body.denominations, actor=cycle.actor(), now=cycle.now()
    )
    return _stored_count(queries.counts.count(count_id))


class Approval(Body):
    count_id: int
    reason: str = Field("", max_length=200)


@api.post(
    "/api/till-sessions/<int:session_id>/approval/",
    requires=permissions.APPROVE,
    body=Approval,
    answers=TillSessionDetailsResource,
)
def approve_count(session_id: int, body: Approval) -> dict[str, Any]:
    """Allow the session to close with the difference of this count, until anything moves in it."""
    actions.counts.approve_count(body.count_id, reason=body.reason, actor=cycle.actor(), now=cycle.now())
    return _session_json(session_id)


class Rejection(Body):
    count_id: int
    reason: str = Field(min_length=1, max_length=200)


@api.post(
    "/api/till-sessions/<int:session_id>/rejection/",
    requires=permissions.APPROVE,
    body=Rejection,
    answers=TillSessionDetailsResource,
)
def reject_count(session_id: int, body: Rejection) -> dict[str, Any]:
    """Ask for another count."""
    actions.counts.reject_count(body.count_id, reason=body.reason, actor=cycle.actor(), now=cycle.now())
    return _session_json(session_id)


class NewClosing(Body):
    counted: dict[str, Cents] | None = None
    denominations: dict[Cents, int] | None = None
    reason: str = Field("", max_length=200)
    left_for_tomorrow: Cents | None = None


@api.post(
    "/api/till-sessions/<int:session_id>/closing/",
    requires=permissions.OPERATE_TILL,
    body=NewClosing,
    answers=TillSessionDetailsResource,
)
def close_till(session_id: int, body: NewClosing) -> Any:
    """Close a session with its last count; ``counted`` and ``denominations`` seal one first.

    A count that cannot close the session yet is kept: 202 with the ``code`` and ``message`` of what is missing.
    """
    is_counting = body.counted is not None or body.denominations is not None
    if is_counting:
        actions.counts.submit_count(
            session_id,
            counted=body.counted or {},
            denominations=body.denominations,
            actor=cycle.actor(),
            now=cycle.now(),
        )
    try:
        actions.tills.close_till(
            session_id,
            reason=body.reason,
            left_for_tomorrow_cents=body.left_for_tomorrow,
            actor=cycle.actor(),
            now=cycle.now(),
        )
    except (till_rules.DifferenceReasonMissing, till_rules.ApprovalNeeded) as missing:
        if not is_counting:
            raise
        return _session_json(session_id) | {"code": missing.code, "message": error_responses.sentence(missing)}, 202
    return _session_json(session_id)
