"""Windows of a real Chromium on the real server, and what a person does in them."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, expect
from sqlalchemy import create_engine, text

from tests.served import Served

PICTURES = Path("test-results")  # of tests that failed
PHONE = 360
WIDE = 1280
NAVIGATED_AWAY = "net::ERR_ABORTED"  # also what a download looks like
GRAVE = ("serious", "critical")
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
TELL_OF_POLICY = """addEventListener("securitypolicyviolation",
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""


@dataclass
class Windows:
    """Opens windows and writes down what goes wrong in them.

    ``expected`` holds patterns of the trouble that a test makes on purpose.
    """

    browser: Browser
    expected: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, served: Served, *, width: int = WIDE, theme: str = "light") -> Page:
        """A window of somebody who has not signed in."""
        context = self.browser.new_context(
            base_url=served.url,
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            reduced_motion="reduce",
            locale="es-PE",
            timezone_id="America/Lima",
        )
        context.set_default_timeout(10_000)
        context.add_init_script(TELL_OF_POLICY)
        self.contexts.append(context)
        context.on("page", self._watch)
        return context.new_page()

    def sign_in(self, served: Served, email: str, *, width: int = WIDE, theme: str = "light") -> Page:
        """A window of ``email``, signed in without the form (test_day fills it in); nothing loaded yet."""
        page = self.open(served, width=width, theme=theme)
        form = page.request.get("/login").text()
        token = TOKEN.search(form)
        assert token, form
        fields = {"csrf_token": token[1], "email": email, "password": served.password}
        answer = page.request.post("/login", form=fields, headers={"Referer": served.url}, max_redirects=0)
        assert answer.status == 303, answer.text()
        return page

    def _watch(self, page: Page) -> None:
        page.on("console", lambda message: message.type == "error" and self._heard(page, message.text))
        page.on("pageerror", lambda error: self._note(page, f"error: {error}"))
        page.on("requestfailed", lambda request: self._failed(page, request))
        page.on("response", lambda response: self._answered(page, response))

    def _heard(self, page: Page, words: str) -> None:
        if not words.startswith("Failed to load resource"):  # written down with its status
            self._note(page, f"console: {words}")

    def _failed(self, page: Page, request: Request) -> None:
        if request.failure != NAVIGATED_AWAY:
            self._note(page, f"failed: {request.failure} {request.method} {request.url}")

    def _answered(self, page: Page, response: Response) -> None:
        asked_for = response.request.resource_type
        if response.status >= 500 or (response.status >= 400 and asked_for not in {"document", "fetch"}):
            self._note(page, f"{response.status}: {response.request.method} {response.url}")

    def _note(self, page: Page, trouble: str) -> None:
        self.troubles.append(f"{trouble} (at {page.url})")

    def unexpected(self) -> list[str]:
        return [t for t in self.troubles if not any(re.search(pattern, t) for pattern in self.expected)]

    def take_pictures(self, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        pages = [page for context in self.contexts for page in context.pages]
        for number, page in enumerate(pages):
            page.screenshot(path=PICTURES / f"{name}-{number}.png", timeout=5_000)

    def close(self) -> None:
        for context in self.contexts:
            context.close()


# ------------------------------------------------------------------ the clinic of the tests


def make_it_ten_in_the_morning(database_url: str) -> None:
    """Put the cast's clinics where it is ten o'clock now, and let them work on Sundays too.

    So a day at the desk can be lived at whatever hour the tests run.
    """
    ahead = 10 - datetime.now(UTC).hour
    ahead += 24 if ahead < -12 else 0  # zones reach from -12 to +14
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"  # POSIX counts them the other way round
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE clinic SET timezone = :zone, closed_weekdays = '[]'"), {"zone": zone})
        columns = "therapist_id, clinic_id, room_id, starts_minute, ends_minute, break_starts_minute, break_ends_minute"
        connection.execute(
            text(
                f"INSERT INTO working_hours (weekday, {columns}) "
                f"SELECT 6, {columns} FROM working_hours WHERE weekday = 0"
            )
        )
    engine.dispose()


# ------------------------------------------------------------------ what people do


def listening(page: Page) -> Page:
    """Wait until the page hears of changes."""
    expect(page.locator("#live-status")).to_have_attribute("data-state", "on")
    return page


def visit_card(page: Page, name: str) -> Locator:
    """Somebody's card on the board."""
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


class Keys:
    """A keyboard that counts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed: list[str] = []

    def press(self, key: str) -> None:
        self.pressed.append(key)
        self.page.keyboard.press(key)


def grave_violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical (by all rules or those), a line for each with its first place."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {"resultTypes": ["violations"], "elementRef": False, **({"runOnly": list(rules)} if rules else {})}
    found = page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [_told(rule["id"], rule["nodes"]) for rule in found if rule["impact"] in GRAVE]


def _told(rule: str, places: list[dict[str, str]]) -> str:
    return f"{rule}, {len(places)} times: {places[0]['html'][:160]} {places[0]['failureSummary']}"
