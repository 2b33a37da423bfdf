"""Every test gets its own database (a copy of a migrated one with the cast) and real Redis.

``TEST_DATABASE_URL`` (a PostgreSQL server) runs the same suite there; without it, SQLite.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade
from jinja2.bccache import Bucket, BytecodeCache

import config
from app import create_app
from app.identity import actions as identity
from app.kernel.db import db
from tests import services
from tests.cast import Cast, build_cast
from tests.client import Client


class Compiled(BytecodeCache):
    """Templates compiled once per run and not once per test's application."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()
identity.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # nobody attacks the cast
SERVER = os.environ.get("TEST_DATABASE_URL", "")


def settings_for(folder: Path, database_url: str, redis_url: str) -> config.Settings:
    return config.load(
        {
            "MEDICONNECT_ENV": "test",
            "DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "LOG_LEVEL": "warning",
        }
    )


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with services.redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[str]:
    """A migrated database with the cast in it: a file name, or a database name on the server."""
    folder = tmp_path_factory.mktemp("template")
    name = f"t_{uuid.uuid4().hex}"
    url = services.new_database(SERVER, name) if SERVER else f"sqlite:///{folder}/template.sqlite3"
    app = create_app(settings_for(folder, url, redis_url))
    with app.app_context():
        upgrade(directory=app.extensions["migrate"].directory)
        build_cast()
        db.session.remove()
        if not SERVER:
            with db.engine.connect() as connection:
                connection.exec_driver_sql("ROLLBACK")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")
        db.engine.dispose()
    yield name if SERVER else str(folder / "template.sqlite3")
    if SERVER:
        services.drop_database(SERVER, name)


@pytest.fixture
def database_url(template: str, tmp_path: Path) -> Iterator[str]:
    if SERVER:
        name = f"t_{uuid.uuid4().hex}"
        yield services.new_database(SERVER, name, template)
        services.drop_database(SERVER, name)
    else:
        shutil.copy(template, tmp_path / "test.sqlite3")
        yield f"sqlite:///{tmp_path}/test.sqlite3"


@pytest.fixture
def app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(settings_for(tmp_path, database_url, redis_url))
    app.jinja_env.bytecode_cache = COMPILED
    app.extensions["broker"].redis.flushdb()
    yield app
    with app.app_context():
        db.engine.dispose()
    app.extensions["broker"].redis.close()


@pytest.fixture
def cast(app: Flask) -> Cast:
    """The people and places of the tests: ids and e-mails, nothing that queries."""
    return Cast()


@pytest.fixture
def client(app: Flask) -> Client:
    """Nobody's browser. Every HTML answer is inspected."""
    return Client(app)


@pytest.fixture
def ana(app: Flask) -> Client:
    """The receptionist of Miraflores, signed in."""
    return Client(app).sign_in("ana@example.com")


@pytest.fixture
def bruno(app: Flask) -> Client:
    """A therapist of Miraflores."""
    return Client(app).sign_in("bruno@example.com")


@pytest.fixture
def clara(app: Flask) -> Client:
    """A patient, Bruno's."""
    return Client(app).sign_in("clara@example.com")


@pytest.fixture
def diego(app: Flask) -> Client:
    """The supervisor of Miraflores."""
    return Client(app).sign_in("diego@example.com")


@pytest.fixture
def eva(app: Flask) -> Client:
    """The admin of the organization."""
    return Client(app).sign_in("eva@example.com")


@pytest.fixture
def fabio(app: Flask) -> Client:
    """The receptionist of the other clinic."""
    return Client(app).sign_in("fabio@example.com")
