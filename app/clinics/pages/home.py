"""``/admin``: a card per thing that can be set up, with what is missing."""

from flask import Response
from flask_babel import gettext as _
from flask_babel import ngettext

from app.clinics import permissions, queries
from app.kernel.access import Actor
from app.kernel.words import N_
from app.web import cards, fragments, shell
from app.web.cards import Card, Tally
from app.web.shell import Pages

pages = Pages("administration", __name__)


@pages.get("/admin", requires=permissions.MANAGE_THERAPISTS)
def home() -> Response:
    return fragments.page("clinics/home.html", cards=cards.of(shell.actor()))


def _clinics(actor: Actor) -> Tally:
    return Tally(queries.lists.counts(actor)["clinics"])


def _services(actor: Actor) -> Tally:
    counts = queries.lists.counts(actor)
    missing = counts["services_of_nobody"]
    text = ngettext("%(num)d servicio sin terapeuta", "%(num)d servicios sin terapeuta", missing) if missing else ""
    if not counts["services"]:
        text = _("Sin servicios no se puede reservar")
    return Tally(counts["services"], text)


def _therapists(actor: Actor) -> Tally:
    counts = queries.lists.counts(actor)
    idle = counts["therapists_idle"]
    text = ngettext("%(num)d terapeuta sin servicios", "%(num)d terapeutas sin servicios", idle) if idle else ""
    return Tally(counts["therapists"], text)


CARDS = (
    Card(
        N_("Sedes"),
        N_("Datos, horario de atención, reglas de reserva, salas y feriados"),
        "/admin/clinics",
        "building",
        permissions.MANAGE,
        _clinics,
    ),
    Card(
        N_("Servicios"),
        N_("Lo que se ofrece, su duración y su precio"),
        "/admin/services",
        "clipboard-list",
        permissions.MANAGE_SERVICES,
        _services,
    ),
    Card(
        N_("Terapeutas"),
        N_("Quién atiende, con qué especialidades y servicios"),
        "/admin/therapists",
        "stethoscope",
        permissions.MANAGE_THERAPISTS,
        _therapists,
    ),
)
