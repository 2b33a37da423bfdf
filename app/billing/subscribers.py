"""Subscribers of billing to events of other packages."""

from datetime import datetime

from app.billing.actions import catalogue
from app.clinics.events import ClinicCreated
from app.kernel.outbox import EventRow


def on_clinic_created(*, event: EventRow, now: datetime) -> None:
    """Create the default payment methods and till of a new clinic."""
    catalogue.create_default_payment_methods(event.parse(ClinicCreated).clinic_id)


SUBSCRIPTIONS = ((ClinicCreated, "billing.equip_clinic", on_clinic_created),)
