"""Slots that this package fills on shared screens."""

from flask_babel import gettext as _
from flask_babel import ngettext

from app.clinics import permissions, queries
from app.http.screens import ADMIN, MENU, Badge, ScreenSlot
from app.kernel.access import Actor
from app.kernel.i18n import N_


def _clinics(actor: Actor) -> Badge:
    return Badge(queries.lists.counts(actor)["clinics"])


def _services(actor: Actor) -> Badge:
    counts = queries.lists.counts(actor)
    missing = counts["services_without_therapist"]
    text = ngettext("%(num)d servicio sin terapeuta", "%(num)d servicios sin terapeuta", missing) if missing else ""
    if not counts["services"]:
        text = _("Sin servicios no se puede reservar")
    return Badge(counts["services"], text)


def _therapists(actor: Actor) -> Badge:
    counts = queries.lists.counts(actor)
    idle = counts["therapists_idle"]
    text = ngettext("%(num)d terapeuta sin servicios", "%(num)d terapeutas sin servicios", idle) if idle else ""
    return Badge(counts["therapists"], text)


SLOTS = (
    ScreenSlot(MENU, 90, N_("Ajustes"), "/admin", permissions.MANAGE_THERAPISTS, icon="settings", home_of=("admin",)),
    ScreenSlot(
        ADMIN,
        10,
        N_("Sedes"),
        "/admin/clinics",
        permissions.MANAGE,
        icon="building",
        description=N_("Datos, horario de atención, reglas de reserva, salas y feriados"),
        badge=_clinics,
    ),
    ScreenSlot(
        ADMIN,
        20,
        N_("Servicios"),
        "/admin/services",
        permissions.MANAGE_SERVICES,
        icon="clipboard-list",
        description=N_("Lo que se ofrece, su duración y su precio"),
        badge=_services,
    ),
    ScreenSlot(
        ADMIN,
        30,
        N_("Terapeutas"),
        "/admin/therapists",
        permissions.MANAGE_THERAPISTS,
        icon="stethoscope",
        description=N_("Quién atiende, con qué especialidades y servicios"),
        badge=_therapists,
    ),
)
