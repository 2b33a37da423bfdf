"""What a start does to a database: two at once, a backup first, a schema that does not fit, a newer release."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from app.kernel.db import db
from script import supervisor
from tests import services
from tests.conftest import SERVER, new_app, settings_for


def environment(folder: Path, url: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    own = {"MEDICONNECT_ENV": "demo", "DATA_DIR": str(folder), "DATABASE_URL": url, "REDIS_URL": "unix:///nowhere"}
    return {**os.environ, **own}


def start(folder: Path, url: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "flask", "prepare"]
    return subprocess.Popen(
        command,
        cwd=supervisor.ROOT,
        env=environment(folder, url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.output


def test_two_first_starts_at_once_both_succeed(tmp_path: Path) -> None:
    """On PostgreSQL two hosts, on SQLite the same folder: one loads the demo, the other finds it."""
    name = f"t_start_{os.getpid()}"
    url = services.new_database(SERVER, name) if SERVER else f"sqlite:///{tmp_path}/one.sqlite3"
    folders = (tmp_path / "a", tmp_path / "b") if SERVER else (tmp_path / "a", tmp_path / "a")
    try:
        both = [start(folder, url) for folder in folders]
        said = [process.communicate(timeout=300) for process in both]
    finally:
        if SERVER:
            services.drop_database(SERVER, name)

    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(out[:12] for out, _err in said) == ["", "Demo clinic:"]
    assert {err for _out, err in said} == {""}


def test_a_database_is_saved_before_its_schema_changes(first_release: str, tmp_path: Path, redis_url: str) -> None:
    with new_app(settings_for(tmp_path, first_release, redis_url)) as app:
        status, said = run(app, "prepare")
        again = run(app, "prepare")

    assert status == 0, said
    (archive,) = (tmp_path / "backups").iterdir()
    assert str(archive) in said
    with tarfile.open(archive) as saved:
        assert {name.partition(".")[0] for name in saved.getnames()} == {"manifest", "database"}
    assert again == (0, "")  # there was nothing to do


def test_a_schema_that_does_not_fit_is_named(app: Flask, database_url: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE delivery DROP COLUMN sender_name"))
        connection.execute(text("DROP INDEX ix_ticket_issued"))

    status, said = run(app, "prepare")

    assert (status, said.count("\n")) == (2, 1), said
    assert "column delivery.sender_name" in said
    assert "index ix_ticket_issued" in said


def test_a_database_of_a_newer_release_is_refused(app: Flask, database_url: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '20990101_future'"))

    status, said = run(app, "prepare")

    assert (status, said.count("\n")) == (2, 1), said
    assert "newer release (revision 20990101_future)" in said


def test_more_than_the_code_needs_is_no_difference(app: Flask, database_url: str) -> None:
    """An operator's own index and table stay."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE INDEX of_the_operator ON patient (created_at)"))
        connection.execute(text("CREATE TABLE notes_of_the_operator (id INTEGER)"))

    assert run(app, "prepare") == (0, "")
