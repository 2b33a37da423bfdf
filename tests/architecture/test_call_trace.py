"""A booking and a payment only call downwards: read once, decided once, written once."""

from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import time_machine

from tests import build
from tests.build import NOW, at
from tests.call_trace import Trace, follow
from tests.cast import Cast
from tests.client import Client

MAX_COMPONENTS = 6
STARTS_AT = at("15:45")
AMOUNT = 1237  # cents that nothing else in the day has


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(NOW, tick=True):
        yield


def described(trace: Trace) -> str:
    return "\n".join(f"{origin} -> {target}: {name}" for origin, target, name in trace.steps)


def book_as_page(client: Client, cast: Cast) -> int:
    form = {
        "patient_id": cast.clara,
        "therapist_id": cast.bruno,
        "service_id": cast.reflexology,
        "starts_at": "2026-11-20T15:45",
    }
    return client.post("/appointments", form).status_code


def book_as_api_client(client: Client, cast: Cast) -> int:
    body = {"patient_id": cast.clara, "therapist_id": cast.bruno, "service_id": cast.reflexology}
    return client.api("POST", "/api/appointments/", {**body, "starts_at": STARTS_AT.isoformat()}).status_code


@pytest.mark.parametrize(("book", "status"), [(book_as_page, 303), (book_as_api_client, 201)])
def test_a_booking_has_no_upward_calls_and_no_reentries(ana: Client, cast: Cast, book: Any, status: int) -> None:
    with follow(STARTS_AT) as trace:
        assert book(ana, cast) == status
    trace = trace.until("record")  # the event: all is written; the response is read again
    assert ("scheduling", "rules") in trace.components, described(trace)
    assert trace.upward_calls == [], described(trace)
    assert trace.reentries == [], described(trace)
    assert len(trace.components) <= MAX_COMPONENTS, described(trace)


def test_a_patients_booking_has_no_upward_calls(clara: Client, cast: Cast) -> None:
    form = {"service_id": cast.reflexology, "therapist_id": cast.bruno, "starts_at": STARTS_AT.isoformat()}
    with follow(STARTS_AT) as trace:
        assert clara.post("/my/visits", form).status_code == 303
    assert ("scheduling", "rules") in trace.components, described(trace)
    assert trace.upward_calls == [], described(trace)
    assert len(trace.components) <= MAX_COMPONENTS, described(trace)


def test_a_payment_has_no_upward_calls(app: Any, ana: Client) -> None:
    with app.app_context():
        build.till_session(opened_at=at("08:00"))
        ticket_id = build.ticket(cents=8000)
    with follow(AMOUNT) as trace:
        body = {"method": "yape", "amount": "12.37", "reference": "1"}
        answer = ana.api("POST", f"/api/tickets/{ticket_id}/payments/", body)
    assert answer.status_code == 201, answer.text
    assert ("billing", "actions") in trace.components, described(trace)
    assert trace.upward_calls == [], described(trace)


# ------------------------------------------------------------------ the trace finds violations


def planted(tmp_path: Path, sources: dict[str, str]) -> dict[str, ModuleType]:
    """Modules of an application of its own, by path; each sees the others as globals."""
    modules = {}
    for path, source in sources.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
        modules[path] = ModuleType(path)
        exec(compile(source, str(file), "exec"), modules[path].__dict__)
    for module in modules.values():
        for other in modules.values():
            for name in [name for name in vars(other) if name.startswith("do_")]:
                module.__dict__.setdefault(name, vars(other)[name])
    return modules


VALUE = datetime(2026, 11, 20, 15, 45)  # noqa: DTZ001 - any value


def test_an_upward_call_between_layers_is_found(tmp_path: Path) -> None:
    modules = planted(
        tmp_path,
        {
            "scheduling/actions/booking.py": "def do_book(starts_at):\n    do_read({'starts_at': starts_at})\n",
            "scheduling/queries/slots.py": "def do_read(wish):\n    do_check(wish['starts_at'])\n",
            "scheduling/actions/checks.py": "def do_check(starts_at):\n    pass\n",
        },
    )
    with follow(VALUE, tmp_path) as trace:
        modules["scheduling/actions/booking.py"].do_book(VALUE)
    assert trace.upward_calls == [(("scheduling", "queries"), ("scheduling", "actions"), "do_check")]


def test_an_upward_call_between_packages_is_found(tmp_path: Path) -> None:
    modules = planted(
        tmp_path,
        {
            "billing/rules.py": "def do_decide(amount):\n    do_ask(amount)\n",
            "scheduling/queries/day.py": "def do_ask(amount):\n    pass\n",
        },
    )
    with follow(AMOUNT, tmp_path) as trace:
        modules["billing/rules.py"].do_decide(AMOUNT)
    assert [step[:2] for step in trace.upward_calls] == [(("billing", "rules"), ("scheduling", "queries"))]


def test_a_component_entered_twice_is_found(tmp_path: Path) -> None:
    modules = planted(
        tmp_path,
        {
            "scheduling/actions/booking.py": "def do_book(at):\n    do_read(at)\n    do_decide(at)\n    do_read(at)\n",
            "scheduling/queries/slots.py": "def do_read(starts_at):\n    pass\n",
            "scheduling/rules/booking.py": "def do_decide(starts_at):\n    pass\n",
        },
    )
    with follow(VALUE, tmp_path) as trace:
        modules["scheduling/actions/booking.py"].do_book(VALUE)
    assert trace.upward_calls == []
    assert trace.reentries == [(("scheduling", "queries"), "do_read")]
    assert len(trace.components) == 3
