"""Writes: tickets, payments, till sessions."""

from app.billing.actions import payments, tickets, tills

__all__ = ["payments", "tickets", "tills"]
