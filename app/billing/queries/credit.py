"""What clinics keep for patients. The callers have checked that the actor may see the patient's money."""

from sqlalchemy import func, select

from app.billing.accounts import Account
from app.billing.models import Movement, Posting, Ticket
from app.kernel.db import db

_CREDIT = select(func.coalesce(-func.sum(Posting.cents), 0)).join(Movement, Movement.id == Posting.movement_id)


_of_patient = (
    Posting.account == Account.CREDIT,
    Posting.dimension == Ticket.patient_id,
    Movement.clinic_id == Ticket.clinic_id,
)
# a column of a statement on tickets
OF_TICKETS_PATIENT = _CREDIT.where(*_of_patient).correlate(Ticket).scalar_subquery()


def of_patient(patient_id: int, *, clinic_id: int) -> int:
    """The cents that a clinic keeps for a patient."""
    mine = (Posting.account == Account.CREDIT, Posting.dimension == patient_id, Movement.clinic_id == clinic_id)
    return int(db.session.scalar(_CREDIT.where(*mine)) or 0)


def used_on(ticket_id: int) -> int:
    """The cents of the patient's credit that paid for a ticket, less what was put aside from it."""
    return -int(
        db.session.scalar(_CREDIT.where(Posting.account == Account.CREDIT, Movement.ticket_id == ticket_id)) or 0
    )


def left_of_ticket(ticket_id: int, patient_id: int, *, clinic_id: int) -> int:
    """The cents put aside from a ticket that are still there: credit is used without regard to where it came from."""
    kept = (Posting.account == Account.CREDIT, Movement.ticket_id == ticket_id, Movement.kind != "credit_use")
    from_ticket = int(db.session.scalar(_CREDIT.where(*kept)) or 0)
    return min(from_ticket, of_patient(patient_id, clinic_id=clinic_id))
