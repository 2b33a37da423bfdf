"""Fixtures: a day with payments."""

import pytest
from flask import Flask

from tests.reports import ledger


@pytest.fixture
def full_day(app: Flask) -> int:
    """The till session of a day with movements of every kind; see ``ledger.full_day``."""
    with app.app_context():
        return ledger.full_day()
