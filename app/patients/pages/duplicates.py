"""Records that may be of one person: who registered themselves and is known already."""

from flask import Response
from flask_babel import gettext as _

from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.patients import permissions, queries, rules
from app.patients.actions import duplicates

pages = PageBlueprint("patient_duplicates", __name__)


@pages.get("/patients/duplicates", requires=permissions.MERGE)
def index() -> Response:
    pairs = [
        {**pair, "patient_label": rules.brief(pair["patient"]), "other_label": rules.brief(pair["other"])}
        for pair in queries.open_duplicates(actor=cycle.actor())
    ]
    return fragments.page("patients/duplicates.html", pairs=pairs)


@pages.post("/patients/duplicates/<int:duplicate_id>/dismissal", requires=permissions.MERGE)
def dismiss(duplicate_id: int) -> Response:
    duplicates.dismiss(duplicate_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url="/patients/duplicates", toast=_("Quedan como dos personas."))
