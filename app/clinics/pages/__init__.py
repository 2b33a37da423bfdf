"""The administration's pages: its home, clinics with rooms and closed days, services, therapists."""

from app.clinics.pages import clinics, home, services, therapists

BLUEPRINTS = (home.pages, clinics.pages, services.pages, therapists.pages)
