"""What refers to a patient: care relations. One that both have stays where it is."""

from app.kernel.merging import Reference
from app.patients import queries
from app.patients.models import CareRelation

REFERENCES = (Reference("patient", CareRelation, CareRelation.patient_id, stays=queries.common_relations),)
