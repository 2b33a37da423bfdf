"""``/api/patients``, and one's own registration under ``/api/auth/register/``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import request
from flask_babel import gettext as _
from pydantic import AliasChoices, Field

from app.http import cycle
from app.http.json import ApiBlueprint
from app.http.resources import AsTyped, Body, Day, ListQuery, Page, envelope
from app.patients import actions, permissions, queries, rules
from app.patients.login import prepare_registration
from app.patients.resources import FoundPatientResource, PatientResource

api = ApiBlueprint("patients_api", __name__)

READERS = (permissions.READ, permissions.READ_OWN)
_PUBLIC_FIELDS = {"id", "full_name", "version", "created_at", *rules.FIELDS}
_DESK_ONLY = {"admin_note"}


class PatientQuery(ListQuery):
    search: str = Field("", max_length=100)


class PatientChanges(Body):
    """Any of a person's details; ``version`` is an optimistic lock: the change is refused when it is outdated."""

    given_names: str = Field("", max_length=200)
    paternal_surname: str = Field("", max_length=200)
    maternal_surname: str = Field("", max_length=200)
    document_type: str = "DNI"
    document_number: str | None = Field(None, max_length=40)
    birth_date: Day | None = None
    sex: str = ""
    phone: str = Field("", max_length=40)
    other_phone: str = Field("", max_length=40)
    email: str = Field("", max_length=254)
    occupation: str = ""
    address: str = ""
    ubigeo: str | None = None
    emergency_name: str = ""
    emergency_phone: str = Field("", max_length=40)
    admin_note: str = ""
    version: int | None = None

    def details(self, before: rules.Details | None = None) -> rules.Details:
        """The details sent, over those of ``before`` where one is given."""
        sent = self.model_dump(include=set(rules.FIELDS), exclude_unset=before is not None)
        return replace(before, **sent) if before else rules.Details(**sent)


class NewPatient(PatientChanges):
    """``allow_duplicate`` registers a person although somebody who is known seems to be the same."""

    allow_duplicate: bool = False


class Registration(Body):
    """Body of a self-registration."""

    given_names: str = Field(validation_alias=AliasChoices("given_names", "first_name"), max_length=200)
    paternal_surname: str = Field(validation_alias=AliasChoices("paternal_surname", "last_name"), max_length=200)
    maternal_surname: str = Field("", max_length=200)
    email: str = Field(max_length=254)
    phone: str = Field("", max_length=40)
    document_type: str = "DNI"
    document_number: str | None = Field(None, max_length=40)
    birth_date: Day | None = None
    has_consented: bool = Field(False, description="To the treatment of their data (Ley 29733); the instant is kept.")
    password: AsTyped = Field(min_length=1, max_length=128)

    def details(self) -> rules.Details:
        return rules.Details(**self.model_dump(exclude={"password", "has_consented"}))


def patient_json(person: Mapping[str, Any], *, desk: bool) -> dict[str, Any]:
    """One person; the desk's note is the staff's alone."""
    hidden = set() if desk else _DESK_ONLY
    return {
        **{name: value for name, value in person.items() if name in _PUBLIC_FIELDS - hidden},
        "district": queries.district_of(person) or None,
        "age": rules.age(person["birth_date"], rules.today(cycle.now())),
    }


@api.get("/api/patients/", requires=READERS, query=PatientQuery, endpoint="list", answers=Page[FoundPatientResource])
def index(query: PatientQuery) -> dict[str, Any]:
    """Search by name, document or phone: every word, in any order, accents or not."""
    found = queries.page(
        query.search, actor=cycle.actor(), number=query.page, size=query.page_size, ordering=query.ordering
    )
    cycle.note_reading("patient", action="searched")
    return envelope(found.rows, found.count, query.page, query.page_size)


@api.post("/api/patients/", requires=permissions.REGISTER, body=NewPatient, answers=PatientResource, status=201)
def create(body: NewPatient) -> dict[str, Any]:
    """Register a person; 409 ``POSSIBLE_DUPLICATE`` with the ``candidates`` when they seem to be known."""
    return _one(
        actions.register_patient(
            body.details(),
            clinic_id=cycle.clinic_id(permissions.REGISTER),
            allow_duplicate=body.allow_duplicate,
            actor=cycle.actor(),
            now=cycle.now(),
        )
    )


@api.get("/api/patients/<int:patient_id>/", requires=READERS, answers=PatientResource)
def read(patient_id: int) -> dict[str, Any]:
    """One person; patients read themselves."""
    return _read(patient_id)


@api.get("/api/users/patients/<int:patient_id>/", requires=READERS, answers=PatientResource)
def profile(patient_id: int) -> dict[str, Any]:
    """The same under the users, where some clients look for it."""
    return _read(patient_id)


def _read(patient_id: int) -> dict[str, Any]:
    found = _one(patient_id)
    cycle.note_reading("patient", patient_id, patient_id=patient_id)
    return found


@api.patch("/api/patients/<int:patient_id>/", requires=permissions.UPDATE, body=PatientChanges, answers=PatientResource)
def change(patient_id: int, body: PatientChanges) -> dict[str, Any]:
    """Change the details sent, leave the others."""
    return _update(patient_id, body, keep=True)


@api.put(
    "/api/patients/<int:patient_id>/",
    requires=permissions.UPDATE,
    body=PatientChanges,
    endpoint="replace",
    answers=PatientResource,
)
def put(patient_id: int, body: PatientChanges) -> dict[str, Any]:
    """Replace all details."""
    return _update(patient_id, body, keep=False)


def _update(patient_id: int, body: PatientChanges, *, keep: bool) -> dict[str, Any]:
    person = queries.get(patient_id, actor=cycle.actor())
    details = body.details(queries.details(person) if keep else None)
    version = person["version"] if body.version is None else body.version
    actions.update_patient(patient_id, details, version=version, actor=cycle.actor(), now=cycle.now())
    return _one(patient_id)


def _one(patient_id: int) -> dict[str, Any]:
    actor = cycle.actor()
    return patient_json(queries.get(patient_id, actor=actor), desk=bool(actor.clinics_with(permissions.READ)))


def _prepare(body: Registration) -> dict[str, Any]:
    return prepare_registration(body.details(), body.password)


@api.post(
    "/api/auth/register/",
    public="patients register themselves",
    body=Registration,
    status=201,
    prepare=_prepare,
    repeatable=True,
)
def register(body: Registration, password_hash: str) -> dict[str, Any]:
    """Register oneself; the answer is the same whether or not the address had an account."""
    actions.register_self(
        body.details(),
        password_hash=password_hash,
        has_consented=body.has_consented,
        address=request.remote_addr or "",
        now=cycle.now(),
    )
    return {"success": True, "message": _("Registro recibido. Ya puede ingresar con su correo y su contraseña.")}


BLUEPRINTS = (api,)
