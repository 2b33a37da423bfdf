"""Writes: tickets, payments, till sessions."""

from app.billing.actions import counts, drawer, payments, tickets, tills

__all__ = ["counts", "drawer", "payments", "tickets", "tills"]
