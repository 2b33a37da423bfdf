"""Slots of this package on shared screens."""

from flask_babel import gettext as _

from app.http import cycle
from app.http.screens import ADMIN, Badge, ScreenSlot
from app.kernel.access import Actor
from app.kernel.i18n import N_
from app.notifications import permissions, queries


def _undelivered(actor: Actor) -> Badge:
    count = len(queries.undelivered(actor=actor, now=cycle.now()))
    return Badge(count, _("Hay correos que no llegaron a sus pacientes.") if count else "")


SLOTS = (
    ScreenSlot(
        ADMIN,
        60,
        N_("Mensajes no entregados"),
        "/admin/deliveries",
        permissions.READ_DELIVERIES,
        icon="mail",
        description=N_("Correos que no llegaron o que se siguen intentando"),
        badge=_undelivered,
    ),
)
