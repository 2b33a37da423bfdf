"""Permissions of this domain and which role has which."""

from app.kernel.access import Permission
from app.kernel.i18n import N_

READ = Permission("clinic.read", N_("Ver sedes, servicios y terapeutas"))
MANAGE = Permission("clinic.manage", N_("Cambiar datos y reglas de la sede"))
MANAGE_SERVICES = Permission("service.manage", N_("Cambiar servicios y precios"))
MANAGE_THERAPISTS = Permission("therapist.manage", N_("Cambiar terapeutas"))

GRANTS = {
    "patient": (READ,),
    "therapist": (READ,),
    "receptionist": (READ,),
    "supervisor": (READ, MANAGE_THERAPISTS),
    "admin": (READ, MANAGE, MANAGE_SERVICES, MANAGE_THERAPISTS),
}
