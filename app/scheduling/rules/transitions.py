"""The table of transitions: from which state to which, who, on what condition. Pure functions on values.

Actions, menus and the API ask this one table. ``allowed`` lists what a caller can reach now; ``problem_with`` says why
another state cannot be reached. What a step needs from its caller (a reason, what happens to the money) is asked for
by the action and is no condition here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.kernel.errors import Conflict, DomainError, Forbidden, RuleBroken
from app.kernel.i18n import N_
from app.scheduling.rules import LABELS, REQUESTS, NoticeTooShort, Status, may_patient_change


class Who(StrEnum):
    DESK = "desk"  # of the clinic, for all therapists
    THERAPIST = "therapist"  # the visit's own
    PATIENT = "patient"  # the visit's own
    SUPERVISOR = "supervisor"
    SYSTEM = "system"


class Task(StrEnum):
    """What a permission allows in a clinic."""

    BOOK = "book"
    RECEIVE = "receive"
    ATTEND = "attend"
    CORRECT = "correct"
    ANY_THERAPIST = "any_therapist"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as seen from one visit. ``tasks`` are those permitted in the visit's clinic.

    ``acts_as_desk``: the clinic lets therapists do with their own visits what the desk may (D38).
    """

    tasks: frozenset[Task] = frozenset()
    is_therapist: bool = False
    is_patient: bool = False
    is_system: bool = False
    acts_as_desk: bool = True

    def may(self, task: Task) -> bool:
        return self.is_system or task in self.tasks

    def is_one_of(self, who: Iterable[Who], task: Task) -> bool:
        """Whether a step for ``who`` is open to the caller; the desk needs the step's task."""
        own_therapist = self.is_therapist and self.may(Task.ATTEND)
        is_desk = self.may(task) and self.may(Task.ANY_THERAPIST)
        roles = {
            Who.DESK: is_desk or (own_therapist and self.acts_as_desk),
            Who.THERAPIST: own_therapist,
            Who.PATIENT: self.is_patient,
            Who.SUPERVISOR: self.may(Task.CORRECT),
            Who.SYSTEM: self.is_system,
        }
        return any(roles[role] for role in who)


@dataclass(frozen=True, slots=True)
class Facts:
    """The data of a visit on which the conditions decide. ``days_ahead`` counts local days from today to its day.

    ``since`` is when the present state began. ``payment`` says whether there is money on its ticket, ``slot_problem``
    what keeps it from its time; both read, so they are asked where a row of the table needs them.
    """

    status: Status
    starts_at: datetime
    since: datetime
    now: datetime
    days_ahead: int
    grace_minutes: int = 15
    notice_hours: int = 12
    payment: Callable[[], bool] = field(default=lambda: False)
    slot_problem: Callable[[], DomainError | None] = field(default=lambda: None)

    def with_slot(self, problem: Callable[[], DomainError | None]) -> "Facts":
        """The same with a look at the visit's time."""
        return replace(self, slot_problem=problem)


# ------------------------------------------------------------------ refusals


class InvalidTransition(Conflict):
    """``details['allowed']`` lists where this caller may take the visit now."""

    code = "INVALID_TRANSITION"
    message = N_("La cita está «%(state)s» y no puede pasar a ese estado.")


class NotToday(RuleBroken):
    message = N_("La cita no es de hoy. Reprograme la cita antes de recibir al paciente.")


class TooEarlyForNoshow(RuleBroken):
    message = N_("Aún no pasaron %(minutes)s minutos desde la hora de la cita.")


class TooLateToUndo(InvalidTransition):
    message = N_("Ya pasó el plazo para deshacer. Pídalo a supervisión.")


class HasPayment(InvalidTransition):
    message = N_("La visita tiene un pago. Devuelva el pago antes de deshacer.")


class NothingToUndo(InvalidTransition):
    message = N_("La cita está «%(state)s» y no hay un paso anterior que deshacer.")


# ------------------------------------------------------------------ conditions

Guard = Callable[[Facts, Caller], DomainError | None]


def is_today(facts: Facts, _caller: Caller) -> DomainError | None:
    return NotToday() if facts.days_ahead else None


def its_day_has_come(facts: Facts, _caller: Caller) -> DomainError | None:
    return NotToday() if facts.days_ahead > 0 else None


def grace_is_over(facts: Facts, _caller: Caller) -> DomainError | None:
    """No vino: after the start and the clinic's grace."""
    is_over = facts.now >= facts.starts_at + timedelta(minutes=facts.grace_minutes)
    return None if is_over else TooEarlyForNoshow(minutes=facts.grace_minutes)


def patient_is_in_time(facts: Facts, caller: Caller) -> DomainError | None:
    """Patients change their visits in time; staff at any time."""
    in_time = may_patient_change(facts.starts_at, now=facts.now, notice_hours=facts.notice_hours)
    is_staff = caller.may(Task.BOOK)
    return None if in_time or is_staff else NoticeTooShort(hours=facts.notice_hours)


def is_unpaid(facts: Facts, _caller: Caller) -> DomainError | None:
    return HasPayment() if facts.payment() else None


def slot_is_free(facts: Facts, _caller: Caller) -> DomainError | None:
    return facts.slot_problem()


# ------------------------------------------------------------------ the table


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the table. ``undo_within`` makes it a step back: within that time, later by a supervisor alone."""

    origin: Status | None  # None: the visit is made
    target: Status
    who: frozenset[Who]
    task: Task
    guards: tuple[Guard, ...] = ()
    undo_within: timedelta | None = None

    @property
    def is_undo(self) -> bool:
        return self.undo_within is not None


def _rows(
    origins: Iterable[Status | None],
    target: Status,
    who: Iterable[Who],
    task: Task,
    *guards: Guard,
    undo_minutes: int | None = None,
) -> tuple[Step, ...]:
    within = None if undo_minutes is None else timedelta(minutes=undo_minutes)
    return tuple(Step(origin, target, frozenset(who), task, guards, within) for origin in origins)


_S, _DESK, _THERAPIST, _PATIENT, _SYSTEM = Status, Who.DESK, Who.THERAPIST, Who.PATIENT, Who.SYSTEM
_BOOK, _RECEIVE, _ATTEND = Task.BOOK, Task.RECEIVE, Task.ATTEND
_NOT_BOOKED = (*REQUESTS, Status.PENDING)
_HERE = (Status.ARRIVED, Status.CHECKED_IN)
_ANY = tuple(status for status in Status if status != Status.ENTERED_IN_ERROR)

TABLE: tuple[Step, ...] = (
    *_rows([None], _S.PROPOSED, [_PATIENT, _DESK], _BOOK),
    *_rows([None], _S.WAITLIST, [_PATIENT, _DESK], _BOOK),
    *_rows([None], _S.PENDING, [_PATIENT], _BOOK),
    *_rows([None], _S.BOOKED, [_DESK, _THERAPIST, _PATIENT], _BOOK),
    *_rows([None], _S.ARRIVED, [_DESK], _RECEIVE),
    *_rows(REQUESTS, _S.PENDING, [_DESK], _BOOK, slot_is_free),
    *_rows(REQUESTS, _S.BOOKED, [_DESK], _BOOK, slot_is_free),
    *_rows([_S.PENDING], _S.BOOKED, [_DESK, _SYSTEM], _BOOK),
    *_rows(_NOT_BOOKED, _S.CANCELLED, [_PATIENT, _DESK, _SYSTEM], _BOOK),
    *_rows([_S.BOOKED], _S.ARRIVED, [_DESK, _THERAPIST], _RECEIVE, is_today),
    *_rows([_S.ARRIVED], _S.CHECKED_IN, [_DESK], _RECEIVE),
    *_rows(_HERE, _S.FULFILLED, [_THERAPIST, _DESK], _ATTEND, its_day_has_come),
    *_rows([_S.BOOKED], _S.FULFILLED, [_THERAPIST, _DESK], _ATTEND, its_day_has_come),
    *_rows([_S.BOOKED], _S.NOSHOW, [_DESK, _THERAPIST], _RECEIVE, grace_is_over),
    *_rows([_S.BOOKED], _S.CANCELLED, [_PATIENT, _DESK, _THERAPIST, _SYSTEM], _BOOK, patient_is_in_time),
    *_rows(_HERE, _S.CANCELLED, [_DESK], _BOOK),
    *_rows([_S.NOSHOW], _S.ARRIVED, [_DESK], _RECEIVE, is_today, slot_is_free),
    *_rows(_HERE, _S.BOOKED, [_DESK], _RECEIVE, is_unpaid, undo_minutes=15),
    *_rows([_S.CHECKED_IN], _S.ARRIVED, [_DESK], _RECEIVE, undo_minutes=15),
    *_rows([_S.NOSHOW], _S.BOOKED, [_DESK], _RECEIVE, slot_is_free, undo_minutes=10),
    *_rows([_S.CANCELLED], _S.BOOKED, [_DESK], _BOOK, slot_is_free, undo_minutes=10),
    *_rows([_S.FULFILLED], _S.CHECKED_IN, [_THERAPIST, Who.SUPERVISOR], _ATTEND, undo_minutes=15),
    *_rows(_ANY, _S.ENTERED_IN_ERROR, [Who.SUPERVISOR], Task.CORRECT, is_unpaid),
)
_STEPS = {(step.origin, step.target): step for step in TABLE}
_FROM: dict[Status | None, tuple[Step, ...]] = {
    origin: tuple(step for step in TABLE if step.origin == origin) for origin in (None, *Status)
}
UNDO_WITHIN = {(step.origin, step.target): step.undo_within for step in TABLE if step.undo_within is not None}


def step_between(origin: Status | None, target: Status) -> Step | None:
    """The row of the table, if there is one."""
    return _STEPS.get((origin, target))


def first_statuses(caller: Caller) -> list[Status]:
    """The states in which this caller may make a visit."""
    return [step.target for step in _FROM[None] if caller.is_one_of(step.who, step.task)]


def problem_with(step: Step, facts: Facts, caller: Caller) -> DomainError | None:
    """Why this caller cannot take the step now; None when nothing stands against it."""
    if not caller.is_one_of(step.who, step.task):
        return Forbidden()
    is_late = step.undo_within is not None and facts.now - facts.since > step.undo_within
    if is_late and not caller.may(Task.CORRECT):
        return TooLateToUndo()
    return next(filter(None, (guard(facts, caller) for guard in step.guards)), None)


def allowed(facts: Facts, caller: Caller) -> list[Status]:
    """Every state that this caller can reach now, in the order of the table."""
    return [step.target for step in _FROM[facts.status] if problem_with(step, facts, caller) is None]


def check(facts: Facts, target: Status, caller: Caller) -> Step:
    """The step to ``target``. Raises InvalidTransition, Forbidden and what its conditions raise.

    Every refusal has ``details['allowed']`` and ``details['status']``.
    """
    step = step_between(facts.status, target)
    problem = InvalidTransition() if step is None else problem_with(step, facts, caller)
    if step is None or problem is not None:
        raise explained(problem or InvalidTransition(), facts, caller)
    return step


def explained(error: DomainError, facts: Facts, caller: Caller) -> DomainError:
    """The refusal with where the visit may go instead."""
    error.details |= {"allowed": [str(status) for status in allowed(facts, caller)], "status": str(facts.status)}
    error.params = {"state": LABELS[facts.status], **error.params}
    return error


# ------------------------------------------------------------------ steps back


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a visit's history that changed its status."""

    to_status: Status
    is_undo: bool


def path_of(changes: Iterable[Change]) -> list[Status]:
    """The states that led to the present one, from the history: a step back is no step, it shortens the path."""
    path: list[Status] = []
    for change in changes:
        if change.is_undo and change.to_status in path:
            while path[-1] != change.to_status:
                path.pop()
        elif change.is_undo and path:
            path[-1] = change.to_status
        else:
            path.append(change.to_status)
    return path


def way_back(status: Status, path: list[Status]) -> Status | None:
    """Where the last step is undone to: the nearest earlier state that the table lets this one go back to.

    A session goes back to checked-in whatever came before it; nothing goes back to waiting for the clinic's approval.
    """
    if status == Status.FULFILLED:
        return Status.CHECKED_IN
    earlier = [Status.BOOKED if before == Status.PENDING else before for before in reversed(path[:-1])]
    return next((before for before in earlier or [Status.BOOKED] if (status, before) in UNDO_WITHIN), None)


def may_reopen(caller: Caller, *, finished_at: datetime, now: datetime) -> DomainError | None:
    """Why the end of a session cannot be undone; None when it can, as fast as its start."""
    if not caller.is_one_of((Who.DESK, Who.THERAPIST), Task.ATTEND):
        return Forbidden()
    in_time = now - finished_at <= UNDO_WITHIN[Status.FULFILLED, Status.CHECKED_IN]
    return None if in_time or caller.may(Task.CORRECT) else TooLateToUndo()


def has_way_back(facts: Facts, caller: Caller) -> bool:
    """Whether "Deshacer" is worth showing: a step back of this state is open to the caller."""
    back = [step for step in _FROM[facts.status] if step.is_undo]
    return any(problem_with(step, facts, caller) is None for step in back)
