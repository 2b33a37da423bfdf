"""The list of patients, one patient, registering and changing one."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.http.paging import pager
from app.kernel.access import can_anywhere
from app.kernel.contacts import format_phone
from app.kernel.errors import Conflict, DomainError
from app.kernel.i18n import N_
from app.patients import actions, forms, permissions, queries, rules
from app.patients.rules import search

pages = PageBlueprint("patients", __name__)

PAGE_SIZE = 25


class WrongPatient(Conflict):
    """The form was opened for another patient than that of the URL."""

    code = "WRONG_PATIENT"
    message = N_("Este formulario se abrió para otra persona. Nada cambió; ábralo de nuevo.")


def _today() -> date:
    return rules.today(cycle.now())


@pages.get("/patients", requires=permissions.READ)
def index() -> Response:
    text = request.args.get("q", "").strip()[:100]
    number = max(1, request.args.get("page", 1, type=int))
    found = queries.page(text, actor=cycle.actor(), number=number, size=PAGE_SIZE)
    cycle.note_reading("patient", action="searched")
    return fragments.page(
        "patients/list.html",
        parts={"patient-list": "patients/_list.html"},
        q=text,
        rows=[rules.to_view(row, _today()) for row in found.rows],
        pager=pager(count=found.count, number=number, size=PAGE_SIZE, path="/patients", q=text),
        may_register=can_anywhere(cycle.actor(), permissions.REGISTER),
        may_merge=can_anywhere(cycle.actor(), permissions.MERGE),
    )


@pages.get("/patients/new", requires=permissions.REGISTER)
def new() -> Response:
    _kind, suggested = search.guess(request.args.get("q", "")[:100])
    return _form(forms.PatientForm(formdata=None, data=suggested))


def _retry(*, form: forms.PatientForm, patient_id: int | None = None) -> Response:
    person = queries.get(patient_id, actor=cycle.actor()) if patient_id else None
    if person is None or not isinstance(form.refusal, actions.StalePatient):
        return _form(form, person=person)
    # what was typed stays; the fresh stamp lets the person save over what they now see
    form.version.data = _stamp(person)
    return _form(form, person=person, others=_differences(person, form.details()))


@pages.post("/patients", requires=permissions.REGISTER, form=forms.PatientForm, retry=_retry)
def create(form: forms.PatientForm) -> Response:
    patient_id = actions.register_patient(
        form.details(),
        clinic_id=cycle.clinic_id(permissions.REGISTER),
        allow_duplicate=form.allow_duplicate.data,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return fragments.fragment_response(redirect_url=f"/patients/{patient_id}", toast=_("Paciente registrado."))


@pages.get("/patients/<int:patient_id>/edit", requires=permissions.UPDATE)
def edit(patient_id: int) -> Response:
    person = queries.get(patient_id, actor=cycle.actor())
    cycle.note_reading("patient", patient_id, patient_id=patient_id)
    form = forms.PatientForm(formdata=None, **_filled(queries.details(person)), q=queries.district_of(person))
    form.version.data = _stamp(person)
    return _form(form, person=person)


def _edited(patient_id: int) -> forms.PatientForm:
    """The submitted form. Raises NotFound, and WrongPatient before a word of it is read."""
    queries.get(patient_id, actor=cycle.actor())
    form = forms.PatientForm()
    _version(form, patient_id)
    return form


@pages.post("/patients/<int:patient_id>/edit", requires=permissions.UPDATE, form=_edited, retry=_retry)
def update(patient_id: int, form: forms.PatientForm) -> Response:
    version = _version(form, patient_id)
    actions.update_patient(patient_id, form.details(), version=version, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=f"/patients/{patient_id}", toast=_("Datos guardados."))


def _stamp(person: Mapping[str, Any]) -> str:
    """The patient and the version that a form was opened for: ``12-3``."""
    return f"{person['id']}-{person['version']}"


def _version(form: forms.PatientForm, patient_id: int) -> int:
    whose, _dash, version = (form.version.data or "").partition("-")
    if whose != str(patient_id) or not version.isdecimal():
        raise WrongPatient
    return int(version)


def _differences(person: Mapping[str, Any], typed: rules.Details) -> list[tuple[str, str]]:
    """Label and present value of each field that the form would change."""
    form, now = forms.PatientForm(formdata=None), _filled(queries.details(person))
    names = [name for name in rules.FIELDS if name != "ubigeo" and (_filled(typed)[name] or "") != (now[name] or "")]
    return [(form[name].label.text, str(now[name] or "—")) for name in names]


def _filled(details: rules.Details) -> dict[str, Any]:
    """Details as a form shows them: phones as people write them."""
    values = {name: getattr(details, name) for name in rules.FIELDS}
    return values | {name: format_phone(values[name]) for name in rules.PHONES}


def _form(
    form: forms.PatientForm,
    *,
    person: Mapping[str, Any] | None = None,
    others: list[tuple[str, str]] | None = None,
) -> Response:
    return fragments.page(
        "patients/form.html",
        form=form.with_submission_id(),
        patient=person,
        known=form.refusal.details if form.refusal else {},
        candidates=candidates_of(form.refusal),
        others=others or [],
    )


def candidates_of(error: DomainError | None) -> list[dict[str, Any]]:
    """The people of a possible duplicate as pickers show them: ``{id, label}``."""
    found = error.details["candidates"] if isinstance(error, actions.ProbablyKnown) else []
    return [{"id": person["id"], "label": rules.brief(person)} for person in found]


@pages.post("/patients/<int:patient_id>/restoration", requires=permissions.ARCHIVE)
def restore(patient_id: int) -> Response:
    actions.restore_patient(patient_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=f"/patients/{patient_id}", toast=_("Ficha restaurada."))
