"""Permissions of this domain and which role has which."""

from app.kernel.access import Permission
from app.kernel.i18n import N_

OWN_ACCOUNT = Permission("account.own", N_("Ver y cambiar la propia cuenta"))
MANAGE_USERS = Permission("user.manage", N_("Crear usuarios y dar roles"))

GRANTS = {
    "patient": (OWN_ACCOUNT,),
    "therapist": (OWN_ACCOUNT,),
    "receptionist": (OWN_ACCOUNT,),
    "supervisor": (OWN_ACCOUNT,),
    "admin": (OWN_ACCOUNT, MANAGE_USERS),
}
