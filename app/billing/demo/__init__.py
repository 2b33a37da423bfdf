"""The demo's money: payment methods, tills and sixty days at them; the tickets and payments are those of visits.

Scheduling's demo calls ``issue_tickets``, ``write_series`` and ``write_till_days``.
"""

from app.billing.demo.bulk import issue_tickets, record_movements, write_series
from app.billing.demo.catalogue import method_id, write_catalogue
from app.billing.demo.payments import FinishedVisit
from app.billing.demo.till_days import write_till_days

DEMO = write_catalogue

__all__ = [
    "DEMO",
    "FinishedVisit",
    "issue_tickets",
    "method_id",
    "record_movements",
    "write_catalogue",
    "write_series",
    "write_till_days",
]
