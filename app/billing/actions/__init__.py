"""Writes: tickets, payments, till sessions."""

from app.billing.actions import tickets

__all__ = ["tickets"]
