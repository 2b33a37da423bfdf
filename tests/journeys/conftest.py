"""Journeys run against the real server."""

from tests.live_server import demo_server, live_server

__all__ = ["demo_server", "live_server"]
