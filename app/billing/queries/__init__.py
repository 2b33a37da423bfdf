"""Reads: tickets, payment methods, tills and their sessions."""

from app.billing.queries import tickets, tills

__all__ = ["tickets", "tills"]
