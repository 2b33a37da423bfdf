"""Rules: when a message is overdue or refused permanently, and the templates that staff may send."""

from dataclasses import dataclass
from datetime import timedelta

from app.kernel.i18n import N_

OVERDUE = timedelta(minutes=5)  # unsent messages older than this are shown to staff


REST = timedelta(seconds=30)  # after a mail server was away, before it is asked again
PATIENCE = timedelta(hours=12)  # for so long a message waits for its server before attempts are counted


def is_permanent_failure(code: int | None) -> bool:
    """Whether an SMTP reply is a permanent failure (5xx); 4xx is a transient one."""
    return code is not None and 500 <= code < 600


@dataclass(frozen=True, slots=True)
class Template:
    """A message that staff may send by hand (D29): its text is fixed, so that it carries no clinical text."""

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
