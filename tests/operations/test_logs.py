"""One line per request, one form for all; no names, numbers of people or search terms."""

import logging
import re
from datetime import UTC, datetime

import pytest
from flask import Flask

import logs
from tests.cast import Cast
from tests.client import Client


def test_a_request_is_one_line_without_what_was_asked(
    app: Flask, cast: Cast, ana: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "request"):
        ana.get(f"/patients/{cast.clara}?q=Quispe")
        ana.get("/nowhere/Quispe")
        ana.get("/healthz")

    lines = [record.getMessage() for record in caplog.records if record.name == "request"]
    assert [re.sub(r"\d+ ms", "N ms", line) for line in lines] == [
        "GET /patients/<int:patient_id> 200 N ms",
        "GET (no route) 404 N ms",
    ]


def test_a_line_says_when_who_and_which_request() -> None:
    record = logging.LogRecord("app.kernel.tasks", logging.WARNING, "", 0, "task %s failed", (7,), None)
    record.created, record.process = datetime(2026, 11, 25, 2, 44, 43, 147000, UTC).timestamp(), 1234

    said = logs.Formatter(lambda: "9f1c2e7a-0000").format(record)

    assert said == "2026-11-25T02:44:43.147Z WARNING 1234 9f1c2e7a app.kernel.tasks: task 7 failed"


def test_an_equal_warning_is_given_once() -> None:
    def passes(text: str, level: int, at: float) -> bool:
        record = logging.LogRecord("redis", level, "", 0, text, None, None)
        record.created = at
        return bool(repeats.filter(record))

    repeats = logs.Repeats()
    assert passes("away", logging.WARNING, 100.0)
    assert not passes("away", logging.WARNING, 101.0)
    assert passes("back", logging.WARNING, 101.0)
    assert passes("away", logging.WARNING, 112.0)
    assert passes("failed", logging.ERROR, 100.0) == passes("failed", logging.ERROR, 100.0) == True  # noqa: E712
