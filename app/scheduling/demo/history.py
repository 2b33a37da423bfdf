"""A visit's row, its transitions, its session and its ticket, each at the instant at which it happened."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.clinics import demo as clinics
from app.identity.demo import RECEPTIONIST
from app.kernel.demo import DemoContext
from app.patients.demo import USER_OF_PATIENT
from app.scheduling.demo.plan import PlannedVisit
from app.tenancy.demo import ORGANIZATION

HERE = ("arrived", "checked-in", "in-session", "fulfilled")
REASONS = (
    "Dolor lumbar", "Estrés y mal sueño", "Contractura cervical", "Control", "Dolor de rodilla", "Ansiedad", "", "", "",
)  # fmt: skip
CANCELLED_BECAUSE = ("patient", "patient", "patient", "clinic", "therapist")
SHOWN_REASON = {"noshow": "Inasistencia sin cobro", "cancelled": "Cita cancelada", "entered-in-error": "Cita anulada"}


@dataclass
class VisitHistory:
    """Everything that is known of a visit, as rows."""

    visit: PlannedVisit
    appointment: dict[str, Any]
    changes: list[dict[str, Any]] = field(default_factory=list)
    encounter: dict[str, Any] | None = None
    ticket: dict[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.encounter is not None and self.encounter["status"] == "finished"

    def step(self, to_status: str, at: datetime, by: int | None, **more: Any) -> None:
        """Append a change of status; time never runs backwards in a visit."""
        before = self.changes[-1] if self.changes else None
        if before is not None:
            at = max(at, before["at"])
        empty = dict.fromkeys(("old_starts_at", "old_ends_at", "new_starts_at", "new_ends_at", "room_id"))
        row = {
            "appointment_id": self.visit.id,
            "from_status": before["to_status"] if before else None,
            "to_status": to_status,
            "at": at,
            "by_user_id": by,
            "source": "desk",
            "reason": "",
            **empty,
            **more,
        }
        self.changes.append(row)
        self.appointment |= {"status": to_status, "status_since": at, "version": len(self.changes)}


def build_history(visit: PlannedVisit, number: int, is_first: bool, context: DemoContext) -> VisitHistory:
    """The whole history of a visit. ``number`` is its ticket's."""
    history = VisitHistory(visit, _appointment(visit, is_first, context))
    _book(history, context)
    _happen(history, context)
    history.ticket = _ticket(history, number, context)
    return history


def _appointment(visit: PlannedVisit, is_first: bool, context: DemoContext) -> dict[str, Any]:
    desk = RECEPTIONIST[visit.clinic_id]
    return {
        "id": visit.id,
        "uid": str(UUID(int=context.random.getrandbits(128), version=4)),
        "sequence": 0,
        "organization_id": ORGANIZATION,
        "clinic_id": visit.clinic_id,
        "therapist_id": visit.therapist.id,
        "patient_id": visit.patient_id,
        "service_id": visit.service_id,
        "room_id": visit.therapist.room_id,
        "starts_at": visit.starts_at,
        "ends_at": visit.ends_at,
        "confirmation": "accepted" if visit.state == "confirmed" else "needs-action",
        "origin": visit.origin,
        "reason": context.random.choice(REASONS),
        "notes": "Llamar si se libera una hora antes." if visit.state == "waitlist" else "",
        "cancel_reason": "",
        "cancelled_by": None,
        "reschedule_count": 0,
        "is_first_visit": is_first,
        "arrived_at": None,
        "created_at": visit.created_at,
        "created_by": USER_OF_PATIENT.get(visit.patient_id, desk) if visit.origin == "online" else desk,
    }


def _book(history: VisitHistory, context: DemoContext) -> None:
    visit, row = history.visit, history.appointment
    first = {"pending": "pending", "proposed": "proposed", "waitlist": "waitlist"}.get(visit.state, "booked")
    source = "online" if visit.origin == "online" else "desk"
    period = {"new_starts_at": visit.starts_at, "new_ends_at": visit.ends_at}
    if visit.origin == "walk-in":
        history.step("arrived", visit.created_at, row["created_by"], **period)
        row["arrived_at"] = visit.created_at
        return
    history.step(first, visit.created_at, row["created_by"], source=source, **period)
    if first == "booked" and context.chance(0.05):
        _move(history, context)


def _move(history: VisitHistory, context: DemoContext) -> None:
    """The visit once stood on another day."""
    visit, row, old = history.visit, history.appointment, timedelta(days=context.random.choice((1, 2, 7)))
    history.changes[0] |= {"new_starts_at": visit.starts_at - old, "new_ends_at": visit.ends_at - old}
    history.step(
        "booked",
        context.not_after_now(visit.created_at + timedelta(hours=1)),
        RECEPTIONIST[visit.clinic_id],
        old_starts_at=visit.starts_at - old,
        old_ends_at=visit.ends_at - old,
        new_starts_at=visit.starts_at,
        new_ends_at=visit.ends_at,
        room_id=row["room_id"],
    )
    row |= {"sequence": 1, "reschedule_count": 1}


def _happen(history: VisitHistory, context: DemoContext) -> None:
    visit = history.visit
    desk = RECEPTIONIST[visit.clinic_id]
    if visit.state in HERE:
        _attend(history, desk, context)
    elif visit.state == "noshow":
        history.step("noshow", context.not_after_now(visit.starts_at + timedelta(minutes=20)), desk)
    elif visit.state == "cancelled":
        _cancel(history, desk, context)
    elif visit.state == "entered-in-error":
        history.step("entered-in-error", visit.created_at + timedelta(minutes=4), desk, reason="Se registró dos veces")


def _attend(history: VisitHistory, desk: int, context: DemoContext) -> None:
    visit, rng = history.visit, context.random
    therapist = visit.therapist.user_id or desk
    arrived = context.not_after_now(visit.starts_at - timedelta(minutes=rng.randrange(-4, 16)))
    if visit.origin != "walk-in":
        history.step("arrived", arrived, desk, room_id=visit.therapist.room_id)
        history.appointment["arrived_at"] = history.changes[-1]["at"]
    if visit.state == "arrived":
        return
    history.step("checked-in", context.not_after_now(arrived + timedelta(minutes=rng.randrange(2, 6))), desk)
    if visit.state == "checked-in":
        return
    begun = context.not_after_now(max(visit.starts_at, arrived + timedelta(minutes=rng.randrange(3, 12))))
    history.step("fulfilled", begun, therapist)
    begun = history.changes[-1]["at"]
    history.encounter = {
        **{name: history.appointment[name] for name in ("organization_id", "clinic_id", "patient_id", "therapist_id")},
        "appointment_id": visit.id,
        "status": "in-progress",
        "started_at": begun,
        "finished_at": None,
        "created_by": therapist,
    }
    if visit.state == "fulfilled":
        over = context.not_after_now(max(begun, visit.ends_at) - timedelta(minutes=rng.randrange(0, 5)))
        history.step("fulfilled", max(begun, over), therapist, reason="finished")
        history.encounter |= {"status": "finished", "finished_at": history.changes[-1]["at"]}


def _cancel(history: VisitHistory, desk: int, context: DemoContext) -> None:
    visit = history.visit
    latest = min(visit.starts_at, context.now) - visit.created_at
    at = visit.created_at + latest * context.random.uniform(0.3, 0.95)
    reason = context.random.choice(CANCELLED_BECAUSE)
    history.step("cancelled", at, desk, reason=reason)
    history.appointment |= {
        "cancel_reason": reason,
        "cancelled_by": desk,
        "sequence": history.appointment["sequence"] + 1,
    }


def _ticket(history: VisitHistory, number: int, context: DemoContext) -> dict[str, Any]:
    visit, row = history.visit, history.appointment
    is_void = visit.state in SHOWN_REASON
    is_courtesy = not is_void and context.chance(0.01) and history.is_over
    ended = history.changes[-1]
    return {
        "id": visit.id,
        "clinic_id": visit.clinic_id,
        "number": number,
        "appointment_id": visit.id,
        "patient_id": visit.patient_id,
        "therapist_id": visit.therapist.id,
        "service_id": visit.service_id,
        "concept": clinics.service_name(visit.service_id) + (" (cortesía)" if is_courtesy else ""),
        "amount_cents": 0 if is_courtesy else visit.price_cents,
        "currency": "PEN",
        "tax_rate_bp": 1800,
        "service_day": visit.day,
        "status": "voided" if is_void else "open",
        "issued_at": visit.created_at,
        "issued_by": row["created_by"],
        "voided_at": ended["at"] if is_void else None,
        "voided_by": ended["by_user_id"] if is_void else None,
        "void_reason": SHOWN_REASON.get(visit.state, ""),
    }
