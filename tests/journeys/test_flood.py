"""Nobody stops the clinic: while one client floods the server, the others are answered (``bench/flood.py``)."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench import flood
from tests.live_server import LiveServer, serve

SECONDS = 1.0
MEDIAN_MS = 100.0  # on a quiet machine; on a busy one as many times what it takes when nothing else is asked
BUSY_FACTOR = 15


@pytest.fixture
def limited_server(database_url: str) -> Iterator[LiveServer]:
    """With the limits that a clinic has."""
    with (
        TemporaryDirectory(prefix="mc-flood-", ignore_cleanup_errors=True) as folder,
        serve(Path(folder), database_url, RATE_PER_SESSION="20", RATE_PER_ADDRESS="10") as server,
    ):
        yield server


def test_a_flood_keeps_nobody_waiting(limited_server: LiveServer) -> None:
    token = limited_server.api_client("clara@example.com").token
    idle = flood.measure(limited_server.port, "", token, SECONDS)
    limit = max(MEDIAN_MS, BUSY_FACTOR * idle.p50)
    for name in (*flood.FLOODS, flood.SOCKET):
        times = flood.measure(limited_server.port, name, token, SECONDS)
        assert times.p50 < limit, f"{name}: {times}, idle {idle}"
        assert times.answers, f"{name} was not answered"
