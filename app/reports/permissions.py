"""Permissions of this domain and which role has which."""

from app.kernel.access import Permission
from app.kernel.i18n import N_

READ = Permission("report.read", N_("Ver y exportar reportes de la sede"))

GRANTS = {
    "supervisor": (READ,),
    "admin": (READ,),
}
