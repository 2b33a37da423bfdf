"""What refers to a patient: appointments. The care relations that follow from them are made anew for both."""

from app.kernel.merging import Reference
from app.scheduling.actions import reach
from app.scheduling.models import Appointment

REFERENCES = (
    Reference(
        "patient",
        Appointment,
        Appointment.patient_id,
        check=reach.require_no_overlap,
        settle=reach.update_care_relations,
    ),
)
