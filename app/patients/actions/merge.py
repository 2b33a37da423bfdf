"""Writes: two records of one person become one, and apart again.

The survivor keeps its id and gets the chosen details; the other is left as a pointer (``merged_into_id``). What other
packages keep of it moves by their ``merging.py``; what moved is recorded, so that it can be put back.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from app.kernel import merging, outbox
from app.kernel.access import Actor, require_anywhere
from app.kernel.db import changed, db, lock
from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.events import Event
from app.kernel.i18n import N_
from app.patients import actions, events, permissions, queries, rules
from app.patients.models import Patient, PatientMerge, PossibleDuplicate

KIND = "patient"


class BothHaveAccounts(Conflict):
    code = "BOTH_HAVE_ACCOUNTS"
    message = N_("Las dos fichas tienen una cuenta para ingresar, y una persona tiene una sola. Pida cerrar una antes.")


class NotSeparable(Conflict):
    code = "NOT_SEPARABLE"
    message = N_("Ya no se pueden separar: la ficha cambió desde entonces. Nada cambió; revise documento y uniones.")


def merge_patients(
    survivor_id: int,
    loser_id: int,
    chosen: rules.Details,
    *,
    versions: tuple[int, int],
    actor: Actor,
    now: datetime,
) -> int:
    """Make the loser's record the survivor's, with the ``chosen`` details; the id of the merge.

    ``versions`` are those that were compared, of survivor and loser. Raises NotFound, Invalid, StalePatient,
    BothHaveAccounts and the conflicts of the packages (visits at the same time); nothing has changed then.
    """
    require_anywhere(actor, permissions.MERGE)
    for patient_id in sorted((survivor_id, loser_id)):
        lock("patient-merge", patient_id)
    survivor, loser = _record_of(survivor_id, actor), _record_of(loser_id, actor)
    if survivor_id == loser_id:
        raise Invalid({"patient_id": N_("Elija otra ficha: es la misma.")})
    if (survivor["version"], loser["version"]) != versions:
        raise actions.StalePatient
    if survivor["user_id"] and loser["user_id"]:
        raise BothHaveAccounts
    clean = actions.validated(chosen, actor=actor, now=now)
    moved = merging.move(KIND, loser_id, survivor_id, actor=actor, now=now)
    leave = {"document_number": None, "user_id": None, "deleted_at": now, "merged_into_id": survivor_id}
    _update(loser_id, leave)
    _update(survivor_id, {**actions.row_values(clean), "user_id": survivor["user_id"] or loser["user_id"]})
    merge = PatientMerge(
        organization_id=actor.organization_id,
        survivor_id=survivor_id,
        loser_id=loser_id,
        merged_at=now,
        merged_by=actor.user_id,
        before={"survivor": _kept(survivor), "loser": _kept(loser)},
        chosen=_plain({name: getattr(clean, name) for name in rules.FIELDS}),
        moved=moved,
    )
    db.session.add(merge)
    db.session.flush()  # for the primary key
    _settle_proposals(loser_id, actor=actor, now=now)
    _tell(events.PatientsMerged(survivor_id, loser_id, merge.id), survivor_id, actor=actor, now=now)
    return merge.id


def separate_patients(merge_id: int, *, actor: Actor, now: datetime) -> int:
    """Undo a merge: each row that was moved goes back, what came since stays; the id of the restored record.

    A detail of the survivor goes back unless it was changed since. Raises NotFound, NotSeparable.
    """
    require_anywhere(actor, permissions.MERGE)
    merge = db.session.get(PatientMerge, merge_id, with_for_update=True)
    if merge is None or merge.organization_id != actor.organization_id or merge.undone_at is not None:
        raise NotFound
    survivor = queries.get(merge.survivor_id, actor=actor)
    if survivor["id"] != merge.survivor_id or survivor["deleted_at"] is not None:
        raise NotSeparable
    merge.undone_at, merge.undone_by = now, actor.user_id
    db.session.flush()
    merging.put_back(KIND, merge.moved, merge.loser_id, merge.survivor_id, actor=actor, now=now)
    before, loser = merge.before["survivor"], merge.before["loser"]
    present = _kept(survivor)
    restored = _typed({n: before[n] if present[n] == merge.chosen[n] else present[n] for n in rules.FIELDS})
    account_moved = loser["user_id"] is not None and survivor["user_id"] == loser["user_id"]
    try:
        with db.session.begin_nested():  # savepoint: on PostgreSQL a constraint error aborts the whole transaction
            _update(merge.survivor_id, actions.row_values(restored) | ({"user_id": None} if account_moved else {}))
            back = {"document_number": loser["document_number"], "deleted_at": None, "merged_into_id": None}
            _update(merge.loser_id, back | ({"user_id": loser["user_id"]} if account_moved else {}))
    except IntegrityError as error:
        raise NotSeparable from error
    event = events.PatientsSeparated(merge.survivor_id, merge.loser_id, merge.id)
    _tell(event, merge.survivor_id, actor=actor, now=now)
    return merge.loser_id


def _record_of(patient_id: int, actor: Actor) -> dict[str, Any]:
    """A record that is neither archived nor merged. Raises NotFound."""
    person = queries.get(patient_id, actor=actor)
    if person["id"] != patient_id or person["deleted_at"] is not None:
        raise NotFound
    return person


def _update(patient_id: int, values: dict[str, Any]) -> None:
    statement = update(Patient).where(Patient.id == patient_id).values(**values, version=Patient.version + 1)
    if not changed(db.session.execute(statement, execution_options={"synchronize_session": False})):
        raise NotFound


def _kept(person: dict[str, Any]) -> dict[str, Any]:
    return _plain({name: person[name] for name in (*rules.FIELDS, "user_id")})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON keeps them."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _typed(plain: dict[str, Any]) -> rules.Details:
    born = plain["birth_date"]
    return rules.Details(**{**plain, "birth_date": date.fromisoformat(born) if born else None})


def _settle_proposals(loser_id: int, *, actor: Actor, now: datetime) -> None:
    pair = PossibleDuplicate
    about = or_(pair.patient_id == loser_id, pair.other_id == loser_id)
    statement = update(pair).where(about, pair.settled_at.is_(None))
    db.session.execute(statement.values(settled_at=now, settled_by=actor.user_id))


def _tell(event: Event, patient_id: int, *, actor: Actor, now: datetime) -> None:
    outbox.record(event, actor=actor, now=now, clinic_id=None, subject_id=patient_id, patient_id=patient_id)
