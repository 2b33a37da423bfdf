"""A booking and a payment walk downwards: read once, decided once, written once."""

from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import time_machine

from tests import build
from tests.build import NOW, at
from tests.cast import Cast
from tests.client import Client
from tests.walk import Walk, follow

MAX_STOPS = 6
STARTS_AT = at("15:45")
AMOUNT = 1237  # cents that nothing else in the day has


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    with time_machine.travel(NOW, tick=True):
        yield


def described(walk: Walk) -> str:
    return "\n".join(f"{origin} -> {target}: {name}" for origin, target, name in walk.steps)


def book_as_page(client: Client, cast: Cast) -> int:
    form = {
        "patient_id": cast.clara,
        "therapist_id": cast.bruno,
        "service_id": cast.reflexology,
        "starts_at": "2026-11-20T15:45",
    }
    return client.post("/appointments", form).status_code


def book_as_program(client: Client, cast: Cast) -> int:
    body = {"patient_id": cast.clara, "therapist_id": cast.bruno, "service_id": cast.reflexology}
    return client.api("POST", "/api/appointments/", {**body, "starts_at": STARTS_AT.isoformat()}).status_code


@pytest.mark.parametrize(("book", "status"), [(book_as_page, 303), (book_as_program, 201)])
def test_a_booking_never_goes_back(ana: Client, cast: Cast, book: Any, status: int) -> None:
    with follow(STARTS_AT) as walk:
        assert book(ana, cast) == status
    walk = walk.until("record")  # the event: all is written; what a program gets back is read anew
    assert ("scheduling", "rules") in walk.rooms, described(walk)
    assert walk.climbs == [], described(walk)
    assert walk.returns == [], described(walk)
    assert len(walk.rooms) <= MAX_STOPS, described(walk)


def test_a_patients_booking_never_goes_back(clara: Client, cast: Cast) -> None:
    form = {"service_id": cast.reflexology, "therapist_id": cast.bruno, "starts_at": STARTS_AT.isoformat()}
    with follow(STARTS_AT) as walk:
        assert clara.post("/my/visits", form).status_code == 303
    assert ("scheduling", "rules") in walk.rooms, described(walk)
    assert walk.climbs == [], described(walk)
    assert len(walk.rooms) <= MAX_STOPS, described(walk)


def test_a_payment_never_climbs(app: Any, ana: Client) -> None:
    with app.app_context():
        build.till_session(opened_at=at("08:00"))
        ticket_id = build.ticket(cents=8000)
    with follow(AMOUNT) as walk:
        answer = ana.api("POST", f"/api/tickets/{ticket_id}/payments/", {"method": "efectivo", "amount": "12.37"})
    assert answer.status_code == 201, answer.text
    assert ("billing", "actions") in walk.rooms, described(walk)
    assert walk.climbs == [], described(walk)


# ------------------------------------------------------------------ the walker can fail


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


def test_it_sees_a_climb(tmp_path: Path) -> None:
    modules = planted(
        tmp_path,
        {
            "scheduling/actions/booking.py": "def do_book(starts_at):\n    do_read({'starts_at': starts_at})\n",
            "scheduling/queries/slots.py": "def do_read(wish):\n    do_check(wish['starts_at'])\n",
            "scheduling/actions/checks.py": "def do_check(starts_at):\n    pass\n",
        },
    )
    with follow(VALUE, tmp_path) as walk:
        modules["scheduling/actions/booking.py"].do_book(VALUE)
    assert walk.climbs == [(("scheduling", "queries"), ("scheduling", "actions"), "do_check")]


def test_it_sees_a_lower_package_call_an_upper_one(tmp_path: Path) -> None:
    modules = planted(
        tmp_path,
        {
            "billing/rules.py": "def do_decide(amount):\n    do_ask(amount)\n",
            "scheduling/queries/day.py": "def do_ask(amount):\n    pass\n",
        },
    )
    with follow(AMOUNT, tmp_path) as walk:
        modules["billing/rules.py"].do_decide(AMOUNT)
    assert [step[:2] for step in walk.climbs] == [(("billing", "rules"), ("scheduling", "queries"))]


def test_it_sees_a_room_entered_twice(tmp_path: Path) -> None:
    modules = planted(
        tmp_path,
        {
            "scheduling/actions/booking.py": "def do_book(at):\n    do_read(at)\n    do_decide(at)\n    do_read(at)\n",
            "scheduling/queries/slots.py": "def do_read(starts_at):\n    pass\n",
            "scheduling/rules/booking.py": "def do_decide(starts_at):\n    pass\n",
        },
    )
    with follow(VALUE, tmp_path) as walk:
        modules["scheduling/actions/booking.py"].do_book(VALUE)
    assert walk.climbs == []
    assert walk.returns == [(("scheduling", "queries"), "do_read")]
    assert len(walk.rooms) == 3
