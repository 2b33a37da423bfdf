"""Slots of this package on shared screens, and what it finds."""

from flask_babel import gettext as _

from app.billing import permissions
from app.billing.queries import tickets
from app.http import cycle
from app.http.finding import Finder, Hit, HitLink
from app.http.screens import MENU, PATIENT_LINKS, ScreenSlot
from app.kernel import money
from app.kernel.access import can
from app.kernel.i18n import N_

MAX_FOUND = 4


def _find_tickets(text: str) -> list[Hit]:
    actor, clinic_id = cycle.actor(), cycle.clinic_id(permissions.READ)
    may_collect = can(actor, permissions.TAKE_PAYMENT, clinic_id)
    found = tickets.search(clinic_id, actor=actor, text=text, limit=MAX_FOUND)
    return [_ticket(ticket, may_collect=may_collect) for ticket in found]


def _ticket(ticket: tickets.TicketView, *, may_collect: bool) -> Hit:
    owes = may_collect and ticket.status == "open" and ticket.owed_cents > 0
    collect = HitLink(_("Cobrar"), f"/tickets/{ticket.id}/payment", target="panel")
    amount = money.format_money(ticket.amount_cents, ticket.currency)
    return Hit(
        f"ticket-{ticket.id}",
        HitLink(f"{ticket.code} {ticket.patient}", f"/tickets/{ticket.id}", "ticket"),
        text=f"{ticket.service_day:%d/%m/%Y} · {amount} · {_(ticket.state_label)}",
        more=(collect,) if owes else (),
    )


SLOTS = (
    ScreenSlot(MENU, 60, N_("Caja"), "/till", permissions.OPERATE_TILL, icon="cash-register", home_of=("supervisor",)),
    ScreenSlot(MENU, 70, N_("Tickets"), "/tickets", permissions.READ, icon="ticket"),
    ScreenSlot(
        PATIENT_LINKS,
        20,
        N_("Cobrar"),
        "/patients/{id}/payment",
        permissions.TAKE_PAYMENT,
        icon="cash",
        target="panel",
    ),
)
FINDERS = (Finder(30, N_("Tickets"), permissions.READ, _find_tickets),)
