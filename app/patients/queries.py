"""Reads: search, one person, the same person by document. Each takes the actor and shows their people only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, Row, Select, String, and_, bindparam, case, false, func, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from app.clinics.models import Therapist, Ubigeo
from app.clinics.profiles import therapist_id_of
from app.identity.models import User
from app.kernel.access import Actor, can_anywhere, require_anywhere
from app.kernel.db import db
from app.kernel.errors import Invalid, NotFound
from app.kernel.i18n import N_
from app.patients import permissions, rules
from app.patients.models import CareRelation, Patient, PatientClinic, PatientMerge, PossibleDuplicate
from app.patients.profiles import patient_id_of
from app.patients.rules import duplicates, names
from app.patients.rules import search as finding
from app.tenancy.models import Organization

PEOPLE = Patient.__table__.c
OTHERS = Patient.__table__.alias("other")

_ROW = (
    PEOPLE.id,
    PEOPLE.full_name,
    PEOPLE.given_names,
    PEOPLE.paternal_surname,
    PEOPLE.maternal_surname,
    PEOPLE.document_type,
    PEOPLE.document_number,
    PEOPLE.birth_date,
    PEOPLE.sex,
    PEOPLE.phone,
    PEOPLE.email,
)
_CARD = (
    PEOPLE.id,
    PEOPLE.full_name,
    *(PEOPLE[name] for name in rules.FIELDS),
    PEOPLE.version,
    PEOPLE.created_at,
    PEOPLE.deleted_at,
    PEOPLE.merged_into_id,
    PEOPLE.user_id,
    Ubigeo.district,
    Ubigeo.province,
    Ubigeo.region,
)
ORDERINGS = {
    name: PEOPLE["search_text" if name == "full_name" else name]
    for name in ("full_name", "birth_date", "created_at", "id")
}

_organization = PEOPLE.organization_id == bindparam("organization_id", type_=Integer)
_themselves = PEOPLE.id == bindparam("own_patient_id", type_=Integer)
_treated = select(CareRelation.patient_id).where(
    CareRelation.therapist_id == bindparam("own_therapist_id", type_=Integer), CareRelation.ended_at.is_(None)
)
_shared = select(Organization.shares_patients).where(Organization.id == bindparam("organization_id", type_=Integer))
_of_clinics = select(PatientClinic.patient_id).where(
    PatientClinic.clinic_id.in_(bindparam("desk_clinics", expanding=True, type_=Integer))
)
_of_no_clinic = ~select(PatientClinic.patient_id).where(PatientClinic.patient_id == PEOPLE.id).exists()
# Whom an actor may find: the one scope for searches, pages, pickers, registrations and bookings. Statements are built
# once per scope and take the actor as parameters (``scope_values``).
SCOPES: dict[str, ColumnElement[bool]] = {
    "all": _organization,
    "organization": and_(
        _organization,
        or_(
            _shared.scalar_subquery(),
            _themselves,
            PEOPLE.id.in_(_of_clinics),
            PEOPLE.id.in_(_treated),
            _of_no_clinic,  # registered themselves and were nowhere yet
        ),
    ),
    "treated": and_(_organization, or_(_themselves, PEOPLE.id.in_(_treated))),
    "own": and_(_organization, _themselves),
}


def scope_of(actor: Actor) -> str:
    """The key of ``SCOPES`` that limits an actor: the desk finds everybody, or those of its clinics where they
    share no register (D39); therapists whom they treat or registered; patients themselves."""
    if actor.is_system:
        return "all"
    if can_anywhere(actor, permissions.READ_ALL):
        return "organization"
    return "treated" if can_anywhere(actor, permissions.READ) else "own"


def scope_values(actor: Actor) -> dict[str, Any]:
    """The parameters of the conditions in ``SCOPES``."""
    return {
        "organization_id": actor.organization_id,
        "own_patient_id": patient_id_of(actor) or 0,
        "own_therapist_id": therapist_id_of(actor) or 0,
        "desk_clinics": list(actor.clinics_with(permissions.READ_ALL)),
    }


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search and how many there are in all."""

    rows: list[dict[str, Any]]
    count: int


def search(text: str, *, actor: Actor, limit: int = 20) -> list[dict[str, Any]]:
    """The people whose names, document or phones begin with every word of ``text``, in any order.

    A number is found by its end too. Accents and capitals do not matter; names that begin with the first word come
    first. Without text, everybody by name.
    """
    return _rows(text, actor, size=limit)


def page(text: str, *, actor: Actor, number: int = 1, size: int = 20, ordering: str | None = None) -> Found:
    """A page of ``search``: one query, and a second for the count only when there is a further page.

    Raises Invalid for an unknown ordering.
    """
    skip = (number - 1) * size
    rows = _rows(text, actor, size=size + 1, skip=skip, ordering=ordering)
    if len(rows) <= size and (rows or number == 1):
        return Found(rows, skip + len(rows))
    terms = finding.terms(text)
    if text.strip() and not terms:
        return Found([], 0)
    kinds, values = _kinds(terms), scope_values(actor) | _patterns(terms)
    count = db.session.execute(_count(scope_of(actor), kinds), values).scalar_one()
    return Found(rows[:size], count)


def _rows(text: str, actor: Actor, *, size: int, skip: int = 0, ordering: str | None = None) -> list[dict[str, Any]]:
    if ordering is not None and ordering.removeprefix("-") not in ORDERINGS:
        raise Invalid({"ordering": N_("Este orden no existe. Elija entre: %(names)s.")}, names=", ".join(ORDERINGS))
    terms = finding.terms(text)
    if text.strip() and not terms:
        return []  # a search without letters or digits ("%") matches no patient instead of all
    values = scope_values(actor) | _patterns(terms) | {"size": size, "skip": skip}
    found = db.session.execute(_search(scope_of(actor), _kinds(terms), ordering), values)
    return [dict(row) for row in found.mappings()]


def matches(text: str) -> ColumnElement[bool]:
    """The condition by which upper packages find rows of people: that of ``search``, without its scope."""
    terms = finding.terms(text)
    return and_(*(or_(*map(Patient.search_text.like, finding.patterns(term))) for term in terms)) if terms else false()


def _kinds(terms: list[str]) -> tuple[int, ...]:
    """How many patterns each term has: statements are built once for each such shape."""
    return tuple(len(finding.patterns(term)) for term in terms)


def _patterns(terms: list[str]) -> dict[str, str]:
    """Parameters of LIKE."""
    values = {"begins": f" {terms[0]}%" if terms else ""}
    for n, term in enumerate(terms):
        values |= {f"word{n}_{i}": pattern for i, pattern in enumerate(finding.patterns(term))}
    return values


def _like(name: str) -> ColumnElement[bool]:
    return PEOPLE.search_text.like(bindparam(name, type_=String))


def _conditions(scope: str, kinds: tuple[int, ...]) -> list[ColumnElement[bool]]:
    found = (or_(*(_like(f"word{n}_{i}") for i in range(patterns))) for n, patterns in enumerate(kinds))
    return [SCOPES[scope], PEOPLE.deleted_at.is_(None), *found]


@lru_cache(maxsize=256)
def _search(scope: str, kinds: tuple[int, ...], ordering: str | None) -> Select[Any]:
    statement = select(*_ROW).where(*_conditions(scope, kinds))
    if ordering is not None:
        by = ORDERINGS[ordering.removeprefix("-")]
        statement = statement.order_by(by.desc() if ordering.startswith("-") else by.asc())
    elif kinds:
        statement = statement.order_by(case((_like("begins"), 0), else_=1), PEOPLE.search_text)
    else:
        statement = statement.order_by(PEOPLE.search_text)
    size, skip = bindparam("size", type_=Integer), bindparam("skip", type_=Integer)
    return statement.order_by(PEOPLE.id).limit(size).offset(skip)


@lru_cache(maxsize=64)
def _count(scope: str, kinds: tuple[int, ...]) -> Select[Any]:
    return select(func.count()).select_from(Patient.__table__).where(*_conditions(scope, kinds))


def get(patient_id: int, *, actor: Actor) -> dict[str, Any]:
    """Everything kept of one person, with the names of the district. Raises NotFound.

    The id of a record that was merged into another gives the other. Archived people are there for those who may
    restore them.
    """
    conditions = [PEOPLE.id == patient_id, SCOPES[scope_of(actor)]]
    if not can_anywhere(actor, permissions.ARCHIVE):
        conditions.append(PEOPLE.deleted_at.is_(None))
    statement = select(*_CARD).outerjoin(Ubigeo, Ubigeo.code == PEOPLE.ubigeo).where(*conditions)
    row = db.session.execute(statement, scope_values(actor)).mappings().first()
    if row is not None and row["merged_into_id"] is None:
        return dict(row)
    survivor_id = _merged_into(patient_id, actor)
    if survivor_id is None:
        raise NotFound
    return get(survivor_id, actor=actor)


def _merged_into(patient_id: int, actor: Actor) -> int | None:
    return db.session.scalar(
        select(PEOPLE.merged_into_id).where(PEOPLE.id == patient_id, PEOPLE.organization_id == actor.organization_id)
    )


def details(person: Mapping[str, Any]) -> rules.Details:
    """The editable fields of a row of ``get``."""
    return rules.Details(**{name: person[name] for name in rules.FIELDS})


def district_of(person: Mapping[str, Any]) -> str:
    """``Miraflores, Lima, Lima``, or nothing."""
    return f"{person['district']}, {person['province']}, {person['region']}" if person["ubigeo"] else ""


def by_document(kind: str, number: str, *, actor: Actor) -> dict[str, Any] | None:
    """The person with a document, archived or not; None when there is none that the actor may see."""
    statement = select(*_ROW, PEOPLE.deleted_at).where(
        SCOPES[scope_of(actor)], PEOPLE.document_type == kind, PEOPLE.document_number == number
    )
    row = db.session.execute(statement, scope_values(actor)).mappings().first()
    return dict(row) if row else None


def probable_duplicates(typed: rules.Details, *, actor: Actor) -> list[dict[str, Any]]:
    """The people whom the actor may find and who seem to be the one typed; with ``typed``'s own document too."""
    return _duplicates(typed, SCOPES[scope_of(actor)], scope_values(actor))


def duplicates_in(organization_id: int, typed: rules.Details) -> list[dict[str, Any]]:
    """``probable_duplicates`` in a whole organization. Without permission check: for registration only."""
    return _duplicates(typed, SCOPES["all"], {"organization_id": organization_id})


def _duplicates(typed: rules.Details, scope: ColumnElement[bool], values: dict[str, Any]) -> list[dict[str, Any]]:
    first_names = [names.words(name)[:1] for name in (typed.given_names, typed.paternal_surname)]
    similar = []
    if all(first_names):
        similar.append(and_(*(PEOPLE.search_text.like(f"% {first} %") for (first,) in first_names)))
    if typed.document_number:
        similar.append(PEOPLE.document_number == typed.document_number)
    if typed.birth_date and typed.phone:
        similar.append(and_(PEOPLE.birth_date == typed.birth_date, PEOPLE.phone == typed.phone))
    statement = select(*_ROW).where(scope, PEOPLE.deleted_at.is_(None), or_(false(), *similar)).order_by(PEOPLE.id)
    rows = map(dict, db.session.execute(statement, values).mappings())
    return [row for row in rows if _has_document(row, typed) or duplicates.is_probable(typed, row)]


def _has_document(row: Mapping[str, Any], typed: rules.Details) -> bool:
    document = (typed.document_type, typed.document_number)
    return bool(typed.document_number) and document == (row["document_type"], row["document_number"])


def has_document(organization_id: int, typed: rules.Details) -> bool:
    """Whether the document is registered, also of an archived person. Without permission check: for registration."""
    statement = select(PEOPLE.id).where(
        PEOPLE.organization_id == organization_id,
        PEOPLE.document_type == typed.document_type,
        PEOPLE.document_number == typed.document_number,
    )
    return typed.document_number is not None and db.session.scalar(statement) is not None


def open_duplicates(*, actor: Actor) -> list[dict[str, Any]]:
    """The pairs that nobody has looked at yet, the oldest first: ``{id, found_at, patient, other}``."""
    require_anywhere(actor, permissions.MERGE)
    pair, other = PossibleDuplicate, OTHERS
    statement = (
        select(pair.id, pair.found_at, *_ROW, *(other.c[column.name].label(f"other_{column.name}") for column in _ROW))
        .join(Patient, Patient.id == pair.patient_id)
        .join(other, other.c.id == pair.other_id)
        .where(pair.organization_id == actor.organization_id, pair.settled_at.is_(None))
        .where(PEOPLE.deleted_at.is_(None), other.c.deleted_at.is_(None))
        .order_by(pair.id)
    )
    return [_pair(row) for row in db.session.execute(statement)]


def _pair(row: Row[Any]) -> dict[str, Any]:
    columns = [column.name for column in _ROW]
    first, second = row[2 : 2 + len(columns)], row[2 + len(columns) :]
    people = {"patient": dict(zip(columns, first, strict=True)), "other": dict(zip(columns, second, strict=True))}
    return {"id": row[0], "found_at": row[1], **people}


def active_relations(patient_id: int, source: str) -> list[CareRelation]:
    """The care relations that hold by a source. Without permission check: for the package that maintains it."""
    relation = CareRelation
    return list(
        db.session.scalars(
            select(relation).where(
                relation.patient_id == patient_id, relation.source == source, relation.ended_at.is_(None)
            )
        )
    )


def common_relations(patient_id: int, other_id: int) -> set[int]:
    """The ids of a patient's care relations of which another patient has the like: same therapist and source."""
    mine, theirs = CareRelation, aliased(CareRelation)
    like = and_(theirs.therapist_id == mine.therapist_id, theirs.source == mine.source, theirs.patient_id == other_id)
    return set(db.session.scalars(select(mine.id).join(theirs, like).where(mine.patient_id == patient_id)))


def common_clinics(patient_id: int, other_id: int) -> set[int]:
    """The ids of a patient's clinics to which another patient belongs too."""
    mine, theirs = PatientClinic, aliased(PatientClinic)
    like = and_(theirs.clinic_id == mine.clinic_id, theirs.patient_id == other_id)
    return set(db.session.scalars(select(mine.id).join(theirs, like).where(mine.patient_id == patient_id)))


def merges_of(patient_id: int, *, actor: Actor) -> list[PatientMerge]:
    """The records that were merged into a patient and not separated again, the newest first."""
    require_anywhere(actor, permissions.MERGE)
    merge = PatientMerge
    return list(
        db.session.scalars(
            select(merge)
            .where(merge.survivor_id == patient_id, merge.organization_id == actor.organization_id)
            .where(merge.undone_at.is_(None))
            .order_by(merge.id.desc())
        )
    )


def users_of_patients(patient_ids: Sequence[int]) -> list[int]:
    """The user ids of patients. Without permission check: for live channels only."""
    return [
        user_id for user_id in db.session.scalars(select(Patient.user_id).where(Patient.id.in_(patient_ids))) if user_id
    ]


def found_by_document_only(kind: str, number: str, *, actor: Actor) -> int | None:
    """The patient with a document whom the actor does not find otherwise. For the desk's registration only."""
    statement = select(PEOPLE.id).where(
        SCOPES["all"],
        ~SCOPES[scope_of(actor)],
        PEOPLE.deleted_at.is_(None),
        PEOPLE.document_type == kind,
        PEOPLE.document_number == number,
    )
    return db.session.scalar(statement, scope_values(actor))


def users_of_therapist(therapist_id: int) -> list[int]:
    """The user ids of a therapist. Without permission check: for live channels only."""
    return list(
        db.session.scalars(
            select(Therapist.user_id).where(Therapist.id == therapist_id, Therapist.user_id.is_not(None))
        )
    )


def account_of(email: str) -> int | None:
    """The user with an e-mail address. Without permission check: for registration only."""
    return db.session.scalar(select(User.id).where(User.email == email))
