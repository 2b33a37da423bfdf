"""Classes and states of an encounter, and which state can follow which. Codes are FHIR R4's."""

from enum import StrEnum

from app.kernel.errors import Conflict
from app.kernel.i18n import N_


class EncounterClass(StrEnum):
    """HL7 v3 ActCode."""

    AMBULATORY = "AMB"
    EMERGENCY = "EMER"
    VIRTUAL = "VR"


class EncounterStatus(StrEnum):
    IN_PROGRESS = "in-progress"
    FINISHED = "finished"
    DISCONTINUED = "discontinued"
    ENTERED_IN_ERROR = "entered-in-error"


class InvalidEncounterTransition(Conflict):
    code = "INVALID_TRANSITION"
    message = N_("La sesión ya cambió de estado. Revise cómo quedó y vuelva a intentar.")


# From → to. A discontinued encounter of an appointment is started again when the patient goes in after all.
TRANSITIONS: dict[EncounterStatus, tuple[EncounterStatus, ...]] = {
    EncounterStatus.IN_PROGRESS: (
        EncounterStatus.FINISHED,
        EncounterStatus.DISCONTINUED,
        EncounterStatus.ENTERED_IN_ERROR,
    ),
    EncounterStatus.FINISHED: (EncounterStatus.IN_PROGRESS, EncounterStatus.ENTERED_IN_ERROR),
    EncounterStatus.DISCONTINUED: (EncounterStatus.IN_PROGRESS, EncounterStatus.ENTERED_IN_ERROR),
}


def check_transition(origin: str, target: EncounterStatus) -> None:
    """Raises InvalidEncounterTransition."""
    if target not in TRANSITIONS.get(EncounterStatus(origin), ()):
        raise InvalidEncounterTransition(details={"status": origin})
