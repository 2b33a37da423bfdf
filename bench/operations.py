"""The measured operations: which requests make one, for whom, and how often there is material for them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from uuid import uuid4

import orjson

from app.kernel import clock
from app.tenancy.demo import MIRAFLORES, ZONE
from bench.clinic import PASSWORD, Clinic


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None
    expect: int = 200
    after_frame: bool = False  # sent when the other screen's socket has received the change


@dataclass(frozen=True, slots=True)
class Operation:
    """``requests(n)`` is the n-th time; ``most`` is how often the generated clinic can do it.

    ``writes``: the worker has work afterwards, which is waited for and measured.
    """

    name: str
    ceiling_ms: float | None
    requests: Callable[[int], list[Request]]
    most: int = 2000
    writes: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """Credentials: bearer tokens of the JSON clients, cookie and CSRF token of the browser at the desk."""

    desk_token: str
    supervisor_token: str
    cookie: str
    csrf: str

    def json(self, token: str = "") -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.desk_token}", "Content-Type": "application/json"}

    def browser(self, target: str = "") -> dict[str, str]:
        htmx = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": target} if target else {}
        return {"Cookie": self.cookie, "X-CSRFToken": self.csrf, **htmx}


HELLO = Operation("hello", None, lambda _: [Request("GET", "/bench/hello", {})])
REPORT_DAYS = 30
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def operations(clinic: Clinic, who: People) -> list[Operation]:
    """In the order of the table; what changes the day comes after what reads it."""
    therapist = clinic.therapists[-1]
    free = _free_times(clinic)
    day = f"/api/appointments/day/?date={clinic.today}&clinic_id={MIRAFLORES}"
    slots = f"/api/appointments/available-slots/?doctor={therapist.id}&date={clinic.busy_day}&service_id=1"
    agenda = f"/agenda?clinic_id={MIRAFLORES}&day={clinic.today}"
    cash = f"/api/reports/improved-daily-cash/?date={clinic.today}&clinic_id={MIRAFLORES}"
    login = orjson.dumps({"email": "ana@example.com", "password": PASSWORD})
    json = who.json()

    def get(path: str, headers: dict[str, str]) -> Callable[[int], list[Request]]:
        return lambda _: [Request("GET", path, headers)]

    def book(n: int) -> list[Request]:
        return [Request("POST", "/api/appointments/", json, orjson.dumps(free[n]), 201)]

    board = Request("GET", f"/front-desk?clinic_id={MIRAFLORES}", who.browser("div#desk"))
    half = len(clinic.expected) // 2

    def arrive(visit: int) -> list[Request]:
        headers = {**who.browser(f"li#visit-{visit}"), **FORM}
        post = Request("POST", f"/appointments/{visit}/arrival", headers, f"submission_id={uuid4()}".encode())
        return [post, board]  # the acting screen fetches by its answer and ignores its own echo

    def two_screens(n: int) -> list[Request]:
        return [*arrive(clinic.expected[half + n]), replace(board, after_frame=True)]

    start = clinic.today - timedelta(days=REPORT_DAYS)
    visits = f"/api/reports/appointments-between-dates/?date_from={start}&date_to={clinic.today}"
    return [
        Operation("slots_day", 2.5, get(slots, json)),
        Operation("day_json", 5, get(day, json)),
        Operation("agenda_page", 10, get(agenda, who.browser())),
        Operation("patient_search", 2, get("/api/patients/?search=qui&page_size=20", json)),
        Operation(
            "login", 45, lambda _: [Request("POST", "/api/auth/login/", {"Content-Type": "application/json"}, login)]
        ),
        Operation("cash_1000", 12, get(cash, who.json(who.supervisor_token))),
        Operation("appointments_list", None, get("/api/appointments/?page_size=20", json)),
        Operation("tickets_list", None, get("/api/tickets/?page_size=20", json)),
        Operation("till_page", None, get(f"/till?clinic_id={MIRAFLORES}", who.browser())),
        Operation("patients_page", None, get("/patients", who.browser())),
        Operation("report_visits", None, get(f"{visits}&clinic_id={MIRAFLORES}", who.json(who.supervisor_token))),
        Operation("book", 4, book, len(free), writes=True),
        Operation("desk_action", 6, lambda n: arrive(clinic.expected[n]), half, writes=True),
        Operation("desk_two_screens", None, two_screens, len(clinic.expected) - half, writes=True),
    ]


def _free_times(clinic: Clinic) -> list[dict[str, object]]:
    """Bodies of bookings that all succeed: another hour, therapist or day each time, patients in turn."""
    hired = [therapist for therapist in clinic.therapists if 1 in therapist.services][1:]
    minutes = [start for shift in hired[0].shifts for start in range(shift[0], shift[1] - 44, 45)]
    places = product(clinic.free_days, minutes, hired)
    return [
        {
            "patient_id": 10 + number % 1900,
            "therapist_id": therapist.id,
            "service_id": 1,
            "starts_at": clock.at(day, minute, ZONE).isoformat(),
        }
        for number, (day, minute, therapist) in enumerate(places)
    ]
