"""Choosing a person inside another form: search list, fast registration, districts.

``patients/_picker.html`` holds the hidden ``patient_id``. Stand it beside the form and give it the
form's id (``form_id``), because the fast registration is a form of its own.
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, make_response, request
from flask_babel import gettext as _

from app.clinics.queries import ubigeo
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.identity.permissions import OWN_ACCOUNT
from app.kernel.access import can_anywhere
from app.kernel.contacts import InvalidValue
from app.patients import actions, forms, permissions, queries, rules
from app.patients.pages.people import candidates_of
from app.patients.rules import documents, search

pages = PageBlueprint("patient_picker", __name__)

MAX_OPTIONS = 8
FORM_ID = re.compile(r"[a-z][a-z0-9-]{0,40}")


def _form_id() -> str:
    form_id = request.values.get("form_id", "")
    return form_id if FORM_ID.fullmatch(form_id) else ""


def _picker(person: Mapping[str, Any] | None, *, note: str = "") -> Response:
    if person:
        cycle.note_reading("patient", person["id"], patient_id=person["id"])
    chosen = {"id": person["id"], "label": rules.label(person)} if person else None
    html = fragments.render_partial("patients/_picker.html", patient=chosen, form_id=_form_id(), note=note, focus=True)
    return make_response(html)


@pages.get("/patients/picker", requires=permissions.READ)
def picker() -> Response:
    """The picker, empty or with the person of ``patient_id``."""
    patient_id = request.args.get("patient_id", type=int)
    return _picker(queries.get(patient_id, actor=cycle.actor()) if patient_id else None)


@pages.get("/patients/options", requires=permissions.READ)
def options() -> str:
    text = request.args.get("q", "").strip()[:100]
    rows = queries.search(text, actor=cycle.actor(), limit=MAX_OPTIONS) if text else []
    return fragments.render_partial(
        "patients/_options.html",
        q=text,
        form_id=_form_id(),
        options=[{**row, "label": rules.label(row)} for row in rows],
        may_register=can_anywhere(cycle.actor(), permissions.REGISTER),
    )


@pages.get("/patients/quick", requires=permissions.REGISTER)
def quick() -> Response:
    text = request.args.get("q", "").strip()[:100]
    if not cycle.is_fragment_request():
        return fragments.redirect_to("/patients/new")
    _kind, suggested = search.guess(text)
    return _quick(forms.QuickForm(formdata=None, data=suggested, form_id=_form_id()))


@pages.get("/patients/known", requires=permissions.REGISTER)
def known() -> Response:
    """The picker with the person who has a document; 204 when there is none."""
    kind = request.args.get("document_type", "DNI")
    typed = request.args.get("document_number", "")
    try:
        number = documents.normalize(kind, documents.with_zeros(kind, typed) or typed)
    except InvalidValue:
        number = None  # the registration reports the error
    person = queries.by_document(kind, number, actor=cycle.actor()) if number else None
    if person is None or person["deleted_at"] is not None:
        return make_response("", 204)
    return _picker(person, note=_("Ya tenía ficha: se eligió a esta persona."))


def _retry(*, form: forms.QuickForm) -> Response:
    """A person who is known already is chosen; else the form with the reason."""
    if form.refusal is not None and "full_name" in form.refusal.details:
        person = queries.get(form.refusal.details["patient_id"], actor=cycle.actor())
        return _picker(person, note=_("Ya tenía ficha: se eligió a esta persona."))
    return _quick(form)


@pages.post("/patients/quick", requires=permissions.REGISTER, form=forms.QuickForm, retry=_retry)
def register(form: forms.QuickForm) -> Response:
    patient_id = actions.register_patient(
        form.details(),
        clinic_id=cycle.clinic_id(permissions.REGISTER),
        allow_duplicate=form.allow_duplicate.data,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    person = queries.get(patient_id, actor=cycle.actor())
    return fragments.fragment_response(
        _picker(person).get_data(as_text=True), redirect_url=f"/patients/{patient_id}", toast=_("Paciente registrado.")
    )


def _quick(form: forms.QuickForm) -> Response:
    form.with_submission_id()
    html = fragments.render_partial("patients/_quick.html", form=form, candidates=candidates_of(form.refusal))
    return make_response(html)


@pages.get("/ubigeo/options", requires=OWN_ACCOUNT)
def districts() -> str:
    text = request.args.get("q", "").strip()[:100]
    return fragments.render_partial("patients/_districts.html", options=ubigeo.search(text, limit=MAX_OPTIONS))
