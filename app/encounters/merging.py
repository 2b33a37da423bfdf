"""What refers to a patient: encounters."""

from app.encounters.models import Encounter
from app.kernel.merging import Reference

REFERENCES = (Reference("patient", Encounter, Encounter.patient_id),)
