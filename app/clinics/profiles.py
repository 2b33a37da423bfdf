"""The account of a therapist: the user whom a therapist's record describes."""

from sqlalchemy import select

from app.clinics.models import Therapist
from app.identity.models import User
from app.kernel.access import Actor, Profile

KIND = "therapist"
PROFILES = (Profile(KIND, select(Therapist.id).where(Therapist.user_id == User.id).correlate(User).scalar_subquery()),)


def therapist_id_of(actor: Actor) -> int | None:
    """The therapist that the actor is."""
    return actor.profiles.get(KIND)
