"""What a patient owes, beside the tickets of a visit."""

from sqlalchemy import select

from app.billing.models import Ticket, ticket_balance
from app.billing.queries import tickets
from app.kernel.access import Actor
from app.kernel.db import db


def oldest(patient_id: int, *, actor: Actor) -> int | None:
    """The ticket that a patient has owed for longest, of those the actor may see; None when nothing is owed."""
    statement = (
        select(Ticket.id)
        .join(ticket_balance, ticket_balance.c.ticket_id == Ticket.id)
        .where(Ticket.patient_id == patient_id, tickets.visible_to(actor), tickets.owes())
        .order_by(Ticket.service_day, Ticket.number)
        .limit(1)
    )
    return db.session.scalar(statement)
