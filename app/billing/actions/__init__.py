"""Writes: tickets, payments, refunds, till sessions."""

from app.billing.actions import counts, credit, drawer, payments, refunds, tickets, tills

__all__ = ["counts", "credit", "drawer", "payments", "refunds", "tickets", "tills"]
