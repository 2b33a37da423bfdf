"""Two rows of one kind become one: what refers to the one is moved to the other, and can be put back.

A package declares which of its columns refer to such a row in the role file ``merging.py`` (``REFERENCES``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flask import Flask, current_app
from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.kernel.access import Actor
from app.kernel.db import Base, db


class Settle(Protocol):
    """What follows from the moved rows, for each of the two; called after moving and after putting back."""

    def __call__(self, row_id: int, /, *, actor: Actor, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Reference:
    """A column of ``model`` (which has an ``id``) that refers to a row of a kind (``patient``).

    ``check(loser_id, survivor_id)`` raises a Conflict when the rows of both cannot belong to one; ``stays`` answers
    with the ids of the loser's rows that are not moved, because the survivor has one of the same key.
    """

    kind: str
    model: type[Base]
    column: InstrumentedAttribute[Any]
    check: Callable[[int, int], None] | None = None
    stays: Callable[[int, int], set[int]] | None = None
    settle: Settle | None = None

    @property
    def table(self) -> str:
        return self.model.__tablename__


Moved = dict[str, list[int]]  # table → ids of the rows that were moved


def register(app: Flask, references: Iterable[Reference]) -> None:
    app.extensions["references"] = tuple(references)


def references(kind: str) -> tuple[Reference, ...]:
    found: tuple[Reference, ...] = current_app.extensions["references"]
    return tuple(reference for reference in found if reference.kind == kind)


def move(kind: str, loser_id: int, survivor_id: int, *, actor: Actor, now: datetime) -> Moved:
    """Move what refers to the loser to the survivor. Raises the Conflict of a check before anything is moved."""
    for reference in references(kind):
        if reference.check is not None:
            reference.check(loser_id, survivor_id)
    moved: Moved = {}
    for reference in references(kind):
        key = reference.model.__mapper__.primary_key[0]
        ids = list(db.session.scalars(select(key).where(reference.column == loser_id).order_by(key)))
        if reference.stays is not None:
            staying = reference.stays(loser_id, survivor_id)
            ids = [row_id for row_id in ids if row_id not in staying]
        _point(reference, ids, survivor_id, now_at=loser_id)
        moved[reference.table] = ids
    _settle(kind, (loser_id, survivor_id), actor=actor, now=now)
    return moved


def put_back(kind: str, moved: Moved, loser_id: int, survivor_id: int, *, actor: Actor, now: datetime) -> None:
    """Undo ``move``: each row that still belongs to the survivor goes back; what came since stays."""
    for reference in references(kind):
        _point(reference, moved.get(reference.table, []), loser_id, now_at=survivor_id)
    _settle(kind, (loser_id, survivor_id), actor=actor, now=now)


def _point(reference: Reference, ids: list[int], row_id: int, *, now_at: int) -> None:
    if ids:
        key = reference.model.__mapper__.primary_key[0]
        there = (key.in_(ids), reference.column == now_at)
        statement = update(reference.model).where(*there).values({reference.column: row_id})
        db.session.execute(statement, execution_options={"synchronize_session": False})
        db.session.expire_all()


def _settle(kind: str, row_ids: Iterable[int], *, actor: Actor, now: datetime) -> None:
    for row_id in row_ids:
        for reference in references(kind):
            if reference.settle is not None:
                reference.settle(row_id, actor=actor, now=now)
