"""Reads: tickets, payments, payment methods, tills and their sessions."""

from app.billing.queries import attended, counts, credit, debts, drawer, payments, tickets, tills

__all__ = ["attended", "counts", "credit", "debts", "drawer", "payments", "tickets", "tills"]
