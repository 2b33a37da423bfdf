"""Writes: tickets, payments, till sessions."""

from app.billing.actions import drawer, payments, tickets, tills

__all__ = ["drawer", "payments", "tickets", "tills"]
