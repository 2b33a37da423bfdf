"""Slots that this package fills on shared screens, and what it finds."""

from urllib.parse import urlencode

from flask_babel import gettext as _

from app.http import cycle, screens
from app.http.finding import Finder, Hit, HitLink
from app.http.screens import MENU, ScreenSlot
from app.kernel.access import can_anywhere
from app.kernel.i18n import N_
from app.patients import permissions, queries, rules

MAX_FOUND = 5


def _find(text: str) -> list[Hit]:
    """People with the next steps of their page; when there is nobody, the way to register them."""
    actor = cycle.actor()
    people = queries.search(text, actor=actor, limit=MAX_FOUND)
    if not people and can_anywhere(actor, permissions.REGISTER):
        query = urlencode({"q": text})
        return [Hit("patient-new", HitLink(_("Registrar paciente nuevo"), f"/patients/new?{query}", "user-plus"))]
    steps = screens.slots_of(screens.PATIENT_LINKS, actor)
    return [
        Hit(
            f"patient-{person['id']}",
            HitLink(person["full_name"], f"/patients/{person['id']}", "user"),
            text=rules.numbers(person),
            more=tuple(HitLink(_(step.label), step.href_for(person["id"]), target=step.target) for step in steps),
        )
        for person in people
    ]


SLOTS = (ScreenSlot(MENU, 50, N_("Pacientes"), "/patients", permissions.READ, icon="users"),)
FINDERS = (Finder(20, N_("Pacientes"), permissions.READ, _find),)
