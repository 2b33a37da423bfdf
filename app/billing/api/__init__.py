"""JSON of billing, by noun. Money is decimal text beside its currency."""

from app.billing.api import tickets, tills

BLUEPRINTS = (tickets.api, tills.api)
