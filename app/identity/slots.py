"""Slots that this package fills on shared screens."""

from app.http.screens import ADMIN, Badge, ScreenSlot
from app.identity import permissions, queries
from app.kernel.access import Actor
from app.kernel.i18n import N_


def _active_users(actor: Actor) -> Badge:
    return Badge(sum(person["is_active"] for person in queries.staff(actor=actor)))


SLOTS = (
    ScreenSlot(
        ADMIN,
        50,
        N_("Usuarios"),
        "/admin/users",
        permissions.MANAGE_USERS,
        icon="users",
        description=N_("Quién entra al sistema y qué puede hacer en cada sede"),
        badge=_active_users,
    ),
)
