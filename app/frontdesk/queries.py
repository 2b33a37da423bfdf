"""The front desk's day: cards in columns with their timers, counters, what is left at closing time, who
could take a walk-in, and the next visits to propose."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, select

from app.billing import rules as till_rules
from app.billing.models import Till, TillSession
from app.billing.queries import tickets
from app.clinics import queries as clinics
from app.clinics.queries import ClinicView, ServiceView
from app.frontdesk import rules as desk_rules
from app.kernel import clock, money
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.i18n import N_
from app.patients.rules import age
from app.scheduling import rules
from app.scheduling.queries import day as day_queries
from app.scheduling.queries import slots, transitions
from app.scheduling.queries.appointments import VisitDetails
from app.scheduling.rules import menu
from app.scheduling.rules.calendar import Calendar, Slot, free_slots, occupied, open_periods
from app.scheduling.rules.periods import covering, first_clash

COLUMNS = (
    ("booked", N_("Reservadas"), ("pending", "booked", "confirmed")),
    ("arrived", N_("En sala"), ("arrived", "checked-in")),
    ("in-session", N_("En consulta"), ("in-session",)),
    ("fulfilled", N_("Atendidas"), ("fulfilled",)),
    ("noshow", N_("No realizadas"), ("noshow", "cancelled")),
)
SHOWN = tuple(state for _code, _title, states in COLUMNS for state in states)
REBOOK_DAYS = 21
PROPOSALS = 5


@dataclass(frozen=True, slots=True)
class Timer:
    """Whole minutes by the server's clock; ``kind`` is empty, ``warn`` or ``late``."""

    text: str
    kind: str = ""
    total: str = ""  # the time in the clinic, where it is another one


@dataclass(frozen=True, slots=True)
class Card:
    """A visit as board, list and closing show it. ``step`` and ``menu`` as in ``desk_rules.desk_step``."""

    id: int
    state: str
    time: str
    patient_id: int
    name: str
    age: int | None
    document: str  # its last digits
    therapist: str
    room: str
    service: str
    colour: int
    is_first_visit: bool
    is_moved: bool
    debt: str  # everything the patient owes the clinic, when something is due
    ticket_id: int | None  # that of the visit, or the oldest that is owed
    timer: Timer | None
    rises: bool
    is_unpaid: bool  # it took place and is owed
    step: str
    menu: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoardColumn:
    code: str
    title: str
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class Board:
    """``average_wait`` in minutes, None before the first; ``is_over`` when no visit is to come."""

    columns: list[BoardColumn]
    cards: list[Card]
    counts: dict[str, int]
    total: int
    average_wait: int | None
    is_over: bool


def board(clinic: ClinicView, day: date, *, therapist_id: int | None, actor: Actor, now: datetime) -> Board:
    """A clinic's day for the desk. Three queries; Forbidden without ``READ``."""
    visits = _visits(clinic, day, therapist_id=therapist_id, actor=actor)
    cards = _cards(visits, clinic, day, actor=actor, now=now)
    tallies = day_queries.counts(visits)
    return Board(
        columns=[
            BoardColumn(code, title, sorted((c for c in cards if c.state in states), key=lambda c: not c.rises))
            for code, title, states in COLUMNS
        ],
        cards=cards,
        counts={code: sum(tallies.get(s, 0) for s in states) for code, _title, states in COLUMNS},
        total=len(visits),
        average_wait=_average_wait(visits),
        is_over=bool(visits) and all(v.row.ends_at <= now for v in visits if v.row.status in rules.EXPECTED),
    )


def _visits(clinic: ClinicView, day: date, *, therapist_id: int | None, actor: Actor) -> list[day_queries.Visit]:
    return [
        v for v in day_queries.visits_of_day(clinic, day, actor=actor, therapist_id=therapist_id) if v.state in SHOWN
    ]


def _cards(
    visits: Sequence[day_queries.Visit], clinic: ClinicView, day: date, *, actor: Actor, now: datetime
) -> list[Card]:
    debts = tickets.debts_of_patients({v.row.patient_id for v in visits}, clinic_id=clinic.id, day=day)
    return [_card(v, debts.get(v.row.patient_id), clinic, day, actor=actor, now=now) for v in visits]


def _card(
    visit: day_queries.Visit,
    debt: tickets.Debt | None,
    clinic: ClinicView,
    day: date,
    *,
    actor: Actor,
    now: datetime,
) -> Card:
    row, owes = visit.row, visit.owed_cents > 0
    has_payment = visit.ticket is not None and visit.ticket.paid_cents > 0
    facts = transitions.facts_of(row, clinic, payment=lambda: has_payment, now=now)
    caller = transitions.caller_of(actor, clinic, therapist_id=row.therapist_id, patient_id=row.patient_id)
    steps = menu.open_steps(visit.state, facts, caller)
    offset, grace = facts.days_ahead, timedelta(minutes=clinic.noshow_grace_minutes)
    # everything owed, once something is due: an old debt, a visit that took place, the rest of a part payment
    is_due = debt is not None and (debt.old_cents > 0 or visit.state == "fulfilled" or (owes and has_payment))
    collects = owes or (visit.state == "fulfilled" and debt is not None)
    own_ticket = visit.ticket.ticket_id if visit.ticket else None
    timer = _timer(visit, grace, owes=owes, now=now) if offset == 0 else None
    return Card(
        id=row.id,
        state=visit.state,
        time=visit.starts,
        patient_id=row.patient_id,
        name=row.patient_name,
        age=age(row.birth_date, day),
        document=(row.document_number or "")[-4:],
        therapist=row.therapist_name,
        room=row.room_name or "",
        service=row.service_name,
        colour=row.colour,
        is_first_visit=row.is_first_visit,
        is_moved=row.reschedule_count > 0,
        debt=money.format_money(debt.total_cents, clinic.currency) if debt and is_due else "",
        ticket_id=debt.first_ticket_id if debt and collects and not owes else own_ticket,
        timer=timer,
        rises=(visit.state == "fulfilled" and owes) or (timer is not None and timer.kind == "late"),
        is_unpaid=visit.state == "fulfilled" and owes,
        step=desk_rules.desk_step(visit.state, days_ahead=offset, owes=collects, steps=steps),
        menu=desk_rules.desk_menu(visit.state, days_ahead=offset, owes=collects, steps=steps),
    )


def _timer(visit: day_queries.Visit, grace: timedelta, *, owes: bool, now: datetime) -> Timer | None:
    """How long the visit is in its state and the patient in the clinic; None where no time is shown."""
    row = visit.row
    since = day_queries.minutes_since
    if row.status in rules.EXPECTED:
        late = since(row.starts_at, now)
        return Timer(f"+{_minutes(late)}", "late" if now >= row.starts_at + grace else "warn") if late else None
    total = _minutes(since(row.arrived_at or row.status_since, now))
    if row.status in {"arrived", "checked-in"}:
        waited = since(max(row.arrived_at or row.status_since, row.starts_at), now)
        kind = "late" if waited >= desk_rules.WAIT_LATE else "warn" if waited >= desk_rules.WAIT_WARNING else ""
        here = _minutes(since(row.status_since, now))
        return Timer(here, kind, total if total != here else "")
    if visit.state == "in-session":
        inside = since(row.started_at or row.status_since, now)
        over = inside - visit.minutes
        return Timer(
            _minutes(inside), "late" if over >= desk_rules.OVERTIME_LATE else "warn" if over > 0 else "", total
        )
    if visit.state == "fulfilled" and owes:
        waited = since(row.status_since, now)
        return Timer(_minutes(waited), "warn" if waited >= desk_rules.WAIT_WARNING else "", total)
    return None


def _minutes(count: int) -> str:
    return f"{count} min" if count < 100 else f"{count // 60} h {count % 60:02d}"


def _average_wait(visits: Sequence[day_queries.Visit]) -> int | None:
    """Minutes between arrival (or the hour of the visit, when that is later) and going in."""
    waits = [
        day_queries.minutes_since(max(v.row.arrived_at, v.row.starts_at), v.row.started_at)
        for v in visits
        if v.row.started_at and v.row.arrived_at and v.row.started_at > v.row.arrived_at
    ]
    return round(sum(waits) / len(waits)) if waits else None


@dataclass(frozen=True, slots=True)
class DayClosing:
    """What a day still lacks: visits without an end, and attended ones that are owed."""

    unfinished: list[Card]
    unpaid: list[Card]


def closing(clinic: ClinicView, day: date, *, actor: Actor, now: datetime) -> DayClosing:
    """The end of a day, of all therapists. Three queries."""
    cards = _cards(_visits(clinic, day, therapist_id=None, actor=actor), clinic, day, actor=actor, now=now)
    return DayClosing(
        unfinished=[c for c in cards if c.state not in {"fulfilled", "noshow", "cancelled"}],
        unpaid=[c for c in cards if c.is_unpaid],
    )


# one's own first, as billing takes a payment
_OPEN_TILL = (
    select(TillSession.business_day, TillSession.number)
    .join(Till, Till.id == TillSession.till_id)
    .where(TillSession.clinic_id == bindparam("clinic_id"), TillSession.status == "open")
    .order_by(TillSession.opened_by != bindparam("user_id"), Till.kind != "recaudadora", TillSession.opened_at)
    .limit(1)
)


def till_code(clinic_id: int, *, actor: Actor) -> str:
    """The code of the till session that would take a payment now; empty when every till is closed."""
    row = db.session.execute(_OPEN_TILL, {"clinic_id": clinic_id, "user_id": actor.user_id}).first()
    return till_rules.till_code(row.business_day, row.number) if row else ""


# ------------------------------------------------------------------ walk-ins


@dataclass(frozen=True, slots=True)
class WalkInOption:
    """The first time of a therapist today for a walk-in; ``starts_at`` is None when there is none.

    ``busy_until`` is the end of the visit that occupies them now; ``short_minutes`` what is free between two visits
    when the whole length is free nowhere today.
    """

    therapist_id: int
    therapist: str
    starts_at: datetime | None = None
    is_now: bool = False
    is_outside_hours: bool = False
    busy_until: datetime | None = None
    short_minutes: int | None = None

    @property
    def is_regular(self) -> bool:
        """A time of the whole length within working hours."""
        return self.starts_at is not None and not self.is_outside_hours and self.short_minutes is None


def walk_in_options(clinic: ClinicView, service: ServiceView, *, now: datetime) -> list[WalkInOption]:
    """The therapists of a service for a walk-in today: by start, those with less than the whole length or outside their
    working hours last.

    Five queries.
    """
    people = clinics.therapists_of(clinic.id, service.id)
    ids = [person.id for person in people]
    day = clock.local_day(now, clinic.timezone)
    length = timedelta(minutes=service.duration_minutes)
    calendar = slots.calendar(clinic, ids, day, day)
    options = [_option(person, calendar, day, length=length, now=now) for person in people]
    return sorted(options, key=lambda o: (o.starts_at is None, not o.is_regular, o.starts_at or now, o.therapist))


def _option(
    person: clinics.TherapistView, calendar: Calendar, day: date, *, length: timedelta, now: datetime
) -> WalkInOption:
    starts_at = clock.five_minutes(now)
    shift = next(iter(covering(open_periods(calendar, person.id, day), starts_at, starts_at + length)), None)
    occupying = occupied(calendar, person.id, shift.room_id if shift else None)
    is_free = first_clash(occupying, starts_at, starts_at + length) is None
    present = first_clash(occupying, now, now + timedelta(minutes=1))
    busy_until = present.ends_at if present else None
    if shift and is_free:
        return WalkInOption(person.id, person.name, starts_at, is_now=True)
    slot = next(free_slots(calendar, person.id, day, length, now, is_self=False), None)
    if slot:
        return WalkInOption(person.id, person.name, slot.starts_at, busy_until=busy_until)
    if is_free:
        return WalkInOption(person.id, person.name, starts_at, is_now=True, is_outside_hours=True)
    shifts, busy = open_periods(calendar, person.id, day), occupied(calendar, person.id, None)
    if gap := desk_rules.first_gap(shifts, busy, now=starts_at):
        minutes = gap[1] if timedelta(minutes=gap[1]) < length else None
        return WalkInOption(person.id, person.name, gap[0], busy_until=busy_until, short_minutes=minutes)
    return WalkInOption(person.id, person.name, busy_until=busy_until)


# ------------------------------------------------------------------ the next visit


@dataclass(frozen=True, slots=True)
class Proposals:
    """The same weekday and hour in a week (or the nearest that day), then the first free times."""

    best: Slot | None
    is_same_hour: bool
    first: list[Slot]


def proposals(visit: VisitDetails, clinic: ClinicView, *, minutes: int, now: datetime) -> Proposals:
    """Times for the next visit with the same therapist. Four queries."""
    today = clock.local_day(now, clinic.timezone)
    target = _weeks_later(visit.starts_at, now, clinic.timezone)
    last = max(today + timedelta(days=REBOOK_DAYS), clock.local_day(target, clinic.timezone))
    free = slots.free(
        clinic,
        [visit.therapist_id],
        today,
        last,
        duration_minutes=minutes,
        is_self=False,
        now=now,
        patient_id=visit.patient_id,
    )
    that_day = [
        s for s in free if clock.local_day(s.starts_at, clinic.timezone) == clock.local_day(target, clinic.timezone)
    ]
    best = min(that_day, key=lambda s: abs(s.starts_at - target), default=None)
    first = [s for s in free if s is not best][:PROPOSALS]
    return Proposals(best, best is not None and best.starts_at == target, first)


def _weeks_later(starts_at: datetime, now: datetime, zone: str) -> datetime:
    """The same weekday and wall-clock hour, a week later, or as many weeks as it takes to be ahead."""
    start = clock.local(starts_at, zone)
    minute, day = start.hour * 60 + start.minute, start.date() + timedelta(days=7)
    while clock.at(day, minute, zone) <= now:
        day += timedelta(days=7)
    return clock.at(day, minute, zone)
