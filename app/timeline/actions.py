"""Actions on a patient that depend on the data of other packages."""

from datetime import datetime

from app.kernel.access import Actor, require_anywhere
from app.kernel.errors import RuleBroken
from app.kernel.i18n import N_
from app.patients import actions as patients
from app.patients import permissions
from app.patients import queries as patient_queries
from app.scheduling.queries import appointments


class HasUpcomingAppointments(RuleBroken):
    message = N_("Tiene citas por venir. Cancélelas o muévalas antes de archivar la ficha.")


def archive_patient(patient_id: int, *, actor: Actor, now: datetime) -> None:
    """Archive a patient without upcoming appointments. Raises NotFound, HasUpcomingAppointments."""
    require_anywhere(actor, permissions.ARCHIVE)
    patient_queries.get(patient_id, actor=actor)
    if appointments.upcoming_of_patient(patient_id, now=now) is not None:
        raise HasUpcomingAppointments
    patients.archive_patient(patient_id, actor=actor, now=now)
