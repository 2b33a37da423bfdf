"""What must be true of the data at every moment, asked of the live database by ``flask verify``.

Each check returns its breaches as sentences for the operator: numbers and ids, never names. The guards
of the schema should make most of them impossible; this says whether they did.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.billing import rules
from app.billing.models import DocumentSeries, Movement, Ticket, TillCount, TillSession
from app.billing.queries import tills
from app.clinics.models import Room, Service
from app.identity.models import User, UserSession
from app.kernel.db import db
from app.kernel.outbox import EventRow, EventTask
from app.notifications.models import Delivery
from app.reports.models import ReportRun
from app.scheduling.models import OCCUPYING, Appointment, AppointmentEvent

LATE = timedelta(minutes=5)
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    breaches: list[str]


def run(*, now: datetime, files: Path) -> list[Finding]:
    """Every check in its order; ``files`` is where stored files are. Reads only."""
    checks: dict[str, Callable[[], Iterator[str]]] = {
        "visits do not overlap": overlaps,
        "a visit's state is that of its last transition": states,
        "rows belong to one clinic": mixed_clinics,
        "numbers have no gaps": gaps,
        "tickets are paid between nothing and their amount": overpaid,
        "the ledger agrees with its tickets": ledger,
        "closed tills are what was sealed": sealed,
        "facts are published": lambda: unpublished(now),
        "event work is done": lambda: undone(now),
        "messages leave": lambda: stuck_messages(now),
        "nobody is reminded of a cancelled visit": false_reminders,
        "reports end": lambda: stuck_reports(now),
        "files and their rows agree": lambda: stored_files(files, now),
        "closed accounts have no session": ghosts,
    }
    return [Finding(name, list(check())) for name, check in checks.items()]


# ------------------------------------------------------------------ visits


def overlaps() -> Iterator[str]:
    for name in ("therapist_id", "patient_id", "room_id"):
        yield from _overlaps(name, getattr(Appointment, name))


def _overlaps(name: str, resource: InstrumentedAttribute[int | None]) -> Iterator[str]:
    """Visits that begin before an earlier one of the same resource has ended: one pass, no self-join."""
    ended = func.max(Appointment.ends_at).over(
        partition_by=resource, order_by=(Appointment.starts_at, Appointment.id), rows=(None, -1)
    )
    taken = (
        select(Appointment.id, resource.label("resource"), Appointment.starts_at, ended.label("ended"))
        .where(Appointment.status.in_(OCCUPYING), resource.is_not(None))
        .subquery()
    )
    for row in db.session.execute(select(taken.c.id, taken.c.resource).where(taken.c.starts_at < taken.c.ended)):
        yield f"appointment {row.id} overlaps another of {name} {row.resource}"


def states() -> Iterator[str]:
    event = AppointmentEvent
    latest = func.row_number().over(partition_by=event.appointment_id, order_by=(event.at.desc(), event.id.desc()))
    last = select(event.appointment_id, event.to_status, latest.label("place")).subquery()
    rows = db.session.execute(
        select(Appointment.id, Appointment.status, last.c.to_status)
        .outerjoin(last, and_(last.c.appointment_id == Appointment.id, last.c.place == 1))
        .where(or_(last.c.to_status.is_(None), last.c.to_status != Appointment.status))
    )
    for row in rows:
        yield f"appointment {row.id} is {row.status}, its last transition says {row.to_status}"


def mixed_clinics() -> Iterator[str]:
    wrong = (
        ("appointment's service", Appointment, Service, Appointment.service_id == Service.id),
        ("appointment's room", Appointment, Room, Appointment.room_id == Room.id),
        ("ticket's appointment", Ticket, Appointment, Ticket.appointment_id == Appointment.id),
        ("movement's ticket", Movement, Ticket, Movement.ticket_id == Ticket.id),
        ("movement's session", Movement, TillSession, Movement.session_id == TillSession.id),
    )
    for what, child, parent, joined in wrong:
        for row in db.session.execute(select(child.id).join(parent, joined).where(child.clinic_id != parent.clinic_id)):
            yield f"{what} is of another clinic: row {row.id}"


# ------------------------------------------------------------------ money


def gaps() -> Iterator[str]:
    papers = (
        ("ticket", Ticket.clinic_id, Ticket.number),
        ("till", TillSession.clinic_id, TillSession.number),
        ("difference", TillSession.clinic_id, TillSession.difference_number),
    )
    for kind, clinic_id, number in papers:
        found = select(clinic_id.label("clinic_id"), func.count(number), func.min(number), func.max(number))
        following = dict(
            db.session.execute(
                select(DocumentSeries.clinic_id, DocumentSeries.next_number).where(DocumentSeries.kind == kind)
            )
            .tuples()
            .all()
        )
        for clinic, count, lowest, highest in db.session.execute(found.group_by(clinic_id)):
            if count and (lowest != 1 or highest != count or following.get(clinic) != count + 1):
                numbers = f"numbers {lowest} to {highest}, next {following.get(clinic)}"
                yield f"{kind} of clinic {clinic}: {count} papers, {numbers}"


_PAID = func.coalesce(func.sum(Movement.amount_cents), 0)


def overpaid() -> Iterator[str]:
    rows = db.session.execute(
        select(Ticket.id, Ticket.amount_cents, _PAID.label("paid"))
        .join(Movement, Movement.ticket_id == Ticket.id)
        .group_by(Ticket.id)
        .having(or_(_PAID < 0, Ticket.amount_cents < _PAID))
    )
    for row in rows:
        yield f"ticket {row.id} of {row.amount_cents} cents has {row.paid} cents on it"


def ledger() -> Iterator[str]:
    """What the sessions took for tickets is what stands on the tickets; a refund takes back one payment."""
    of_tickets = Movement.kind.in_(("payment", "refund"))
    taken = select(Movement.clinic_id, _PAID).where(of_tickets).group_by(Movement.clinic_id)
    standing = (
        select(Ticket.clinic_id, _PAID).join(Movement, Movement.ticket_id == Ticket.id).group_by(Ticket.clinic_id)
    )
    till, papers = ({clinic: int(cents) for clinic, cents in db.session.execute(q)} for q in (taken, standing))
    for clinic in till.keys() | papers.keys():
        if till.get(clinic, 0) != papers.get(clinic, 0):
            yield f"clinic {clinic}: {till.get(clinic, 0)} cents in the tills, {papers.get(clinic, 0)} on tickets"
    old = Movement.__table__.alias("old")
    wrong = or_(old.c.amount_cents != -Movement.amount_cents, old.c.ticket_id != Movement.ticket_id)
    for row in db.session.execute(select(Movement.id).join(old, old.c.id == Movement.reverses_id).where(wrong)):
        yield f"movement {row.id} does not take back what it names"


def sealed() -> Iterator[str]:
    columns = (
        TillSession.id,
        TillSession.clinic_id,
        TillSession.opening_float_cents,
        TillSession.difference_cents,
        TillSession.snapshot,
        TillSession.snapshot_sha256,
    )
    for session in db.session.execute(select(*columns).where(TillSession.status == "closed")):
        yield from (f"till session {session.id}: {problem}" for problem in _problems_of(session))
    late = select(Movement.id, Movement.session_id).join(TillSession, TillSession.id == Movement.session_id)
    for row in db.session.execute(late.where(Movement.received_at > TillSession.closed_at)):
        yield f"till session {row.session_id}: movement {row.id} came after the closing"


def _problems_of(session: Any) -> Iterator[str]:
    if session.snapshot is None or rules.seal(session.snapshot) != session.snapshot_sha256:
        yield "the seal is broken"
        return
    counted = {
        row.method_id: row
        for row in db.session.execute(
            select(TillCount.method_id, TillCount.expected_cents, TillCount.counted_cents).where(
                TillCount.session_id == session.id
            )
        )
    }
    figures = tills.figures(session.id, clinic_id=session.clinic_id, opening_float_cents=session.opening_float_cents)
    written = {line["code"]: line["expected_cents"] for line in orjson.loads(session.snapshot)["methods"]}
    for figure in figures:
        count = counted.get(figure.method_id)
        if count is None and not figure.expected_cents:
            continue  # a method that came into the catalogue later
        if count is None or not count.expected_cents == figure.expected_cents == written.get(figure.code):
            yield f"{figure.code}: the ledger says {figure.expected_cents} cents"
    if sum(row.counted_cents - row.expected_cents for row in counted.values()) != session.difference_cents:
        yield "the difference is not that of its counts"


# ------------------------------------------------------------------ work under way


def unpublished(now: datetime) -> Iterator[str]:
    waiting = (EventRow.published.is_(False), EventRow.at < now - LATE)
    count = db.session.scalar(select(func.count()).select_from(EventRow).where(*waiting))
    if count:
        yield f"{count} facts are older than five minutes: does the worker run?"


def undone(now: datetime) -> Iterator[str]:
    late = (EventTask.done_at.is_(None), EventTask.due_at < now - LATE)
    for row in db.session.execute(
        select(EventTask.subscriber, func.count()).where(*late).group_by(EventTask.subscriber)
    ):
        yield f"{row[1]} tasks of {row[0]} are overdue"


def stuck_messages(now: datetime) -> Iterator[str]:
    late = (Delivery.status.in_(("pending", "sending")), Delivery.due_at < now - LATE)
    for row in db.session.execute(select(Delivery.id, Delivery.attempts, Delivery.last_error).where(*late)):
        yield f"delivery {row.id} waits after {row.attempts} tries: {row.last_error}"


def false_reminders() -> Iterator[str]:
    after = and_(Appointment.status == "cancelled", Delivery.created_at > Appointment.status_since)
    rows = db.session.execute(
        select(Delivery.id, Appointment.id.label("appointment"))
        .join(Appointment, Appointment.id == Delivery.subject_id)
        .where(Delivery.kind == "reminder", after)
    )
    for row in rows:
        yield f"delivery {row.id} reminds of the cancelled appointment {row.appointment}"


def stuck_reports(now: datetime) -> Iterator[str]:
    silent = func.coalesce(ReportRun.heartbeat_at, ReportRun.created_at) < now - LATE
    for row in db.session.execute(
        select(ReportRun.id, ReportRun.status).where(ReportRun.status.in_(("queued", "running")), silent)
    ):
        yield f"report run {row.id} is {row.status} and silent"


# ------------------------------------------------------------------ files, accounts


def stored_files(folder: Path, now: datetime) -> Iterator[str]:
    """Every row's file is there with its hash; a file without a row is a leftover once it is an hour old."""
    rows = {
        row.file_key: row
        for row in db.session.execute(
            select(ReportRun.id, ReportRun.file_key, ReportRun.file_sha256).where(ReportRun.file_key.is_not(None))
        )
    }
    for key, row in rows.items():
        path = folder / key
        if not path.is_file():
            yield f"report run {row.id}: its file is gone"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != row.file_sha256:
            yield f"report run {row.id}: its file was changed"
    for path in orphans(folder, set(rows), older_than=now - timedelta(hours=1)):
        yield f"{path.relative_to(folder)} belongs to no row; flask cleanup removes it"


def orphans(folder: Path, known: set[str], *, older_than: datetime) -> Iterator[Path]:
    """Files that no row names, and drafts that were never finished."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        is_known = path.relative_to(folder).as_posix() in known
        if path.is_file() and not is_known and path.stat().st_mtime < older_than.timestamp():
            yield path


def ghosts() -> Iterator[str]:
    alive = (User.is_active.is_(False), UserSession.revoked_at.is_(None))
    for row in db.session.execute(select(UserSession.id).join(User, User.id == UserSession.user_id).where(*alive)):
        yield f"session {row.id} belongs to a closed account"
