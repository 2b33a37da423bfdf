"""Live regions: the agenda and the front desk of a clinic's day, a therapist's own day, a patient's home."""

from collections.abc import Callable

from app.billing import events as billing
from app.kernel.access import Actor, can
from app.kernel.outbox import EventRow
from app.realtime.regions import Region
from app.scheduling import events, permissions


def _in_clinic(actor: Actor, clinic_id: str, _day: str) -> bool:
    return can(actor, permissions.READ, int(clinic_id))


def _days(row: EventRow) -> list[str]:
    return list(dict.fromkeys(d for d in (row.data.get("day"), row.data.get("old_day")) if d))


def _clinic_topics(name: str) -> Callable[[EventRow], list[str]]:
    return lambda row: [f"{name}:{row.clinic_id}:{day}" for day in _days(row)]


AGENDA = Region("agenda", _in_clinic)
DESK = Region("desk", _in_clinic)
MY_VISITS = Region("visits", lambda actor, patient_id: actor.patient_id == int(patient_id))

for _event in events.CHANGES:
    AGENDA.on(_event, _clinic_topics("agenda"))
    DESK.on(_event, _clinic_topics("desk"))
    MY_VISITS.on(_event, lambda row: [f"visits:{row.patient_id}"] if row.patient_id else [])
for _paid in billing.OF_TICKETS:  # a payment or a voided ticket changes what the card of its visit says
    AGENDA.on(_paid, lambda row: [f"agenda:{row.clinic_id}:{row.data['service_day']}"])
    DESK.on(_paid, lambda row: [f"desk:{row.clinic_id}:{row.data['service_day']}"])
    MY_VISITS.on(_paid, lambda row: [f"visits:{row.patient_id}"] if row.patient_id else [])
