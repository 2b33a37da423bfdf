"""Every page, wide and on a phone, light and dark: it fits, it has one heading, and it is accessible."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.browser_pages import PHONE, WIDE, BrowserPages, serious_violations
from tests.live_server import ApiClient, LiveServer

# A page stands where it differs from what another role sees of it. Names in braces: of the demo.
PAGES = {
    "": ("/login", "/register", "/nowhere"),
    "ana@example.com": (
        "/front-desk",
        "/front-desk?view=list",
        "/front-desk/closing",
        "/walk-ins/new",
        "/agenda",
        "/agenda/week?therapist_id=1",
        "/appointments/new",
        "/appointments/{booked}",
        "/appointments/{booked}/schedule",
        "/appointments/{booked}/cancellation",
        "/appointments/{booked}/noshow",
        "/appointments/{booked}/late-session",
        "/appointments/{fulfilled}/next",
        "/patients",
        "/patients?q=quispe",
        "/patients/new",
        "/patients/{patient}",
        "/patients/{patient}/edit",
        "/patients/{patient}/appointments",
        "/blocks/new?clinic_id=1&therapist_id=1&starts_at={free}",
        "/blocks/1",
        "/till",
        "/till-sessions/{closed}",
        "/till-sessions/{open}",
        "/till-sessions/{open}/movements",
        "/till-sessions/{open}/closing",
        "/till-movements/{movement}/reversal",
        "/tickets",
        "/tickets/{ticket}",
        "/tickets/{ticket}/payment",
        "/tickets/{ticket}/slip",
        "/notifications",
        "/account",
    ),
    "bruno@example.com": ("/my-day", "/agenda", "/appointments/{booked}", "/notifications", "/account"),
    "clara@example.com": (
        "/my",
        "/my/booking",
        "/my/booking?service_id=1",
        "/my/booking?service_id=1&therapist_id=1&starts_at={free}",
        "/my/visits/{own}/schedule",
        "/my/visits/{own}/cancellation",
        "/notifications",
        "/account",
    ),
    "diego@example.com": (
        "/till",
        "/till-sessions/{open}",
        "/till-sessions/{open}/closing",
        "/payments/{payment}/refund",
        "/tickets/{ticket}/void",
        "/tickets/{ticket}/courtesy",
        "/till-sessions/{open}/counts",
        "/till-counts/{count}/rejection",
        "/patients/duplicates",
        "/patients/1/merge",
        "/appointments/{booked}/error",
        "/reports",
        "/reports/improved-daily-cash",
        "/reports/daily-cash",
        "/reports/daily-paid-tickets",
        "/reports/runs/{run}",
        "/front-desk",
    ),
    "eva@example.com": (
        "/admin",
        "/admin/clinics",
        "/admin/clinics/new",
        "/admin/clinics/1",
        "/admin/services",
        "/admin/services/new",
        "/admin/services/1",
        "/admin/therapists",
        "/admin/therapists/new",
        "/admin/therapists/1",
        "/admin/therapists/1/hours",
        "/admin/hours",
        "/admin/users",
        "/admin/tasks",
        "/admin/users/new",
        "/admin/users/1",
        "/admin/deliveries",
        "/agenda",
    ),
}
# Width, theme, and what axe-core looks at there: everything, only what a theme changes, or nothing.
VARIANTS: tuple[tuple[int, str, tuple[str, ...] | None], ...] = (
    (WIDE, "light", ()),
    (WIDE, "dark", ("color-contrast",)),
    (PHONE, "dark", None),
    (PHONE, "light", ()),
)
NO_PAGES = (  # fragments, files, and addresses that lead elsewhere
    *("/", "/dashboard", "/notifications/badge", "/ubigeo/options", "/reports/runs/<int:run_id>/file"),
    *("/patients/picker", "/patients/options", "/patients/quick", "/patients/known"),
    *("/patients/<int:patient_id>/payment", "/search"),
    *("/ws/live", "/ws/notifications/<int:user_id>/", "/healthz", "/readyz"),
)


def test_every_page_of_the_product_is_looked_at(app: Flask) -> None:
    addresses = [path.partition("?")[0] for paths in PAGES.values() for path in paths]
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    pages = {rule for rule in rules if not rule.startswith("/api") and rule not in NO_PAGES}
    assert {rule for rule in pages if not any(_is_of(rule, address) for address in addresses)} == set()


def _is_of(rule: str, address: str) -> bool:
    pattern = re.sub(r"<[^>]+>", "[^/]+", rule)
    return re.fullmatch(pattern, address) is not None


@pytest.fixture(scope="module")
def names(demo_server: LiveServer) -> dict[str, object]:
    """What the braces of ``PAGES`` stand for."""
    ana, clara, diego = (demo_server.api_client(f"{name}@example.com") for name in ("ana", "clara", "diego"))

    def first(program: ApiClient, path: str) -> dict[str, Any]:
        return program.call("GET", path).json["results"][0]

    in_a_week = datetime.now(UTC).date() + timedelta(days=7)
    free = f"/api/appointments/available/?therapist_id=1&service_id=1&date_from={in_a_week}"
    paid = first(ana, "/api/appointments/?status=fulfilled&ordering=starts_at")["ticket"]["id"]
    run = {"report": "improved-daily-cash", "format": "csv"}
    till = f"/api/till-sessions/{first(ana, '/api/till-sessions/?status=open')['id']}"
    expense = {"kind": "expense", "amount": "1.00", "concept": "Agua"}
    movement = ana.call("POST", f"{till}/movements/", expense).json["id"]
    counted = ana.call("POST", f"{till}/closing/", {"counted": {"efectivo": "1.00"}})
    return {
        "movement": movement,
        "count": counted.json["counts"][-1]["id"],
        "booked": first(ana, "/api/appointments/?status=booked&ordering=-starts_at")["id"],
        "fulfilled": first(ana, "/api/appointments/?status=fulfilled")["id"],
        "patient": 1,
        "open": first(ana, "/api/till-sessions/?status=open")["id"],
        "closed": first(ana, "/api/till-sessions/?status=closed")["id"],
        "ticket": first(ana, "/api/tickets/?owed=true")["id"],
        "payment": ana.call("GET", f"/api/tickets/{paid}/").json["payments"][0]["id"],
        "own": first(clara, "/api/appointments/?status=booked&ordering=-starts_at")["id"],
        "free": first(clara, f"{free}&date_to={in_a_week + timedelta(days=7)}")["starts_at"],
        "run": diego.call("POST", "/api/reports/generate/", run).json["id"],
    }


@pytest.mark.parametrize("email", PAGES, ids=lambda email: email.partition("@")[0] or "anonymous")
def test_pages_fit_and_can_be_used_by_everybody(
    email: str, demo_server: LiveServer, browser_pages: BrowserPages, names: dict[str, object]
) -> None:
    browser_pages.expected.append("404: GET .*/nowhere")
    page = browser_pages.sign_in(demo_server, email) if email else browser_pages.open(demo_server)
    wrong = [line for path in PAGES[email] for line in problems(page, path.format(**names))]
    assert not wrong, "\n".join(wrong)


def problems(page: Page, path: str) -> Iterator[str]:
    """Look at a page in its four variants; what is wrong with it, line by line."""
    page.set_viewport_size({"width": WIDE, "height": 800})
    page.emulate_media(color_scheme="light")
    page.goto(path)
    if page.locator("h1").count() != 1:
        yield f"{path}: {page.locator('h1').count()} h1"
    if not first_tab_is_seen(page):
        yield f"{path}: the first Tab shows no focus"
    for width, theme, looks in VARIANTS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        if over := page.evaluate("document.documentElement.scrollWidth - innerWidth"):
            yield f"{path}: {over} px too wide at {width}"
        if looks is not None:
            yield from (f"{path} ({width} {theme}): {line}" for line in serious_violations(page, *looks))


def first_tab_is_seen(page: Page) -> bool:
    page.keyboard.press("Tab")
    return page.evaluate("""() => {
        const focused = document.activeElement;
        if (focused === document.body) return false;
        const style = getComputedStyle(focused), box = focused.getBoundingClientRect();
        const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
        return marked && box.bottom > 0 && box.top < innerHeight && box.width > 1;
    }""")


@pytest.mark.parametrize("path", ["/agenda", "/reports/improved-daily-cash"])
def test_it_can_be_printed(path: str, demo_server: LiveServer, browser_pages: BrowserPages) -> None:
    page = browser_pages.sign_in(demo_server, "diego@example.com")
    page.goto(path)
    page.emulate_media(media="print")
    expect(page.locator(".rail")).to_be_hidden()
    paper = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    box = paper.pages[0].mediabox
    assert sorted((round(box.width), round(box.height))) == [595, 842], "A4"
    assert len(paper.pages) < 20
