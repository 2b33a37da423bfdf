"""Reads: tickets, payment methods, tills and their sessions."""

from app.billing.queries import tickets

__all__ = ["tickets"]
