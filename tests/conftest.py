"""One application and one migrated database for each test process, both as new before every test.

Real Redis; SQLite, or with ``TEST_DATABASE_URL`` (a PostgreSQL server) PostgreSQL.
"""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade
from hypothesis import HealthCheck, settings

import config
from app import create_app
from app.kernel import passwords
from app.kernel.db import db
from tests import services
from tests.cast import Cast, build_cast
from tests.client import Client, SavedSession
from tests.databases import Database, open_database
from tests.queries import content

passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # fast: these accounts need no protection
# On a busy machine drawing examples is slow; that says nothing about the rule.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
SERVER = os.environ.get("TEST_DATABASE_URL", "")
WITH_A_ROLE = ("ana", "bruno", "clara", "diego", "eva", "fabio")


DATABASE_FIXTURES = {"worker", "database_url", "redis_url", "demo_server"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Journeys first: they wait for other processes while the other tests compute.

    On PostgreSQL only what can differ there: every test that comes near a database, except those marked
    ``any_engine``. What runs on both is decided here and stated in docs/architecture.md.
    """
    items.sort(key=lambda item: "journeys" not in item.path.parts)
    if not SERVER:
        return
    same = [item for item in items if not _may_differ(item)]
    config.hook.pytest_deselected(items=same)
    items[:] = [item for item in items if _may_differ(item)]


def _may_differ(item: pytest.Function) -> bool:
    fixtures: set[str] = set(getattr(item, "fixturenames", ()))
    by_name = "request" in inspect.signature(item.function).parameters  # it may ask for any fixture
    reaches_a_database = by_name or not fixtures.isdisjoint(DATABASE_FIXTURES)
    return reaches_a_database and item.get_closest_marker("any_engine") is None


REFUSALS = ("test_it_rejects_bad_input", "test_it_requires", "test_it_hides")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Iterator[None]:
    """A test of refusals by name: whatever it asserts of the answers, no row may have changed."""
    app = item.funcargs.get("app") if item.name.startswith(REFUSALS) else None
    if app is None or item.get_closest_marker("prepares_in_test"):
        return (yield)
    before = content(app)
    result = yield
    after = content(app)
    changed = [name for name, rows in after.items() if rows != before[name]]
    assert changed == [], f"refused, but changed rows: {changed}"
    return result


@dataclass(frozen=True)
class Worker:
    """What a test process builds once."""

    app: Flask
    database: Database
    settings: config.Settings
    sessions: dict[str, SavedSession]


def settings_for(folder: Path, database_url: str, redis_url: str) -> config.Settings:
    return config.load(
        {
            "MEDICONNECT_ENV": "test",
            "DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "LOG_LEVEL": "warning",
            "RATE_PER_SESSION": "0",  # a test asks faster than a person; tests/http/test_limits.py sets its own
            "RATE_PER_ADDRESS": "0",
        }
    )


@contextmanager
def new_app(settings: config.Settings) -> Iterator[Flask]:
    """A further application, for tests that need settings or a database of their own."""
    app = create_app(settings)
    yield app
    disconnect(app)
    app.extensions["broker"].redis.close()


def disconnect(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with services.redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Worker]:
    """The application of this process, its database as template, and a session per person."""
    folder = tmp_path_factory.mktemp("worker")
    with open_database(SERVER, folder) as database:
        settings = settings_for(folder, database.url, redis_url)
        with new_app(settings) as app:
            with app.app_context():
                upgrade(directory=app.extensions["migrate"].directory)
                build_cast()
            disconnect(app)
            database.save_template()
            database.restore(lambda: disconnect(app))
            sessions = {name: Client(app).sign_in(f"{name}@example.com").save() for name in WITH_A_ROLE}
            yield Worker(app, database, settings, sessions)


@pytest.fixture
def database_url(worker: Worker, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own: for servers and for applications with other settings."""
    with worker.database.copy(tmp_path) as url:
        yield url


@pytest.fixture
def app(request: pytest.FixtureRequest, worker: Worker, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application as new, its files in ``tmp_path``. With ``database_url`` a further one on that database."""
    if "database_url" in request.fixturenames:
        settings = settings_for(tmp_path, request.getfixturevalue("database_url"), redis_url)
        with new_app(settings) as app:
            app.extensions["broker"].redis.flushdb()
            app.extensions["access_log"].discard()
            yield app
        return
    app = worker.app
    worker.database.restore(lambda: disconnect(app))
    kept = dict(app.config), dict(app.extensions), dict(vars(app.extensions["broker"]))
    app.config["SETTINGS"] = replace(worker.settings, data_dir=tmp_path)
    app.extensions["broker"].redis.flushdb()
    app.extensions["access_log"].discard()
    yield app
    with app.app_context():
        db.session.remove()
    app.config, app.extensions = type(app.config)(app.config.root_path, kept[0]), kept[1]
    vars(app.extensions["broker"]).update(kept[2])


@pytest.fixture
def cast(app: Flask) -> Cast:
    """The people fixtures: ids and e-mails of the people, clinics and services."""
    return Cast()


@pytest.fixture
def client(app: Flask) -> Client:
    """A browser without a session. Every HTML response is inspected."""
    return Client(app)


@pytest.fixture
def ana(app: Flask, worker: Worker) -> Client:
    """The receptionist of Miraflores, signed in."""
    return Client(app).resume(worker.sessions["ana"])


@pytest.fixture
def bruno(app: Flask, worker: Worker) -> Client:
    """A therapist of Miraflores."""
    return Client(app).resume(worker.sessions["bruno"])


@pytest.fixture
def hugo(app: Flask) -> Client:
    """Another therapist of Miraflores, Gloria's."""
    return Client(app).sign_in("hugo@example.com")


@pytest.fixture
def clara(app: Flask, worker: Worker) -> Client:
    """A patient, Bruno's."""
    return Client(app).resume(worker.sessions["clara"])


@pytest.fixture
def diego(app: Flask, worker: Worker) -> Client:
    """The supervisor of Miraflores."""
    return Client(app).resume(worker.sessions["diego"])


@pytest.fixture
def eva(app: Flask, worker: Worker) -> Client:
    """The admin of the organization."""
    return Client(app).resume(worker.sessions["eva"])


@pytest.fixture
def fabio(app: Flask, worker: Worker) -> Client:
    """The receptionist of the other clinic."""
    return Client(app).resume(worker.sessions["fabio"])
