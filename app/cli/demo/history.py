"""A visit's row, its transitions, its session and its ticket, each at the instant at which it happened."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.cli.demo import people, places
from app.cli.demo.context import Moment
from app.cli.demo.plan import Visit

HERE = ("arrived", "checked-in", "in-session", "fulfilled")
STATUS = {"confirmed": "booked", "in-session": "fulfilled"}
REASONS = (
    "Dolor lumbar", "Estrés y mal sueño", "Contractura cervical", "Control", "Dolor de rodilla", "Ansiedad", "", "", "",
)  # fmt: skip
CANCELLED_BECAUSE = ("patient", "patient", "patient", "clinic", "therapist")
SHOWN_REASON = {"noshow": "Inasistencia sin cobro", "cancelled": "Cita cancelada", "entered-in-error": "Cita anulada"}


@dataclass
class Story:
    """Everything that is known of a visit, as rows."""

    visit: Visit
    appointment: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    encounter: dict[str, Any] | None = None
    ticket: dict[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.encounter is not None and self.encounter["status"] == "finished"

    def step(self, to_status: str, at: datetime, by: int | None, **more: Any) -> None:
        """Append a transition; time never runs backwards in a visit."""
        before = self.events[-1] if self.events else None
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
        self.events.append(row)
        self.appointment |= {"status": to_status, "status_since": at, "version": len(self.events)}


def build_story(visit: Visit, number: int, is_first: bool, moment: Moment) -> Story:
    """The whole story of a visit. ``number`` is its ticket's."""
    story = Story(visit, _appointment(visit, is_first, moment))
    _book(story, moment)
    _happen(story, moment)
    story.ticket = _ticket(story, number, moment)
    return story


def _appointment(visit: Visit, is_first: bool, moment: Moment) -> dict[str, Any]:
    desk = people.USER[people.DESK[visit.clinic_id]]
    return {
        "id": visit.id,
        "uid": str(UUID(int=moment.rng.getrandbits(128), version=4)),
        "sequence": 0,
        "organization_id": 1,
        "clinic_id": visit.clinic_id,
        "therapist_id": visit.therapist.id,
        "patient_id": visit.patient_id,
        "service_id": visit.service_id,
        "room_id": visit.therapist.room_id,
        "starts_at": visit.starts_at,
        "ends_at": visit.ends_at,
        "confirmation": "accepted" if visit.fate == "confirmed" else "needs-action",
        "origin": visit.origin,
        "reason": moment.rng.choice(REASONS),
        "notes": "Llamar si se libera una hora antes." if visit.fate == "waitlist" else "",
        "cancel_reason": "",
        "cancelled_by": None,
        "reschedule_count": 0,
        "is_first_visit": is_first,
        "arrived_at": None,
        "created_at": visit.created_at,
        "created_by": people.OF_PATIENT.get(visit.patient_id, desk) if visit.origin == "online" else desk,
    }


def _book(story: Story, moment: Moment) -> None:
    visit, row = story.visit, story.appointment
    first = {"pending": "pending", "proposed": "proposed", "waitlist": "waitlist"}.get(visit.fate, "booked")
    source = "online" if visit.origin == "online" else "desk"
    period = {"new_starts_at": visit.starts_at, "new_ends_at": visit.ends_at}
    if visit.origin == "walk-in":
        story.step("arrived", visit.created_at, row["created_by"], **period)
        row["arrived_at"] = visit.created_at
        return
    story.step(first, visit.created_at, row["created_by"], source=source, **period)
    if first == "booked" and moment.chance(0.05):
        _move(story, moment)


def _move(story: Story, moment: Moment) -> None:
    """The visit once stood on another day."""
    visit, row, old = story.visit, story.appointment, timedelta(days=moment.rng.choice((1, 2, 7)))
    story.events[0] |= {"new_starts_at": visit.starts_at - old, "new_ends_at": visit.ends_at - old}
    story.step(
        "booked",
        moment.until_now(visit.created_at + timedelta(hours=1)),
        people.USER[people.DESK[visit.clinic_id]],
        old_starts_at=visit.starts_at - old,
        old_ends_at=visit.ends_at - old,
        new_starts_at=visit.starts_at,
        new_ends_at=visit.ends_at,
        room_id=row["room_id"],
    )
    row |= {"sequence": 1, "reschedule_count": 1}


def _happen(story: Story, moment: Moment) -> None:
    visit = story.visit
    desk = people.USER[people.DESK[visit.clinic_id]]
    if visit.fate in HERE:
        _attend(story, desk, moment)
    elif visit.fate == "noshow":
        story.step("noshow", moment.until_now(visit.starts_at + timedelta(minutes=20)), desk)
    elif visit.fate == "cancelled":
        _cancel(story, desk, moment)
    elif visit.fate == "entered-in-error":
        story.step("entered-in-error", visit.created_at + timedelta(minutes=4), desk, reason="Se registró dos veces")


def _attend(story: Story, desk: int, moment: Moment) -> None:
    visit, rng = story.visit, moment.rng
    therapist = people.OF_THERAPIST.get(visit.therapist.id, desk)
    arrived = moment.until_now(visit.starts_at - timedelta(minutes=rng.randrange(-4, 16)))
    if visit.origin != "walk-in":
        story.step("arrived", arrived, desk, room_id=visit.therapist.room_id)
        story.appointment["arrived_at"] = story.events[-1]["at"]
    if visit.fate == "arrived":
        return
    story.step("checked-in", moment.until_now(arrived + timedelta(minutes=rng.randrange(2, 6))), desk)
    if visit.fate == "checked-in":
        return
    begun = moment.until_now(max(visit.starts_at, arrived + timedelta(minutes=rng.randrange(3, 12))))
    story.step("fulfilled", begun, therapist)
    begun = story.events[-1]["at"]
    story.encounter = {
        **{name: story.appointment[name] for name in ("organization_id", "clinic_id", "patient_id", "therapist_id")},
        "appointment_id": visit.id,
        "status": "in-progress",
        "started_at": begun,
        "finished_at": None,
        "created_by": therapist,
    }
    if visit.fate == "fulfilled":
        over = moment.until_now(max(begun, visit.ends_at) - timedelta(minutes=rng.randrange(0, 5)))
        story.step("fulfilled", max(begun, over), therapist, reason="finished")
        story.encounter |= {"status": "finished", "finished_at": story.events[-1]["at"]}


def _cancel(story: Story, desk: int, moment: Moment) -> None:
    visit = story.visit
    latest = min(visit.starts_at, moment.now) - visit.created_at
    at = visit.created_at + latest * moment.rng.uniform(0.3, 0.95)
    reason = moment.rng.choice(CANCELLED_BECAUSE)
    story.step("cancelled", at, desk, reason=reason)
    story.appointment |= {
        "cancel_reason": reason,
        "cancelled_by": desk,
        "sequence": story.appointment["sequence"] + 1,
    }


def _ticket(story: Story, number: int, moment: Moment) -> dict[str, Any]:
    visit, row = story.visit, story.appointment
    is_void = visit.fate in SHOWN_REASON
    is_courtesy = not is_void and moment.chance(0.01)
    ended = story.events[-1]
    return {
        "id": visit.id,
        "clinic_id": visit.clinic_id,
        "number": number,
        "appointment_id": visit.id,
        "patient_id": visit.patient_id,
        "therapist_id": visit.therapist.id,
        "service_id": visit.service_id,
        "concept": places.SERVICES[visit.service_id - 1][2] + (" (cortesía)" if is_courtesy else ""),
        "amount_cents": 0 if is_courtesy else visit.price_cents,
        "currency": "PEN",
        "tax_rate_bp": 1800,
        "service_day": visit.day,
        "status": "voided" if is_void else "open",
        "issued_at": visit.created_at,
        "issued_by": row["created_by"],
        "voided_at": ended["at"] if is_void else None,
        "voided_by": ended["by_user_id"] if is_void else None,
        "void_reason": SHOWN_REASON.get(visit.fate, ""),
    }


def status_of(visit: Visit) -> str:
    return STATUS.get(visit.fate, visit.fate)
