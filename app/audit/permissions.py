"""Permissions of this domain and which role has which."""

from app.kernel.access import Permission
from app.kernel.i18n import N_

MANAGE_TASKS = Permission("task.manage", N_("Ver las tareas en segundo plano y reintentarlas"))

GRANTS = {"admin": (MANAGE_TASKS,)}
