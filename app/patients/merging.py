"""What refers to a patient: care relations and clinics. What both have stays where it is."""

from app.kernel.merging import Reference
from app.patients import queries
from app.patients.models import CareRelation, PatientClinic

REFERENCES = (
    Reference("patient", CareRelation, CareRelation.patient_id, stays=queries.common_relations),
    Reference("patient", PatientClinic, PatientClinic.patient_id, stays=queries.common_clinics),
)
