"""Writes: tickets, payments, till sessions."""

from app.billing.actions import counts, credit, drawer, payments, tickets, tills

__all__ = ["counts", "credit", "drawer", "payments", "tickets", "tills"]
