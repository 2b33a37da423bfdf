"""Permissions of this domain and which role has which."""

from app.kernel.access import Permission
from app.kernel.i18n import N_

READ_OWN = Permission("notification.read_own", N_("Ver los propios avisos"))
SEND = Permission("notification.send", N_("Enviar avisos a personas de la sede"))
READ_DELIVERIES = Permission("delivery.read", N_("Ver los mensajes no entregados y reintentarlos"))

_STAFF = (READ_OWN, SEND)
GRANTS = {
    "patient": (READ_OWN,),
    "therapist": _STAFF,
    "receptionist": _STAFF,
    "supervisor": (*_STAFF, READ_DELIVERIES),
    "admin": (*_STAFF, READ_DELIVERIES),
}
