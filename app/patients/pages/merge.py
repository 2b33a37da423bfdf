"""Two records of one person: compare them, merge them, separate them again."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.patients import forms, permissions, queries, rules
from app.patients.actions import merge as merging

pages = PageBlueprint("patient_merge", __name__)

LOSER = "other"  # the value of a choice that takes the other record's detail


@pages.get("/patients/<int:patient_id>/merge", requires=permissions.MERGE)
def compare(patient_id: int, form: forms.MergeForm | None = None) -> Response:
    """Choose the other record, then compare; without a choice also what was merged into this one."""
    actor = cycle.actor()
    other_id = form.other_id.data if form else request.args.get("patient_id", type=int)
    person = queries.get(patient_id, actor=actor)
    other = queries.get(other_id, actor=actor) if other_id else None
    is_same = other is not None and other["id"] == person["id"]
    merges = queries.merges_of(person["id"], actor=actor)
    return fragments.page(
        "patients/merge.html",
        form=(form or forms.MergeForm(formdata=None)).with_submission_id(),
        person=person,
        other=None if is_same else other,
        differences=_differences(person, other) if other and not is_same else [],
        merges=[{"id": row.id, "name": _name_of(row.before["loser"]), "at": row.merged_at} for row in merges],
    )


def _differences(person: Mapping[str, Any], other: Mapping[str, Any]) -> list[dict[str, str]]:
    """The details in which two records differ; what only one has is chosen beforehand."""
    labels, found = forms.PatientForm(formdata=None), []
    for name in rules.FIELDS:
        mine, theirs = rules.shown(person, name), rules.shown(other, name)
        if mine != theirs:
            chosen = LOSER if theirs and not mine else ""
            label = _("Distrito") if name == "ubigeo" else labels[name].label.text
            if name.startswith("emergency_"):
                label = f"{_('En una emergencia avisar a')}: {label}"
            found.append({"name": name, "label": label, "mine": mine, "theirs": theirs, "chosen": chosen})
    return found


def _name_of(details: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (details[n] for n in ("given_names", "paternal_surname", "maternal_surname"))))


@pages.post("/patients/<int:patient_id>/merge", requires=permissions.MERGE, form=forms.MergeForm, retry=compare)
def merge(patient_id: int, form: forms.MergeForm) -> Response:
    actor, other_id = cycle.actor(), int(form.other_id.data or 0)
    mine, theirs = (queries.get(each, actor=actor) for each in (patient_id, other_id))
    taken = {name for name in rules.FIELDS if request.form.get(f"choice_{name}") == LOSER}
    taken |= {"document_number"} if "document_type" in taken else set()
    chosen = rules.Details(**{name: (theirs if name in taken else mine)[name] for name in rules.FIELDS})
    versions = (int(form.version.data or 0), int(form.other_version.data or 0))
    merge_id = merging.merge_patients(patient_id, other_id, chosen, versions=versions, actor=actor, now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/patients/{patient_id}",
        toast=_("Las dos fichas son una."),
        undo=f"/patients/merges/{merge_id}/undo",
    )


@pages.post("/patients/merges/<int:merge_id>/undo", requires=permissions.MERGE)
def undo(merge_id: int) -> Response:
    restored_id = merging.separate_patients(merge_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=f"/patients/{restored_id}", toast=_("Son dos fichas otra vez."))
