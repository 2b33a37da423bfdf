"""Tenants: the organization and the identity of its clinics (name, time zone, currency).

The configuration of a clinic (hours, rooms, services, rules of booking) belongs to ``clinics``.
"""
