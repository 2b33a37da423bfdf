"""The only writer of the ledger: a movement, its postings, then its ``sealed`` flag."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, update

from app.billing.accounts import Postings
from app.billing.models import Movement, Posting
from app.kernel.db import db


def post(movement: Movement, postings: Postings) -> Movement:
    """Write a movement with its postings. The database refuses postings that do not sum to zero, payments above what
    is owed, movements without the references of their kind or of a closed session.
    """
    movement.postings = [
        Posting(account=account, dimension=dimension, cents=cents) for (account, dimension), cents in postings.items()
    ]
    db.session.add(movement)
    db.session.flush()  # all postings are inserted before the movement is sealed
    movement.sealed = True
    db.session.flush()
    return movement


def post_many(entries: Sequence[tuple[Mapping[str, Any], Postings]]) -> list[int]:
    """Write many movements: ``(columns of the movement, its postings)``; returns the ids in order."""
    if not entries:
        return []
    movements = [dict(values) for values, _postings in entries]
    statement = insert(Movement).returning(Movement.id, sort_by_parameter_order=True)
    ids = list(db.session.scalars(statement, movements))
    postings = [
        {"movement_id": id_, "account": account, "dimension": dimension, "cents": cents}
        for id_, (_values, entry_postings) in zip(ids, entries, strict=True)
        for (account, dimension), cents in entry_postings.items()
    ]
    db.session.execute(insert(Posting), postings)
    unsealed = (Movement.id.between(min(ids), max(ids)), Movement.sealed.is_(False))
    seal = update(Movement).where(*unsealed).values(sealed=True)
    db.session.execute(seal.execution_options(synchronize_session=False))
    return ids
