"""When something happened in another domain, what it means for the till."""

from datetime import datetime

from app.billing.actions import catalogue
from app.clinics.events import ClinicCreated
from app.kernel.outbox import EventRow


def on_clinic_created(*, event: EventRow, now: datetime) -> None:
    """A new clinic can take money at once."""
    catalogue.create_default_payment_methods(event.parse(ClinicCreated).clinic_id)


SUBSCRIPTIONS = ((ClinicCreated, "billing.equip_clinic", on_clinic_created),)
