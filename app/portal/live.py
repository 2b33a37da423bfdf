"""Channel: a patient's own visits."""

from app.billing import events as billing
from app.encounters import events as encounters
from app.patients.profiles import patient_id_of
from app.realtime.channels import Channel
from app.scheduling import events as scheduling

VISITS = Channel("visits", lambda actor, patient_id: patient_id_of(actor) == int(patient_id))
for _event in (*scheduling.OF_APPOINTMENTS, *encounters.OF_ENCOUNTERS, *billing.OF_TICKETS):
    VISITS.on(_event, lambda row: [f"visits:{row.patient_id}"] if row.patient_id else [])

CHANNELS = (VISITS,)
