"""The real stack comes up, signs people in and names its parts."""

from tests.served import Served


def test_it_serves_the_cast(served: Served) -> None:
    ana = served.program("ana@example.com")

    answer = ana.call("GET", "/api/openapi.json")

    assert answer.status == 200
    assert [bool(served.pids(part)) for part in ("gunicorn", "worker.py", "valkey")] == [True] * 3
