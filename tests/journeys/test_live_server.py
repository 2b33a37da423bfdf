"""The real stack comes up, signs people in and names its parts."""

from tests.live_server import LiveServer


def test_it_serves_the_people_fixtures(live_server: LiveServer) -> None:
    ana = live_server.api_client("ana@example.com")

    answer = ana.call("GET", "/api/openapi.json")

    assert answer.status == 200
    assert [bool(live_server.pids(part)) for part in ("gunicorn", "worker.py", "valkey")] == [True] * 3
