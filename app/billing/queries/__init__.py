"""Reads: tickets, payment methods, tills and their sessions."""

from app.billing.queries import drawer, tickets, tills

__all__ = ["drawer", "tickets", "tills"]
