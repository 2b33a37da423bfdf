"""Browser pages of Chromium on the live server, and the steps that several tests share."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, expect
from sqlalchemy import create_engine, text

from tests.live_server import LiveServer

SCREENSHOTS = Path("test-results")  # of tests that failed
PHONE = 360
WIDE = 1280
NAVIGATED_AWAY = "net::ERR_ABORTED"  # also what a download looks like
SERIOUS = ("serious", "critical")
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
REPORT_POLICY_VIOLATIONS = """addEventListener("securitypolicyviolation",
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""


@dataclass
class BrowserPages:
    """Opens browser pages and records the errors that occur in them.

    ``expected`` holds patterns of the problems that a test causes on purpose.
    """

    browser: Browser
    expected: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, live_server: LiveServer, *, width: int = WIDE, theme: str = "light") -> Page:
        """A page without a session."""
        context = self.browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            reduced_motion="reduce",
            locale="es-PE",
            timezone_id="America/Lima",
        )
        context.set_default_timeout(10_000)
        context.add_init_script(REPORT_POLICY_VIOLATIONS)
        self.contexts.append(context)
        context.on("page", self._watch)
        return context.new_page()

    def sign_in(self, live_server: LiveServer, email: str, *, width: int = WIDE, theme: str = "light") -> Page:
        """A page of ``email``, signed in without the form (test_day fills it in); nothing loaded yet."""
        page = self.open(live_server, width=width, theme=theme)
        form = page.request.get("/login").text()
        token = TOKEN.search(form)
        assert token, form
        fields = {"csrf_token": token[1], "email": email, "password": live_server.password}
        answer = page.request.post("/login", form=fields, headers={"Referer": live_server.url}, max_redirects=0)
        assert answer.status == 303, answer.text()
        return page

    def _watch(self, page: Page) -> None:
        page.on("console", lambda message: message.type == "error" and self._on_console_error(page, message.text))
        page.on("pageerror", lambda error: self._note(page, f"error: {error}"))
        page.on("requestfailed", lambda request: self._on_request_failed(page, request))
        page.on("response", lambda response: self._on_response(page, response))

    def _on_console_error(self, page: Page, message: str) -> None:
        if not message.startswith("Failed to load resource"):  # recorded with its status
            self._note(page, f"console: {message}")

    def _on_request_failed(self, page: Page, request: Request) -> None:
        if request.failure != NAVIGATED_AWAY:
            self._note(page, f"failed: {request.failure} {request.method} {request.url}")

    def _on_response(self, page: Page, response: Response) -> None:
        resource_type = response.request.resource_type
        if response.status >= 500 or (response.status >= 400 and resource_type not in {"document", "fetch"}):
            self._note(page, f"{response.status}: {response.request.method} {response.url}")

    def _note(self, page: Page, problem: str) -> None:
        self.problems.append(f"{problem} (at {page.url})")

    def unexpected(self) -> list[str]:
        return [t for t in self.problems if not any(re.search(pattern, t) for pattern in self.expected)]

    def take_screenshots(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        pages = [page for context in self.contexts for page in context.pages]
        for number, page in enumerate(pages):
            page.screenshot(path=SCREENSHOTS / f"{name}-{number}.png", timeout=5_000)

    def close(self) -> None:
        for context in self.contexts:
            context.close()


# ------------------------------------------------------------------ the clinic of the tests


def set_local_time_to_ten(database_url: str) -> None:
    """Give the clinics a time zone in which it is ten o'clock now, and working hours on Sundays.

    Tests of a day at the desk then work at whatever hour they run.
    """
    ahead = 10 - datetime.now(UTC).hour
    ahead += 24 if ahead < -12 else 0  # zones reach from -12 to +14
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"  # POSIX counts them the other way round
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE clinic SET timezone = :zone"), {"zone": zone})
        connection.execute(text("UPDATE clinic_settings SET closed_weekdays = '[]'"))
        columns = "therapist_id, clinic_id, room_id, starts_minute, ends_minute, break_starts_minute, break_ends_minute"
        connection.execute(
            text(
                f"INSERT INTO working_hours (weekday, {columns}) "
                f"SELECT 6, {columns} FROM working_hours WHERE weekday = 0"
            )
        )
    engine.dispose()


# ------------------------------------------------------------------ shared steps


def wait_until_live(page: Page) -> Page:
    """Wait until the page is connected to the live channel."""
    expect(page.locator("#live-status")).to_have_attribute("data-state", "on")
    return page


def visit_card(page: Page, name: str) -> Locator:
    """A patient's card on the board."""
    return page.locator("[data-card]", has=page.get_by_role("link", name=name))


def column(page: Page, title: str) -> Locator:
    """A column of the board."""
    return page.get_by_role("region", name=title)


def choose_patient(page: Page, typed: str, surnames: str) -> None:
    """Search in the dialog's list and choose with the keyboard."""
    search = page.get_by_role("combobox", name="Paciente")
    search.press_sequentially(typed)
    expect(page.get_by_role("option", name=surnames)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(search).to_have_value(re.compile(surnames))


def toast(page: Page, words: str) -> Locator:
    return page.locator("#toasts [data-toast]", has_text=words)


class KeyCounter:
    """A keyboard that records the keys pressed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed: list[str] = []

    def press(self, key: str) -> None:
        self.pressed.append(key)
        self.page.keyboard.press(key)


def serious_violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical (by all rules or ``rules``), a line for each with its first element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {"resultTypes": ["violations"], "elementRef": False, **({"runOnly": list(rules)} if rules else {})}
    found = page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [_describe(rule["id"], rule["nodes"]) for rule in found if rule["impact"] in SERIOUS]


def _describe(rule: str, elements: list[dict[str, str]]) -> str:
    return f"{rule}, {len(elements)} times: {elements[0]['html'][:160]} {elements[0]['failureSummary']}"
