"""Slots of this package on shared screens."""

from flask_babel import gettext as _

from app.audit import permissions, queries
from app.http.screens import ADMIN, Badge, ScreenSlot
from app.kernel.access import Actor
from app.kernel.i18n import N_


def _failed(actor: Actor) -> Badge:
    count = queries.failed_count(actor=actor)
    return Badge(count, _("Hay tareas que no se pudieron terminar.") if count else "")


SLOTS = (
    ScreenSlot(
        ADMIN,
        70,
        N_("Tareas en segundo plano"),
        "/admin/tasks",
        permissions.MANAGE_TASKS,
        icon="activity",
        description=N_("Avisos, correos y reportes por hacer o que fallaron"),
        badge=_failed,
    ),
)
