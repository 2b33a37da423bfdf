"""JSON of billing, by noun. Money is decimal text beside its currency."""

from app.billing.api import tickets, tills

APIS = (tickets.api, tills.api)
