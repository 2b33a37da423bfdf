"""Slots of this package on shared screens."""

from app.billing import permissions
from app.http.screens import MENU, ScreenSlot
from app.kernel.i18n import N_

SLOTS = (
    ScreenSlot(MENU, 60, N_("Caja"), "/till", permissions.OPERATE_TILL, icon="cash-register", home_of=("supervisor",)),
    ScreenSlot(MENU, 70, N_("Tickets"), "/tickets", permissions.READ, icon="ticket"),
)
