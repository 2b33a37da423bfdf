"""Tenants: the organization and the identity of its clinics (name, time zone, currency).

What a clinic is set up with (hours, rooms, services, rules of booking) belongs to ``clinics``.
"""
