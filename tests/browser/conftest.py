"""One Chromium for the run; a live server for each module, whose clinics are at ten in the morning."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.browser_pages import WIDE, BrowserPages, set_local_time_to_ten
from tests.conftest import Worker
from tests.live_server import LiveServer, demo_server, serve

__all__ = ["demo_server"]

QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
Person = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Screenshots of every open page when a test fails."""
    report = yield
    browser_pages = getattr(item, "funcargs", {}).get("browser_pages")
    if report.when == "call" and report.failed and browser_pages:
        browser_pages.take_screenshots(item.name)
    return report


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or Playwright's own."""
    expect.set_options(timeout=10_000)  # a busy machine must not fail the tests
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-quic", *QUIET]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def clinic(worker: Worker) -> Iterator[LiveServer]:
    """The clinics of the tests at ten in the morning, running for one module of tests."""
    with (
        tempfile.TemporaryDirectory(prefix="mc-live-", ignore_cleanup_errors=True) as folder,
        worker.database.copy(Path(folder)) as url,
    ):
        set_local_time_to_ten(url)
        with serve(Path(folder), url) as running:
            yield running


@pytest.fixture
def browser_pages(chromium: Browser) -> Iterator[BrowserPages]:
    """Closed after the test, which fails on any problem that it did not expect."""
    browser_pages = BrowserPages(chromium)
    yield browser_pages
    browser_pages.close()
    assert browser_pages.unexpected() == []


@pytest.fixture
def person(browser_pages: BrowserPages, clinic: LiveServer) -> Person:
    """``person("ana@example.com")``: a page of the clinic, signed in as her."""

    def open_page(email: str, *, width: int = WIDE, theme: str = "light", live_server: LiveServer = clinic) -> Page:
        return browser_pages.sign_in(live_server, email, width=width, theme=theme)

    return open_page
