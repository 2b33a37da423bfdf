"""Slots of this package on shared screens."""

from app.http.screens import MENU, ScreenSlot
from app.kernel.i18n import N_
from app.reports import permissions

SLOTS = (ScreenSlot(MENU, 80, N_("Reportes"), "/reports", permissions.READ, icon="report"),)
