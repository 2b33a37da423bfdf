"""Slots that this package fills on shared screens, and what it finds."""

from flask_babel import gettext as _

from app.clinics import queries as clinics
from app.http import cycle
from app.http.finding import Finder, Hit, HitLink
from app.http.screens import MENU, ScreenSlot
from app.http.templating import local_time
from app.kernel import clock
from app.kernel.access import can
from app.kernel.i18n import N_
from app.scheduling import permissions, rules
from app.scheduling.queries import day
from app.scheduling.queries.visit_rows import VisitRow

MAX_FOUND = 4


def _find_today(text: str) -> list[Hit]:
    """The visits of today in the clinic in work: their cards on the board, or each visit for who has no board."""
    actor = cycle.actor()
    clinic = clinics.clinic(cycle.clinic_id(permissions.READ))
    today = clock.local_day(cycle.now(), clinic.timezone)
    has_board = can(actor, permissions.RECEIVE, clinic.id)
    return [
        _visit(row, has_board=has_board) for row in day.find_in_day(clinic, today, text, actor=actor, limit=MAX_FOUND)
    ]


def _visit(row: VisitRow, *, has_board: bool) -> Hit:
    state = _(rules.LABELS[rules.label_of(row.status, row.confirmation, row.encounter_status)])
    label = f"{local_time(row.starts_at, row.timezone)} {row.patient_name}"
    link = HitLink(label, f"/appointments/{row.id}", "calendar", target="dialog-body")
    if has_board:
        link = HitLink(label, f"/front-desk?clinic_id={row.clinic_id}#visit-{row.id}", "armchair")
    return Hit(
        f"visit-{row.id}",
        link,
        text=f"{state} · {row.therapist_name}",
        shown_at=f"visit-{row.id}" if has_board else "",
    )


SLOTS = (
    ScreenSlot(
        MENU, 10, N_("Recepción"), "/front-desk", permissions.RECEIVE, icon="armchair", home_of=("receptionist",)
    ),
)
FINDERS = (Finder(10, N_("Citas de hoy"), permissions.READ, _find_today),)
