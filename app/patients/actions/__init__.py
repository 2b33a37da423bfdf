"""Writes: register at the desk or by oneself, change, archive and restore."""

import zlib
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.clinics import queries as clinics
from app.clinics.profiles import therapist_id_of
from app.clinics.queries import ubigeo
from app.identity import actions as identity
from app.identity.actions import attempts
from app.identity.rules import check_password
from app.kernel import outbox
from app.kernel.access import Actor, can, can_anywhere, require, require_anywhere
from app.kernel.db import changed, db, insert, lock
from app.kernel.errors import Conflict, Invalid
from app.kernel.events import Event
from app.kernel.i18n import N_
from app.notifications import actions as notifications
from app.patients import events, permissions, queries, rules
from app.patients.actions import care, duplicates
from app.patients.models import Patient
from app.tenancy import queries as tenancy

REGISTRATION = "registration"  # source of the care relation of who registered the patient
MAX_REGISTRATIONS = 20  # per IP address in 15 minutes: families and clinics share one address


class PatientExists(Conflict):
    """The document is registered already; ``details`` names the patient if the actor may see them."""

    code = "PATIENT_EXISTS"
    message = N_("Este documento ya está registrado.")
    of_others = N_("Este documento ya está registrado y no es paciente suyo. Pida a recepción que reserve la cita.")


class ProbablyKnown(Conflict):
    """Somebody who is known seems to be the person; ``details["candidates"]`` are those whom the actor may find."""

    code = "POSSIBLE_DUPLICATE"
    message = N_("Parece que esta persona ya tiene ficha. Elíjala, o confirme que es otra persona.")


class StalePatient(Conflict):
    """Optimistic lock: the patient was changed since the form was opened; nothing was overwritten."""

    code = "STALE_VERSION"
    message = N_("Otra persona cambió estos datos mientras usted los editaba. Revise los actuales y vuelva a intentar.")


def register_patient(
    details: rules.Details, *, clinic_id: int, allow_duplicate: bool = False, actor: Actor, now: datetime
) -> int:
    """Register a person in the actor's organization and return their id.

    Who seems to be known already is asked about first (ProbablyKnown), unless ``allow_duplicate``.

    A therapist who does not find everybody treats from now on whom they register, also when a booking is cancelled.
    Where the clinics share no register, the desk that knows the whole document of another clinic's patient finds them
    from now on; their details stay as they are. Raises Invalid with every wrong field, PatientExists for a known
    document.
    """
    require(actor, permissions.REGISTER, clinic_id)
    clean = validated(details, actor=actor, now=now)
    if not allow_duplicate:
        _ask_about_duplicates(clean, actor)
    values = {"organization_id": actor.organization_id, "created_by": actor.user_id, **row_values(clean)}
    statement = insert(Patient).values(**values, version=1, created_at=now)
    patient_id = db.session.scalar(statement.on_conflict_do_nothing().returning(Patient.id))
    if patient_id is None:
        return _admit(clean, clinic_id, actor=actor, now=now)
    care.add_to_clinic(patient_id, clinic_id, REGISTRATION, now=now)
    _record(events.PatientRegistered(patient_id, origin="desk"), patient_id, actor=actor, now=now)
    therapist_id = therapist_id_of(actor)
    if therapist_id is not None and not can_anywhere(actor, permissions.READ_ALL):
        relation = care.Care(patient_id, therapist_id, clinic_id=None, source=REGISTRATION)
        care.start_relation(relation, actor=actor, now=now)
    return int(patient_id)


def _admit(clean: rules.Details, clinic_id: int, *, actor: Actor, now: datetime) -> int:
    """Add another clinic's patient to the clinic of a desk that knows their document. Raises PatientExists."""
    patient_id = None
    if can(actor, permissions.READ_ALL, clinic_id):
        patient_id = queries.found_by_document_only(clean.document_type, clean.document_number or "", actor=actor)
    if patient_id is None:
        raise _exists(clean, actor)
    care.add_to_clinic(patient_id, clinic_id, "document", now=now)
    _record(events.PatientAdmitted(patient_id, clinic_id), patient_id, actor=actor, now=now)
    return patient_id


def _ask_about_duplicates(clean: rules.Details, actor: Actor) -> None:
    found = queries.probable_duplicates(clean, actor=actor)
    document = (clean.document_type, clean.document_number)
    has_document = any((person["document_type"], person["document_number"]) == document for person in found)
    if found and not (clean.document_number and has_document):  # a known document decides by itself
        raise ProbablyKnown(details={"candidates": [_candidate(person) for person in found]})


def _candidate(person: dict[str, Any]) -> dict[str, Any]:
    shown = ("id", "full_name", "document_type", "document_number", "phone")
    born = person["birth_date"]
    return {**{name: person[name] for name in shown}, "birth_date": born.isoformat() if born else None}


def update_patient(patient_id: int, details: rules.Details, *, version: int, actor: Actor, now: datetime) -> None:
    """Replace a person's details as they were at ``version``; the same again is a no-op.

    Raises NotFound, Invalid, StalePatient, PatientExists.
    """
    require_anywhere(actor, permissions.UPDATE)
    before = queries.get(patient_id, actor=actor)
    patient_id = before["id"]  # of the survivor when the record was merged
    if before["version"] != version:
        raise StalePatient
    clean = validated(details, actor=actor, now=now)
    fields = [name for name in rules.FIELDS if getattr(clean, name) != before[name]]
    if not fields:
        return
    same = (Patient.id == patient_id, Patient.version == version)
    statement = update(Patient).where(*same).values(**row_values(clean), version=version + 1)
    try:
        with db.session.begin_nested():  # savepoint: on PostgreSQL a constraint error aborts the whole transaction
            if not changed(db.session.execute(statement)):
                raise StalePatient
    except IntegrityError as error:
        raise _exists(clean, actor) from error
    _record(events.PatientUpdated(patient_id, fields=fields), patient_id, actor=actor, now=now)


def archive_patient(patient_id: int, *, actor: Actor, now: datetime) -> None:
    """Exclude a patient from searches; nothing is deleted. Raises NotFound.

    Upcoming appointments are checked before by ``timeline.actions``, which may import the packages above.
    """
    require_anywhere(actor, permissions.ARCHIVE)
    patient_id = queries.get(patient_id, actor=actor)["id"]
    if _set_deleted(patient_id, now):
        _record(events.PatientArchived(patient_id), patient_id, actor=actor, now=now)


def restore_patient(patient_id: int, *, actor: Actor, now: datetime) -> None:
    """Undo ``archive_patient``. Raises NotFound."""
    require_anywhere(actor, permissions.ARCHIVE)
    patient_id = queries.get(patient_id, actor=actor)["id"]
    if _set_deleted(patient_id, None):
        _record(events.PatientRestored(patient_id), patient_id, actor=actor, now=now)


def check_registration(details: rules.Details, *, password: str, address: str, now: datetime) -> None:
    """Whether a registration may be tried: what is refused here costs no password's hash. Only reads.

    Raises Invalid, WeakPassword, RateLimited.
    """
    attempts.check_visits("registration", address=address, max_visits=MAX_REGISTRATIONS, now=now)
    clean = validated(details, actor=None, now=now)
    if not clean.email:
        raise Invalid({"email": N_("Escriba su correo.")})
    clinic = tenancy.names_of(tenancy.home_organization())
    check_password(password, words=(clean.email, clean.full_name, *clinic))


def register_self(
    details: rules.Details, *, password_hash: str, has_consented: bool, address: str, now: datetime
) -> None:
    """Self-registration: creates a patient and their account in one transaction.

    ``password_hash`` is made before it, of what ``check_registration`` accepted, so that a known e-mail takes as long
    as a new one: for a known one nothing is created and its owner gets a mail. Whoever seems to be a
    patient already gets a record of their own, without a document that is taken, and the desk a proposal: the answer
    never tells. Raises RateLimited.
    """
    attempts.record_visit("registration", address=address, max_visits=MAX_REGISTRATIONS, now=now)
    clean = validated(details, actor=None, now=now)
    if not clean.email:
        raise Invalid({"email": N_("Escriba su correo.")})
    lock(
        "registration", zlib.crc32(clean.email.encode()) - 2**31
    )  # of two simultaneous requests the second finds the account
    account = queries.account_of(clean.email)
    if account is None:
        _open_account(clean, password_hash, has_consented, now)
    else:
        _notify_owner(account, clean.email, now)


def _open_account(clean: rules.Details, password_hash: str, has_consented: bool, now: datetime) -> None:
    organization_id = tenancy.home_organization()
    user_id = identity.create_user(
        organization_id=organization_id,
        email=clean.email,
        full_name=f"{clean.given_names} {clean.paternal_surname}",
        password_hash=password_hash,
        actor=None,
        now=now,
    )
    lock("registration-document", zlib.crc32((clean.document_number or "").encode()) - 2**31)
    similar = queries.duplicates_in(organization_id, clean)
    number = None if queries.has_document(organization_id, clean) else clean.document_number
    clean = replace(clean, document_number=number)
    values = {**row_values(clean), "user_id": user_id, "consented_at": now if has_consented else None}
    statement = insert(Patient).values(organization_id=organization_id, **values, version=1, created_at=now)
    patient_id = int(db.session.execute(statement.returning(Patient.id)).scalar_one())
    _record(
        events.PatientRegistered(patient_id, origin="self"),
        patient_id,
        actor=None,
        now=now,
        organization_id=organization_id,
    )
    duplicates.propose(patient_id, [p["id"] for p in similar], organization_id=organization_id, now=now)


def _notify_owner(user_id: int, address: str, now: datetime) -> None:
    text = _(
        "Alguien pidió una cuenta en MediConnect con este correo, que ya tiene una. Si fue usted, ingrese con su"
        " contraseña de siempre. Si no fue usted, no tiene que hacer nada: no cambió nada."
    )
    notifications.deliver(
        key=f"registration:{user_id}:{now:%Y-%m-%d}",  # one mail a day, however many attempts
        kind="registration_repeated",
        address=address,
        subject=_("Usted ya tiene una cuenta en MediConnect"),
        text=text,
        clinic_id=None,
        patient_id=None,
        subject_id=user_id,
        now=now,
    )


def validated(details: rules.Details, *, actor: Actor | None, now: datetime) -> rules.Details:
    """The details as they are stored; local telephone numbers get the area code of the actor's clinics.

    Raises Invalid with every wrong field.
    """
    area_code = ""
    if actor is not None and rules.has_local_phone(details):
        area_code = clinics.area_code(actor.clinics_with(permissions.READ))
    clean = rules.normalize(details, today=rules.today(now), area_code=area_code)
    if clean.ubigeo and ubigeo.find(clean.ubigeo) is None:
        raise Invalid({"ubigeo": N_("Elija el distrito de la lista.")})
    return clean


def row_values(clean: rules.Details) -> dict[str, Any]:
    """The columns of validated details."""
    columns = {name: getattr(clean, name) for name in rules.FIELDS}
    return {**columns, "full_name": clean.full_name, "search_text": clean.search_text}


def _exists(clean: rules.Details, actor: Actor) -> PatientExists:
    person = queries.by_document(clean.document_type, clean.document_number or "", actor=actor)
    if person is None:
        return PatientExists(PatientExists.of_others)
    if person["deleted_at"] is not None:
        archived = N_("Este documento es de una ficha archivada. Quien supervisa puede restaurarla.")
        may_see = can_anywhere(actor, permissions.ARCHIVE)
        return PatientExists(archived, details={"patient_id": person["id"]} if may_see else {})
    return PatientExists(details={"patient_id": person["id"], "full_name": person["full_name"]})


def _set_deleted(patient_id: int, at: datetime | None) -> bool:
    other = Patient.deleted_at.is_(None) if at else Patient.deleted_at.is_not(None)
    return bool(
        changed(db.session.execute(update(Patient).where(Patient.id == patient_id, other).values(deleted_at=at)))
    )


def _record(
    event: Event, patient_id: int, *, actor: Actor | None, now: datetime, organization_id: int | None = None
) -> None:
    outbox.record(
        event,
        actor=actor,
        now=now,
        organization_id=organization_id,
        clinic_id=None,
        subject_id=patient_id,
        patient_id=patient_id,
    )
