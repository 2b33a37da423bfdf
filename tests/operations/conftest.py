"""A migrated database without a row, and one with the demo clinic (made once for this folder's module)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade

from app.cli import demo
from app.kernel.db import db, unit_of_work
from tests.conftest import SERVER, new_app, settings_for
from tests.databases import open_database

NOW = datetime(2026, 11, 20, 21, 10, tzinfo=UTC)  # a Friday, 16:10 in Lima


@pytest.fixture(scope="module")
def empty_app(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Flask]:
    """An application on a database of its own with tables and nothing in them."""
    folder = tmp_path_factory.mktemp("empty")
    with open_database(SERVER, folder) as database, new_app(settings_for(folder, database.url, redis_url)) as app:
        with app.app_context():
            upgrade(directory=app.extensions["migrate"].directory)
            db.session.remove()
        yield app


@pytest.fixture(scope="module")
def demo_app(empty_app: Flask) -> Flask:
    """The demo clinic on a Friday afternoon."""
    with empty_app.app_context(), unit_of_work(write=True):
        demo.load(password="una frase para mirar", now=NOW)
    return empty_app


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"
