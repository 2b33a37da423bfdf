"""Reads: tickets, payment methods, tills and their sessions."""

from app.billing.queries import attended, counts, credit, drawer, tickets, tills

__all__ = ["attended", "counts", "credit", "drawer", "tickets", "tills"]
