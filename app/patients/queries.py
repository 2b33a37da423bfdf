"""Reads: search, one person, the same person by document. Each takes the actor and shows their people only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, column, false, func, or_, select, table
from sqlalchemy.sql.elements import ColumnElement

from app.clinics.models import Organization, Ubigeo
from app.identity.models import User
from app.kernel.access import Actor, can
from app.kernel.db import UtcDateTime, db
from app.kernel.errors import Invalid, NotFound
from app.kernel.words import N_
from app.patients import permissions, rules
from app.patients.models import Patient

# scheduling stands above; whose patient somebody is can be read from its table all the same
_APPOINTMENT = table(
    "appointment", column("patient_id"), column("therapist_id"), column("status"), column("starts_at", UtcDateTime)
)
_AHEAD = ("proposed", "pending", "booked", "arrived", "checked-in")

_ROW = (
    Patient.id,
    Patient.full_name,
    Patient.given_names,
    Patient.paternal_surname,
    Patient.maternal_surname,
    Patient.document_type,
    Patient.document_number,
    Patient.birth_date,
    Patient.sex,
    Patient.phone,
    Patient.email,
)
_CARD = (
    Patient.id,
    Patient.full_name,
    *(getattr(Patient, name) for name in rules.FIELDS),
    Patient.version,
    Patient.created_at,
    Patient.deleted_at,
    Ubigeo.district,
    Ubigeo.province,
    Ubigeo.region,
)
ORDERINGS: Mapping[str, ColumnElement[Any]] = {
    "full_name": Patient.search_text.expression,
    "birth_date": Patient.birth_date.expression,
    "created_at": Patient.created_at.expression,
    "id": Patient.id.expression,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search and how many there are in all."""

    rows: list[dict[str, Any]]
    count: int


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Whom an actor may find: the organization, their own patients, or themselves."""
    organization = Patient.organization_id == actor.organization_id
    if can(actor, permissions.READ_ALL):
        return organization
    themselves = Patient.id == (actor.patient_id or 0)
    if not can(actor, permissions.READ):
        return and_(organization, themselves)
    treated = select(_APPOINTMENT.c.patient_id).where(_APPOINTMENT.c.therapist_id == (actor.therapist_id or 0))
    return and_(organization, or_(themselves, Patient.id.in_(treated)))


def search(text: str, *, actor: Actor, limit: int = 20) -> list[dict[str, Any]]:
    """The people whose names, document or phones begin with every word of ``text``, in any order.

    Accents and capitals do not matter; names that begin with the first word come first. Without text,
    everybody by name.
    """
    return _rows(_search(text, actor, None).limit(limit))


def page(text: str, *, actor: Actor, number: int = 1, size: int = 20, ordering: str | None = None) -> Found:
    """A page of ``search``: one query, and a second for the count only when there is a further page.

    Raises Invalid for an unknown ordering.
    """
    offset = (number - 1) * size
    rows = _rows(_search(text, actor, ordering).limit(size + 1).offset(offset))
    if len(rows) <= size and (rows or number == 1):
        return Found(rows, offset + len(rows))
    everybody = select(func.count()).select_from(Patient).where(*_conditions(rules.sought(text), text, actor))
    return Found(rows[:size], db.session.scalar(everybody) or 0)


def _rows(statement: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in db.session.execute(statement).mappings()]


def _search(text: str, actor: Actor, ordering: str | None) -> Select[Any]:
    wanted = rules.sought(text)
    statement = select(*_ROW).where(*_conditions(wanted, text, actor))
    if ordering is not None:
        by = ORDERINGS.get(ordering.removeprefix("-"))
        if by is None:
            raise Invalid({"ordering": N_("Este orden no existe.")})
        return statement.order_by(by.desc() if ordering.startswith("-") else by.asc(), Patient.id)
    if wanted:
        begins = Patient.search_text.startswith(f" {wanted[0]}", autoescape=True)
        statement = statement.order_by(case((begins, 0), else_=1))
    return statement.order_by(Patient.search_text, Patient.id)


def _conditions(wanted: list[str], text: str, actor: Actor) -> list[ColumnElement[bool]]:
    if text.strip() and not wanted:
        return [false()]  # "%" is no word: it finds nobody, not everybody
    matches = (Patient.search_text.contains(f" {word}", autoescape=True) for word in wanted)
    return [visible_to(actor), Patient.deleted_at.is_(None), *matches]


def get(patient_id: int, *, actor: Actor) -> dict[str, Any]:
    """Everything kept of one person, with the names of the district. Raises NotFound.

    Archived people are there for those who may restore them.
    """
    conditions = [Patient.id == patient_id, visible_to(actor)]
    if not can(actor, permissions.ARCHIVE):
        conditions.append(Patient.deleted_at.is_(None))
    statement = select(*_CARD).outerjoin(Ubigeo, Ubigeo.code == Patient.ubigeo).where(*conditions)
    row = db.session.execute(statement).mappings().first()
    if row is None:
        raise NotFound
    return dict(row)


def details(person: Mapping[str, Any]) -> rules.Details:
    """The part of ``get`` that can be changed."""
    return rules.Details(**{name: person[name] for name in rules.FIELDS})


def district_of(person: Mapping[str, Any]) -> str:
    """``Miraflores, Lima, Lima``, or nothing."""
    return f"{person['district']}, {person['province']}, {person['region']}" if person["ubigeo"] else ""


def by_document(kind: str, number: str, *, actor: Actor) -> dict[str, Any] | None:
    """The person with a document, archived or not; None when there is none that the actor may see."""
    statement = select(*_ROW, Patient.deleted_at).where(
        visible_to(actor), Patient.document_type == kind, Patient.document_number == number
    )
    row = db.session.execute(statement).mappings().first()
    return dict(row) if row else None


def has_visits_ahead(patient_id: int, *, now: datetime) -> bool:
    """Whether the person has visits that are still to come."""
    visit = _APPOINTMENT.c
    ahead = (visit.patient_id == patient_id, visit.status.in_(_AHEAD), visit.starts_at > now)
    return db.session.scalar(select(visit.patient_id).where(*ahead).limit(1)) is not None


def account_of(email: str) -> int | None:
    """The user with an address; for the registration alone, whose answers do not show it."""
    return db.session.scalar(select(User.id).where(User.email == email))


def home_organization() -> int:
    """Where people register themselves: the organization this installation was made for."""
    return db.session.scalars(select(func.min(Organization.id))).one()
