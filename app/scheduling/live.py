"""Channels: a clinic's agenda day (the therapist's own day listens to it too), the visits on a patient's page."""

from datetime import timedelta

from app.billing import events as billing
from app.encounters import events as encounters
from app.kernel.access import Actor, can, can_anywhere
from app.kernel.outbox import EventRow
from app.patients import queries as patients
from app.realtime.channels import Channel
from app.scheduling import events, permissions
from app.scheduling.queries import appointments

MOST_DAYS = 62  # of a long absence: nobody looks further ahead


def may_read(actor: Actor, clinic_id: str, _day: str) -> bool:
    """Whether the actor may read the visits of a clinic."""
    return can(actor, permissions.READ, int(clinic_id))


def clinic_days(row: EventRow) -> list[str]:
    """``clinic:day`` of a change of a visit: after a move the day before and the day after it."""
    event = row.parse(events.AppointmentChange)
    days = [event.old_day] if isinstance(event, events.AppointmentMoved) else []
    return [f"{row.clinic_id}:{day}" for day in dict.fromkeys([*days, event.day])]


def clinic_day_of_encounter(row: EventRow) -> list[str]:
    """``clinic:day`` of the visit of an encounter: its card shows the session. None without a visit."""
    appointment_id = row.parse(encounters.EncounterEvent).appointment_id
    day = appointments.day_of(appointment_id) if appointment_id is not None else None
    return [f"{row.clinic_id}:{day}"] if day else []


def clinic_day_of_ticket(row: EventRow) -> list[str]:
    """``clinic:day`` of a payment or a voided ticket: it changes the card of its visit."""
    return [f"{row.clinic_id}:{row.parse(billing.TicketEvent).service_day}"]


def clinic_days_of_hours(row: EventRow) -> list[str]:
    """``clinic:day`` of the days of an absence or an extra shift; weekly hours are seen on the next load."""
    event = row.parse(events.HoursChanged)
    if event.first_day is None or event.last_day is None:
        return []
    days = min((event.last_day - event.first_day).days + 1, MOST_DAYS)
    return [f"{row.clinic_id}:{event.first_day + timedelta(days=offset)}" for offset in range(days)]


def _may_read_patient(actor: Actor, patient_id: str) -> bool:
    """Like the patient's page. Raises NotFound for a patient whom the actor may not see."""
    return can_anywhere(actor, permissions.READ) and patients.get(int(patient_id), actor=actor) is not None


def _patient(row: EventRow) -> list[str]:
    return [f"patient-visits:{row.patient_id}"] if row.patient_id else []


AGENDA = Channel("agenda", may_read)
PATIENT_VISITS = Channel("patient-visits", _may_read_patient)
for _change in events.OF_APPOINTMENTS:
    PATIENT_VISITS.on(_change, _patient)
    AGENDA.on(_change, lambda row: [f"agenda:{day}" for day in clinic_days(row)])
for _encounter in encounters.OF_ENCOUNTERS:
    PATIENT_VISITS.on(_encounter, _patient)
    AGENDA.on(_encounter, lambda row: [f"agenda:{day}" for day in clinic_day_of_encounter(row)])
for _event in billing.OF_TICKETS:
    PATIENT_VISITS.on(_event, _patient)
    AGENDA.on(_event, lambda row: [f"agenda:{day}" for day in clinic_day_of_ticket(row)])

AGENDA.on(events.HoursChanged, lambda row: [f"agenda:{day}" for day in clinic_days_of_hours(row)])

CHANNELS = (AGENDA, PATIENT_VISITS)
