"""Writes, by noun: clinics with their rooms and closures, services, therapists."""
