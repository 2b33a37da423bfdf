"""Slots that this package fills on shared screens."""

from app.http.screens import MENU, ScreenSlot
from app.kernel.i18n import N_
from app.scheduling import permissions

SLOTS = (
    ScreenSlot(MENU, 20, N_("Mis citas"), "/my", permissions.READ_OWN, icon="calendar-check", home_of=("patient",)),
    ScreenSlot(MENU, 21, N_("Reservar"), "/my/booking", permissions.BOOK_OWN, icon="calendar-plus"),
)
