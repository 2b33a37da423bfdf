"""What refers to a patient: tickets. The ledger refers to tickets, so closed sessions stay as they are."""

from app.billing.models import Ticket
from app.kernel.merging import Reference

REFERENCES = (Reference("patient", Ticket, Ticket.patient_id),)
