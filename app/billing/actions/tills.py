"""Writes of till sessions: open and close, and what the other writes of a session share."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from app.billing import accounts, events, permissions, queries, rules
from app.billing.actions import ledger, series
from app.billing.models import Movement, Till, TillCount, TillSession
from app.billing.rules import tills as till_rules
from app.clinics import queries as clinics
from app.kernel import clock, money, outbox
from app.kernel.access import Actor, can, require
from app.kernel.db import db, lock
from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.i18n import N_


class TillAlreadyOpen(Conflict):
    code = "TILL_ALREADY_OPEN"
    message = N_("Esta caja ya está abierta. Ciérrela antes de abrirla de nuevo.")


class HoldsTill(TillAlreadyOpen):
    message = N_("Usted ya tiene abierta %(held)s. Ciérrela antes de abrir otra caja.")


class TillAlreadyClosed(Conflict):
    code = "TILL_ALREADY_CLOSED"
    message = N_("Esta caja ya se cerró. Lo registrado no cambió; revise el cierre guardado.")


def open_till(
    till_id: int,
    *,
    opening_float_cents: int,
    denominations: Mapping[int, int] | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> int:
    """Open a session of a till with its float; returns the session's id.

    A float other than what the till's last closing left is a numbered difference, and the note explains it.
    The business day is the clinic's local day of now, whenever it closes. Raises NotFound, TillAlreadyOpen,
    HoldsTill, Invalid, OpeningDiffers.
    """
    till = db.session.scalar(
        select(Till).where(Till.id == till_id, Till.clinic_id.in_(actor.clinics_with(permissions.OPERATE_TILL)))
    )
    if till is None or not till.is_active:
        raise NotFound
    require(actor, permissions.OPERATE_TILL, till.clinic_id)
    clinic = clinics.clinic(till.clinic_id)
    _check_float(opening_float_cents, denominations, clinic.currency)
    lock("holder", actor.person_id)  # before the till: a user who opens two at once waits here
    lock("till", till.id)  # a second user who opens the same till waits and finds it open
    _require_free(till, actor)
    left = queries.tills.left_in(till.id)
    difference = till_rules.opening_difference(opening_float_cents, left)
    if difference and not note.strip():
        raise till_rules.OpeningDiffers(opening_float_cents, left or 0, clinic.currency)
    session = TillSession(
        clinic_id=till.clinic_id,
        till_id=till.id,
        number=series.next_number(till.clinic_id, "till"),
        business_day=clock.local_day(now, clinic.timezone),
        opened_at=now,
        opened_by=actor.user_id,
        opening_float_cents=opening_float_cents,
        opening_note=note.strip()[:200],
        opening_left_cents=left,
        opening_difference_number=series.next_number(till.clinic_id, "opening_difference") if difference else None,
        opening_denominations=pieces_of(denominations),
    )
    db.session.add(session)
    db.session.flush()  # for the primary key
    if difference:
        cash = cash_method(session.clinic_id)
        post_difference("opening_difference", session, cash, difference, note=note, actor=actor, now=now)
    record(events.TillOpened, session, actor=actor, now=now)
    return session.id


def _check_float(cents: int, denominations: Mapping[int, int] | None, currency: str) -> None:
    if cents < 0:
        raise Invalid({"opening_float": N_("El fondo no puede ser menor que cero.")})
    if denominations and till_rules.count_cash(denominations, currency) != cents:
        raise Invalid({"opening_float": till_rules.PIECES_DIFFER})


def _require_free(till: Till, actor: Actor) -> None:
    """Raise TillAlreadyOpen for an open till, HoldsTill for a user who has another one open."""
    is_open = TillSession.status == "open"
    if db.session.scalar(select(TillSession.id).where(TillSession.till_id == till.id, is_open)):
        raise TillAlreadyOpen
    held = select(Till.name).join(TillSession, TillSession.till_id == Till.id)
    name = db.session.scalar(held.where(TillSession.opened_by == actor.user_id, is_open))
    if name is not None:
        raise HoldsTill(held=name)


def pieces_of(denominations: Mapping[int, int] | None) -> dict[str, int]:
    """Pieces by denomination as a JSON column keeps them."""
    return {str(value): pieces for value, pieces in (denominations or {}).items() if pieces}


def cash_method(clinic_id: int) -> rules.Method:
    """The clinic's method for cash. Raises UnknownPaymentMethod."""
    method = next((m for m in queries.tills.methods(clinic_id) if m.is_cash), None)
    if method is None:
        raise rules.UnknownPaymentMethod
    return method


def require_in_drawer(session_id: int, cents: int, *, clinic_id: int, reason: str, actor: Actor) -> int | None:
    """The supervisor who lets more leave the drawer than it holds, or None when it holds enough.

    The session is locked. Raises DrawerHoldsLess, with what is there unless the actor counts blind.
    """
    drawer = queries.drawer.cash_in_drawer(session_id)
    if cents <= drawer:
        return None
    if reason.strip() and can(actor, permissions.APPROVE, clinic_id):
        return actor.user_id
    clinic = clinics.clinic(clinic_id)
    amount = money.format_money(cents, clinic.currency)
    if not queries.tills.sees_expected(actor, clinic.id, blind_close=clinic.blind_close):
        raise till_rules.NotEnoughInDrawer(amount=amount)
    details = {"drawer": money.decimal_text(drawer)}
    raise till_rules.DrawerHoldsLess(details=details, drawer=money.format_money(drawer, clinic.currency), amount=amount)


def post_difference(
    kind: str, session: TillSession, method: rules.Method, cents: int, *, note: str, actor: Actor, now: datetime
) -> None:
    """Post what a count found too much (positive) or too little of a method."""
    ledger.post(
        Movement(
            clinic_id=session.clinic_id,
            session_id=session.id,
            kind=kind,
            method_id=method.id,
            note=note.strip()[:200],
            received_at=now,
            received_by=actor.user_id,
        ),
        accounts.difference(session.till_id, method.id, session.id, cents, is_cash=method.is_cash),
    )


def close_till(
    session_id: int,
    *,
    reason: str = "",
    left_for_tomorrow_cents: int | None = None,
    actor: Actor,
    now: datetime,
) -> dict[str, Any]:
    """Close a session with its last sealed count (``counts.submit_count``) and seal its report, in one transaction.

    Returns the Z report. The row lock makes the closing wait for payments under way and see them; a payment after
    the count makes it void. Raises NotFound, TillAlreadyClosed, NotCounted, RecountNeeded, Invalid,
    DifferenceReasonMissing, ApprovalNeeded.
    """
    head = queries.tills.session(session_id, actor=actor)
    require(actor, permissions.OPERATE_TILL, head["clinic_id"])
    session = lock_open(session_id)
    count = queries.counts.current(queries.counts.counts_of(session_id))
    if count is None:
        raise till_rules.NotCounted
    if count.is_rejected:
        raise till_rules.RecountNeeded(reason=count.decision_reason)
    figures = queries.tills.figures(
        session.id, clinic_id=session.clinic_id, opening_float_cents=session.opening_float_cents
    )
    closing = _closing(session, count, reason, left_for_tomorrow_cents, actor, now)
    report = queries.tills.report(head, figures, closing)
    _post_differences(session, count, reason=closing.difference_reason, actor=actor, now=now)
    _write_closing(session, closing, till_rules.canonical(report), actor)
    record(events.TillClosed, session, sha256=session.snapshot_sha256, actor=actor, now=now)
    return report | {"sha256": session.snapshot_sha256}


def _closing(
    session: TillSession,
    count: queries.counts.StoredCount,
    reason: str,
    left_cents: int | None,
    actor: Actor,
    now: datetime,
) -> queries.tills.Closing:
    clinic = clinics.clinic(session.clinic_id)
    in_drawer = sum(line.count.counted_cents for line in count.lines if line.is_cash)
    left = till_rules.next_float(left_cents, counted_cash_cents=in_drawer)
    approver = count.decided_by_id if count.is_approved and count.decided_by_id != actor.user_id else None
    difference = till_rules.check_closing(
        count.counts,
        reason=reason,
        limit_cents=clinic.difference_limit_cents,
        is_approved=approver is not None,
        currency=clinic.currency,
    )
    has_difference = count.absolute_difference_cents > 0
    # after all checks: a document number is taken here
    return queries.tills.Closing(
        closed_at=now,
        closed_by=actor.name,
        approved_by_id=approver,
        approved_by=count.decided_by if approver else None,
        counts=count.counts,
        denominations=count.denominations,
        difference_cents=difference,
        difference_number=series.next_number(session.clinic_id, "difference") if has_difference else None,
        difference_reason=reason.strip()[:200] if has_difference else "",
        left_for_tomorrow_cents=left,
        counted_by=count.counted_by,
        count_number=count.number,
    )


def _post_differences(
    session: TillSession, count: queries.counts.StoredCount, *, reason: str, actor: Actor, now: datetime
) -> None:
    for line in count.lines:
        if cents := line.count.difference_cents:
            method = rules.Method(line.count.method_id, line.code, line.name, line.is_cash, needs_reference=False)
            post_difference("closing_difference", session, method, cents, note=reason, actor=actor, now=now)


def _write_closing(session: TillSession, closing: queries.tills.Closing, snapshot: str, actor: Actor) -> None:
    # counts are inserted first: the database refuses rows of a closed session
    rows = [{"session_id": session.id, **asdict(count)} for count in closing.counts]
    db.session.execute(insert(TillCount), rows)
    session.status = "closed"
    session.closed_at = closing.closed_at
    session.closed_by = actor.user_id
    session.approved_by = closing.approved_by_id
    session.difference_cents = closing.difference_cents
    session.difference_number = closing.difference_number
    session.difference_reason = closing.difference_reason
    session.left_for_tomorrow_cents = closing.left_for_tomorrow_cents
    session.denominations = pieces_of(closing.denominations)
    session.snapshot = snapshot
    session.snapshot_sha256 = till_rules.seal(snapshot)
    db.session.flush()  # the response of this request reads the closed session


def lock_open(session_id: int) -> TillSession:
    """An open session under its row lock. Raises TillAlreadyClosed.

    On SQLite the whole transaction is the lock.
    """
    session: TillSession | None = db.session.scalar(
        select(TillSession)
        .where(TillSession.id == session_id, TillSession.status == "open")
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if session is None:
        raise TillAlreadyClosed
    return session


def record(event: type[events.TillEvent], session: TillSession, *, actor: Actor, now: datetime, **more: Any) -> None:
    outbox.record(
        event(session_id=session.id, till_id=session.till_id, **more),
        actor=actor,
        now=now,
        clinic_id=session.clinic_id,
        subject_id=session.id,
    )
