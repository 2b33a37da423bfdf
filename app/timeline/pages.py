"""``/patients/<id>``: a patient's data and the fragments of the packages that know the patient."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from flask_babel import gettext as _

from app.http import cycle, fragments, screens
from app.http.html import PageBlueprint
from app.kernel import contacts
from app.kernel.access import can_anywhere
from app.patients import permissions, queries, rules
from app.timeline import actions

pages = PageBlueprint("patient", __name__)


@pages.get("/patients/<int:patient_id>", requires=permissions.READ)
def show(patient_id: int) -> Response:
    actor = cycle.actor()
    person = queries.get(patient_id, actor=actor)
    if person["id"] != patient_id:  # merged; not a permanent redirect, since a merge can be undone
        return fragments.redirect_to(f"/patients/{person['id']}")
    cycle.note_reading("patient", patient_id, patient_id=patient_id)
    is_archived = person["deleted_at"] is not None
    return fragments.page(
        "timeline/patient.html",
        patient=rules.to_view(person, rules.today(cycle.now())) | _labels(person),
        slots=screens.places(screens.PATIENT, actor, patient_id),
        links=[] if is_archived else screens.places(screens.PATIENT_LINKS, actor, patient_id),
        may_update=can_anywhere(actor, permissions.UPDATE) and not is_archived,
        may_archive=can_anywhere(actor, permissions.ARCHIVE),
        may_merge=can_anywhere(actor, permissions.MERGE) and not is_archived,
    )


@pages.post("/patients/<int:patient_id>/archiving", requires=permissions.ARCHIVE)
def archive(patient_id: int) -> Response:
    actions.archive_patient(patient_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=f"/patients/{patient_id}", toast=_("Ficha archivada."))


def _labels(person: Mapping[str, Any]) -> dict[str, Any]:
    sex = rules.SEX_LABELS[person["sex"]] if person["sex"] else ""
    return {
        "sex_word": _(sex) if sex else "",
        "other_phone_text": contacts.format_phone(person["other_phone"]),
        "emergency_phone_text": contacts.format_phone(person["emergency_phone"]),
        "district_text": queries.district_of(person),
    }


BLUEPRINTS = (pages,)
