"""Days with money in them."""

import pytest
from flask import Flask

from tests.reports import ledger


@pytest.fixture
def full_day(app: Flask) -> int:
    """The till session of a day with lines of every sort; see ``ledger.full_day``."""
    with app.app_context():
        return ledger.full_day()
