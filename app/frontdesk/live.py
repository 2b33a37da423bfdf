"""Channel: the front desk's board of a clinic and day."""

from app.billing import events as billing
from app.encounters import events as encounters
from app.realtime.channels import Channel
from app.scheduling import events as scheduling
from app.scheduling.live import clinic_day_of_encounter, clinic_day_of_ticket, clinic_days, may_read

DESK = Channel("desk", may_read)
for _change in scheduling.OF_APPOINTMENTS:
    DESK.on(_change, lambda row: [f"desk:{day}" for day in clinic_days(row)])
for _encounter in encounters.OF_ENCOUNTERS:
    DESK.on(_encounter, lambda row: [f"desk:{day}" for day in clinic_day_of_encounter(row)])
for _event in billing.OF_TICKETS:
    DESK.on(_event, lambda row: [f"desk:{day}" for day in clinic_day_of_ticket(row)])

CHANNELS = (DESK,)
