"""Channel: a patient's own visits."""

from app.billing import events as billing
from app.encounters import events as encounters
from app.realtime.channels import Channel
from app.scheduling import events as scheduling

VISITS = Channel("visits", lambda actor, patient_id: actor.patient_id == int(patient_id))
for _event in (*scheduling.OF_APPOINTMENTS, *encounters.OF_ENCOUNTERS, *billing.OF_TICKETS):
    VISITS.on(_event, lambda row: [f"visits:{row.patient_id}"] if row.patient_id else [])

CHANNELS = (VISITS,)
