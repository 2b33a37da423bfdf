"""Channels: the tills of a clinic, its tickets, one ticket.

The desk and the agenda of a day belong to packages above; the events carry ``service_day`` for them.
"""

from app.billing import events, permissions
from app.kernel.access import Actor, can
from app.realtime.channels import Channel


def _at_till(actor: Actor, clinic_id: str) -> bool:
    return can(actor, permissions.OPERATE_TILL, int(clinic_id))


def _reads_tickets(actor: Actor, clinic_id: str, _ticket_id: str = "") -> bool:
    return can(actor, permissions.READ, int(clinic_id))


TILL = Channel("till", _at_till)
TICKETS = Channel("tickets", _reads_tickets)
TICKET = Channel("ticket", _reads_tickets)

for _till_event in events.OF_TILLS:
    TILL.on(_till_event, lambda row: [f"till:{row.clinic_id}"])
for _ticket_event in events.OF_TICKETS:
    TICKETS.on(_ticket_event, lambda row: [f"tickets:{row.clinic_id}"])
    TICKET.on(_ticket_event, lambda row: [f"ticket:{row.clinic_id}:{row.parse(events.TicketEvent).ticket_id}"])


CHANNELS = (TILL, TICKETS, TICKET)
