"""Slots that this package fills on shared screens."""

from app.http.screens import MENU, ScreenSlot
from app.kernel.i18n import N_
from app.scheduling import permissions

SLOTS = (
    ScreenSlot(
        MENU, 10, N_("Recepción"), "/front-desk", permissions.RECEIVE, icon="armchair", home_of=("receptionist",)
    ),
)
