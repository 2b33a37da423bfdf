"""One Chromium for the run; a served clinic for each module, where it is ten in the morning."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.windows import WIDE, Windows, make_it_ten_in_the_morning
from tests.conftest import Worker
from tests.served import Served, serve, served_demo

__all__ = ["served_demo"]

QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
Person = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Pictures of every open window when a test fails."""
    report = yield
    windows = getattr(item, "funcargs", {}).get("windows")
    if report.when == "call" and report.failed and windows:
        windows.take_pictures(item.name)
    return report


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or Playwright's own."""
    expect.set_options(timeout=10_000)  # a busy machine is no failure
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-quic", *QUIET]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def clinic(worker: Worker) -> Iterator[Served]:
    """The clinics of the tests at ten in the morning, running for one module of tests."""
    with (
        tempfile.TemporaryDirectory(prefix="mc-served-", ignore_cleanup_errors=True) as folder,
        worker.database.copy(Path(folder)) as url,
    ):
        make_it_ten_in_the_morning(url)
        with serve(Path(folder), url) as running:
            yield running


@pytest.fixture
def windows(chromium: Browser) -> Iterator[Windows]:
    """Closed after the test, which fails on any trouble that it did not expect."""
    windows = Windows(chromium)
    yield windows
    windows.close()
    assert windows.unexpected() == []


@pytest.fixture
def person(windows: Windows, clinic: Served) -> Person:
    """``person("ana@example.com")``: her window on the clinic, signed in."""

    def open_window(email: str, *, width: int = WIDE, theme: str = "light", served: Served = clinic) -> Page:
        return windows.sign_in(served, email, width=width, theme=theme)

    return open_window
