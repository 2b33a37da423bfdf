"""The commands: what they do, what they refuse, and with which status."""

import dataclasses
import io
import os
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.cli import backup
from app.identity.models import User
from app.kernel.db import db, unit_of_work
from app.patients.models import Patient
from tests import build
from tests.conftest import new_app, settings_for


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    """``(exit status, everything that was said)``."""
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def production(app: Flask) -> Flask:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], env="production")
    return app


def test_the_demo_is_not_loaded_over_a_clinic(app: Flask) -> None:
    status, said = run(app, "demo", "load")

    assert (status, said.count("\n")) == (2, 1)
    assert "flask demo reset" in said
    assert run(app, "demo", "load", "--if-empty") == (0, "")


@pytest.mark.parametrize("command", [("demo", "load"), ("demo", "load", "--if-empty"), ("demo", "reset", "--yes")])
def test_production_refuses_demo_data(production: Flask, command: tuple[str, ...]) -> None:
    status, said = run(production, *command)

    assert status == 2
    assert "production" in said


def test_prepare_leaves_a_clinic_alone(app: Flask) -> None:
    assert run(app, "prepare") == (0, "")


def test_reset_replaces_everything(app: Flask) -> None:
    status, said = run(app, "demo", "reset", "--yes")

    assert (status, said[:12]) == (0, "Demo clinic:"), said
    with app.app_context(), unit_of_work(write=True):
        assert db.session.scalar(select(Patient.full_name).where(Patient.id == 1)) == "Clara Inés Núñez Quispe"
        # sequences go on behind the demo's own ids
        names = {"given_names": "Eva", "paternal_surname": "Nueva", "full_name": "Eva Nueva"}
        now = datetime.now(UTC)
        db.session.add(Patient(organization_id=1, search_text=" eva nueva ", created_at=now, **names))
    assert run(app, "verify")[0] == 0


def test_an_admin_gets_every_clinic(app: Flask) -> None:
    arguments = ("--email", "Ines@Example.com", "--name", "Inés Vega", "--password", "una frase bastante larga")

    status, said = run(app, "admin", "create", *arguments)

    assert status == 0, said
    with app.app_context(), unit_of_work(write=False):
        held = build.roles_of(db.session.scalars(select(User.id).where(User.email == "ines@example.com")).one())
    assert held == {(1, "admin"), (2, "admin")}
    assert run(app, "admin", "create", *arguments)[0] == 2


def test_an_admin_needs_a_good_password(app: Flask) -> None:
    status, said = run(app, "admin", "create", "--email", "a@example.com", "--name", "A B", "--password", "corta")

    assert (status, said.count("\n")) == (2, 1)


def test_the_first_admin_of_an_empty_database_opens_a_clinic(empty_app: Flask) -> None:
    names = ("--organization", "Casa de Salud", "--clinic", "Sede Cusco")
    who = ("--email", "rosa@example.com", "--name", "Rosa Vega", "--password", "una frase bastante larga")

    status, said = run(empty_app, "admin", "create", *who, *names)

    assert (status, said) == (0, "rosa@example.com administers Sede Cusco.\n")


def test_verify_says_a_line_for_each_check_and_1_for_a_breach(app: Flask) -> None:
    status, said = run(app, "verify")
    assert (status, said.count("ok ")) == (0, said.count("\n"))

    with app.app_context(), unit_of_work(write=True):
        db.session.execute(text("UPDATE document_series SET next_number = 7 WHERE kind = 'ticket'"))
        db.session.execute(
            text(
                "INSERT INTO ticket (clinic_id, number, patient_id, concept, currency,"
                " service_day, status, issued_at, void_reason)"
                " VALUES (1, 5, 1, 'x', 'PEN', '2026-11-20', 'open', '2026-11-20 10:00:00', '')"
            )
        )
    status, said = run(app, "verify")

    assert status == 1
    assert "BREACH numbers have no gaps" in said


def test_cleanup_counts_what_it_removed(app: Flask) -> None:
    status, said = run(app, "cleanup")

    assert status == 0
    assert said.splitlines()[-1].split(maxsplit=1) == ["0", "files without a row"]


def test_a_backup_brings_rows_and_files_back(app: Flask, tmp_path: Path) -> None:
    folder = app.config["SETTINGS"].data_dir / "files" / "ab"
    folder.mkdir(parents=True)
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    archive = tmp_path / "copy.tar.gz"
    status, said = run(app, "backup", "create", str(archive))
    assert status == 0, said
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(text("UPDATE patient SET given_names = 'Nadie'"))
    (folder / "report.pdf").unlink()

    assert run(app, "backup", "restore", str(archive))[0] == 2  # there is data
    status, said = run(app, "backup", "restore", str(archive), "--replace")

    assert status == 0, said
    assert (folder / "report.pdf").read_bytes() == b"%PDF-1.7"
    with app.app_context(), unit_of_work(write=False):
        assert db.session.scalar(select(Patient.given_names).where(Patient.id == 2)) == "Gloria"
        guards = "SELECT count(*) FROM " + (
            "pg_trigger WHERE NOT tgisinternal"
            if db.engine.dialect.name == "postgresql"
            else "sqlite_master WHERE type = 'trigger'"
        )
        assert db.session.scalar(text(guards)) > 5  # they came back with the tables


def test_a_damaged_backup_changes_nothing(app: Flask, tmp_path: Path) -> None:
    archive, other = tmp_path / "copy.tar.gz", tmp_path / "other.tar.gz"
    run(app, "backup", "create", str(archive))
    with tarfile.open(archive) as source, tarfile.open(other, "w:gz") as target:
        for member in source.getmembers():
            content = source.extractfile(member)
            assert content is not None
            changed = content.read()
            if member.name.startswith("database"):
                changed = changed[:-1] + bytes([changed[-1] ^ 1])
            target.addfile(member, io.BytesIO(changed))

    status, said = run(app, "backup", "restore", str(other), "--replace")

    assert status == 2
    assert "changed after the backup" in said
    assert run(app, "backup", "restore", str(tmp_path / "nothing.tar.gz"))[0] == 2
    assert run(app, "backup", "check", str(other))[0] == 2
    status, said = run(app, "backup", "check", str(archive))
    assert (status, "is whole" in said) == (0, True), said


def test_a_backup_of_nothing_is_refused(app: Flask, tmp_path: Path) -> None:
    """Run without the server's settings, it would keep copies of an empty database for years."""
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    with new_app(settings_for(empty, f"sqlite:///{empty}/mediconnect.sqlite3", "redis://nowhere")) as other:
        status, said = run(other, "backup", "create", str(tmp_path / "x.tar.gz"))

    assert (status, said.count("\n")) == (2, 1), said
    assert "nothing to back up" in said
    assert not (tmp_path / "x.tar.gz").exists()
    assert not (empty / "mediconnect.sqlite3").exists()  # not even made by looking


def test_a_backup_holds_whole_files_of_any_python(app: Flask, tmp_path: Path) -> None:
    """Python before 3.11.4 knows no extraction filters: nothing of the archive but names and content is used."""
    archive, crafted = tmp_path / "copy.tar.gz", tmp_path / "crafted.tar.gz"
    run(app, "backup", "create", str(archive))
    with tarfile.open(archive) as source, tarfile.open(crafted, "w:gz") as target:
        for member in source.getmembers():
            content = source.extractfile(member)
            member.mode, member.uid = 0o4777, 4242
            target.addfile(member, content)

    with tempfile.TemporaryDirectory(dir=tmp_path) as work:
        backup._unpack(crafted, Path(work))
        (database,) = (path for path in Path(work).iterdir() if path.name.startswith("database"))
        assert database.stat().st_mode & 0o7000 == 0
        assert database.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("command", [("verify",), ("cleanup",)])
def test_a_database_without_tables_is_said_in_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    with new_app(settings_for(tmp_path, f"sqlite:///{tmp_path}/empty.sqlite3", "redis://nowhere")) as app:
        status, said = run(app, *command)

    assert (status, said.count("\n")) == (2, 1), said
    assert "no such table" in said
    assert "ocupado" not in said


def test_a_folder_that_cannot_be_written_is_said_in_one_line(app: Flask) -> None:
    status, said = run(app, "backup", "create", "/proc/nowhere/x.tar.gz")

    assert (status, said.count("\n")) == (2, 1), said
    assert "/proc/nowhere" in said
