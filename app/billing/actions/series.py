"""Document numbers without gaps."""

from app.billing.models import DocumentSeries
from app.kernel.db import db, insert


def next_number(clinic_id: int, kind: str) -> int:
    """Take the next number of a clinic's series (``ticket``, ``till``, ``difference``).

    One statement, which holds the row until the transaction ends: a rollback returns the
    number, so there are no gaps. The first document of a kind creates its series.
    """
    first = insert(DocumentSeries).values(clinic_id=clinic_id, kind=kind, next_number=2)
    statement = first.on_conflict_do_update(
        index_elements=["clinic_id", "kind"], set_={"next_number": DocumentSeries.next_number + 1}
    )
    return int(db.session.scalar(statement.returning(DocumentSeries.next_number - 1)))
