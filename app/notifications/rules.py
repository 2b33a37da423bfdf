"""Decisions: when a failed message is tried again, and the texts that staff may send by hand."""

from dataclasses import dataclass
from datetime import timedelta

from app.kernel.i18n import N_

LEASE = timedelta(seconds=60)  # a claim older than this belongs to a killed worker
PAUSES = tuple(timedelta(seconds=s) for s in (30, 120, 600, 3600, 3600))
MOST_ATTEMPTS = len(PAUSES) + 1
OVERDUE = timedelta(minutes=5)  # what should have left by now and is still here is shown to people
REST = timedelta(seconds=30)  # after the mail server could not be reached, nobody knocks for a while


def pause_after(attempts: int) -> timedelta | None:
    """How long to wait after this many tries; None when that was the last."""
    return PAUSES[attempts - 1] if attempts <= len(PAUSES) else None


def is_refused_for_good(code: int | None) -> bool:
    """Whether an SMTP reply says that this address will never accept (5xx); 4xx is "not now"."""
    return code is not None and 500 <= code < 600


@dataclass(frozen=True, slots=True)
class Template:
    """A message that staff may send by hand (D29): fixed words, so that no clinical text slips in."""

    title: str
    text: str


TEMPLATES = {
    "call_the_clinic": Template(
        N_("Comuníquese con la clínica"), N_("Por favor, llámenos o pase por recepción cuando pueda.")
    ),
    "documents_ready": Template(N_("Sus documentos están listos"), N_("Puede recogerlos en recepción.")),
    "payment_pending": Template(N_("Tiene un pago pendiente"), N_("Puede pagarlo en recepción en su próxima visita.")),
    "update_your_data": Template(
        N_("Actualice sus datos"), N_("Revise su teléfono y su correo, y avise en recepción si cambiaron.")
    ),
    "check_your_agenda": Template(
        N_("Revise su agenda"), N_("Hay cambios en su agenda. Revísela antes de empezar el día.")
    ),
}
