"""Pages of this domain, a module and a blueprint per screen."""

from app.billing.pages import closings, tickets, tills

BLUEPRINTS = (tickets.pages, tills.pages, closings.pages)
