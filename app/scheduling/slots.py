"""Slots that this package fills on shared screens."""

from flask_babel import ngettext

from app.http.screens import ADMIN, MENU, PATIENT, PATIENT_LINKS, Badge, ScreenSlot
from app.kernel.access import Actor
from app.kernel.i18n import N_
from app.scheduling import permissions
from app.scheduling.queries import hours


def _with_hours(actor: Actor) -> Badge:
    count, idle = hours.without_hours(actor)
    text = ngettext("%(num)d terapeuta sin horario", "%(num)d terapeutas sin horario", idle) if idle else ""
    return Badge(count - idle, text)


SLOTS = (
    ScreenSlot(MENU, 30, N_("Mi día"), "/my-day", permissions.READ_ASSIGNED, icon="activity", home_of=("therapist",)),
    ScreenSlot(MENU, 40, N_("Agenda"), "/agenda", permissions.READ, icon="calendar"),
    ScreenSlot(
        ADMIN,
        40,
        N_("Horarios"),
        "/admin/hours",
        permissions.MANAGE_HOURS,
        icon="clock",
        description=N_("Turnos de la semana, ausencias y turnos extra"),
        badge=_with_hours,
    ),
    ScreenSlot(PATIENT, 10, N_("Citas"), "/patients/{id}/appointments", permissions.READ),
    ScreenSlot(
        PATIENT_LINKS,
        10,
        N_("Reservar"),
        "/appointments/new?patient_id={id}",
        permissions.BOOK,
        icon="calendar-plus",
        target="dialog-body",
    ),
)
