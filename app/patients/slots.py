"""Slots that this package fills on shared screens."""

from app.http.screens import MENU, ScreenSlot
from app.kernel.i18n import N_
from app.patients import permissions

SLOTS = (ScreenSlot(MENU, 50, N_("Pacientes"), "/patients", permissions.READ, icon="users"),)
