"""What refers to a patient: messages sent to them."""

from app.kernel.merging import Reference
from app.notifications.models import Delivery

REFERENCES = (Reference("patient", Delivery, Delivery.patient_id),)
