"""Actions, by noun: clinics with their rooms and closed days, services, therapists."""

from app.clinics.actions import clinics, services, therapists

__all__ = ["clinics", "services", "therapists"]
