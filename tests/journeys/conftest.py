"""Journeys run against the real server."""

from tests.served import served, served_demo

__all__ = ["served", "served_demo"]
