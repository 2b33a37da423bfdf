"""Clinics and what they offer: settings, rooms, specialties, services, therapists, closures.

Nouns: Organization, Clinic, Room, Specialty, Service, Therapist, Closure. Weekly hours and time off
belong to scheduling, money to billing, accounts to identity. A therapist who left keeps the row.
"""
