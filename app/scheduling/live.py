"""The live region of a clinic's agenda day; the therapist's own day listens to it too."""

from app.billing import events as billing
from app.kernel.access import Actor, can
from app.kernel.events import Event
from app.kernel.outbox import EventRow
from app.realtime.regions import Region
from app.scheduling import events, permissions


def may_read(actor: Actor, clinic_id: str, _day: str) -> bool:
    """Whether the actor may read the visits of a clinic."""
    return can(actor, permissions.READ, int(clinic_id))


def clinic_days(row: EventRow) -> list[str]:
    """``clinic:day`` of a change of a visit: after a move the day before and the day after it."""
    event = row.parse(Event)
    days = dict.fromkeys((getattr(event, "day", None), getattr(event, "old_day", None)))
    return [f"{row.clinic_id}:{day}" for day in days if day]


def clinic_day_of_ticket(row: EventRow) -> list[str]:
    """``clinic:day`` of a payment or a voided ticket: it changes what the card of its visit says."""
    return [f"{row.clinic_id}:{row.parse(billing.TicketFact).service_day}"]


AGENDA = Region("agenda", may_read)
for _change in events.CHANGES:
    AGENDA.on(_change, lambda row: [f"agenda:{day}" for day in clinic_days(row)])
for _event in billing.OF_TICKETS:
    AGENDA.on(_event, lambda row: [f"agenda:{day}" for day in clinic_day_of_ticket(row)])

REGIONS = (AGENDA,)
