"""The account of a patient: the user whom a patient's record describes."""

from sqlalchemy import select

from app.identity.models import User
from app.kernel.access import Actor, Profile
from app.patients.models import Patient

KIND = "patient"
PROFILES = (
    Profile(
        KIND, select(Patient.id).where(Patient.user_id == User.id).correlate(User).scalar_subquery(), own_role="patient"
    ),
)


def patient_id_of(actor: Actor) -> int | None:
    """The patient that the actor is."""
    return actor.profiles.get(KIND)
