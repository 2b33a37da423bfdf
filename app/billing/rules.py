"""Decisions: codes of papers, the state of a ticket, payments, what a till must hold, when it may close.

Pure functions on values; all amounts are integer cents.
"""

from datetime import date


def ticket_code(number: int) -> str:
    """How people name a ticket.

    >>> ticket_code(1)
    'TKT-000001'
    """
    return f"TKT-{number:06d}"


def till_code(business_day: date, number: int) -> str:
    """How people name a till session: the year of its business day and its number in the clinic.

    >>> till_code(date(2026, 11, 20), 123)
    'CJ-2026-000123'
    """
    return f"CJ-{business_day.year}-{number:06d}"


def payment_state(*, amount_cents: int, paid_cents: int, refunded_cents: int, status: str) -> str:
    """``none``, ``partial``, ``paid``, ``refunded`` or ``voided``; ``paid_cents`` is net of refunds.

    A courtesy (nothing to pay) counts as paid.
    """
    if status == "voided":
        return "voided"
    if paid_cents >= amount_cents:
        return "paid"
    if paid_cents > 0:
        return "partial"
    return "refunded" if refunded_cents else "none"
