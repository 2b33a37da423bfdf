"""After which events the connections of a user are checked again: a therapist no longer treats a patient."""

from app.patients import queries
from app.patients.events import CareRelationEnded
from app.realtime.channels import RightsChanges

RIGHTS_CHANGED: RightsChanges = {
    CareRelationEnded: lambda row: queries.users_of_therapist(row.parse(CareRelationEnded).therapist_id),
}
