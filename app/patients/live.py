"""After which events the connections of a user are checked again: a therapist no longer treats a patient,
records of patients were merged or separated."""

from app.kernel.outbox import EventRow
from app.patients import queries
from app.patients.events import CareRelationEnded, PatientsMerged, PatientsSeparated
from app.realtime.channels import RightsChanges


def _merged(row: EventRow) -> list[int]:
    event = row.parse(PatientsMerged)
    return queries.users_of_patients((event.survivor_id, event.loser_id))


def _separated(row: EventRow) -> list[int]:
    event = row.parse(PatientsSeparated)
    return queries.users_of_patients((event.survivor_id, event.loser_id))


RIGHTS_CHANGED: RightsChanges = {
    PatientsMerged: _merged,
    PatientsSeparated: _separated,
    CareRelationEnded: lambda row: queries.users_of_therapist(row.parse(CareRelationEnded).therapist_id),
}
