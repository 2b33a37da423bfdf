"""Commands for operators, documented in docs/operations.md.

Errors that the operator has to correct are one line and exit status 2; a violation found by ``flask verify`` is 1.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from flask_babel import gettext
from flask_migrate import Migrate
from sqlalchemy.exc import DBAPIError

import config
from app.kernel import clock
from app.kernel.db import db, unit_of_work
from app.kernel.errors import DomainError, Invalid, Unavailable

# Commands import what they need: tests and every command load this module.
MAX_SHOWN = 20  # breaches of one check
ROOT = Path(__file__).resolve().parents[2]

config_group = AppGroup("config", help="Settings as the product reads them.")
demo_group = AppGroup("demo", help="The demo clinic: a database to look around in.")
admin_group = AppGroup("admin", help="Administrators' accounts.")
backup_group = AppGroup("backup", help="Database and files in one archive.")


def register(app: Flask) -> None:
    Migrate(app, db, directory=str(ROOT / "migrations"), compare_type=True, render_as_batch=False)
    for command in (config_group, demo_group, admin_group, backup_group, prepare, verify_data, show_status, clean_up):
        app.cli.add_command(command)


def _settings() -> config.Settings:
    settings: config.Settings = current_app.config["SETTINGS"]
    return settings


def _exit_with_error(sentence: str) -> NoReturn:
    click.echo(sentence, err=True)
    raise click.exceptions.Exit(2)


def _report_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Report what the operator has to put right in one line, with exit status 2."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except DomainError as error:
            fields = [f"{name}: {gettext(text)}" for name, texts in error.details.items() for text in texts]
            _exit_with_error("; ".join(fields) if isinstance(error, Invalid) else _sentence(error))
        except (OSError, sqlite3.Error, DBAPIError) as error:
            _exit_with_error(_cause(error))

    return wrapped


def _sentence(error: DomainError) -> str:
    """The sentence, and for a database that cannot be used what it has said itself."""
    sentence = gettext(error.text) % error.params
    is_of_the_database = isinstance(error, Unavailable) and error.__cause__ is not None
    return f"{sentence} ({_cause(error.__cause__)})" if is_of_the_database else sentence


def _cause(error: BaseException | None) -> str:
    """An error in one line: of the database its own words, of the system the file concerned."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    own = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return " ".join(str(own).split())


# ------------------------------------------------------------------ settings


@config_group.command("check")
def check() -> None:
    """Print every setting that was read, secrets hidden, and what is probably not meant."""
    for name, value in config.describe(_settings()):
        click.echo(f"{name:20} {value}")
    for sentence in config.warnings(_settings()):
        click.echo(sentence, err=True)


@click.command("prepare")
@with_appcontext
@_report_errors
def prepare() -> None:
    """Migrate, and in a demo fill an empty database: what script/server runs before it serves, in one process.

    An existing database is saved before its schema changes.
    """
    from app.cli import schema

    try:
        with schema.alone(_settings().data_dir):
            _prepare()
    except schema.SchemaError as error:
        _exit_with_error(str(error))


def _prepare() -> None:
    from app.cli import demo, schema

    has_data = schema.has_data()
    if schema.is_outdated() and has_data:
        _save_before_migrating()
    schema.migrate()
    if missing := schema.differences():
        _exit_with_error(
            f"The database lacks what this release needs: {', '.join(missing[:MAX_SHOWN])}. Its revision says that it"
            " is current, so a migration or a table was edited: restore a backup, or ask for help."
        )
    if _settings().env == "demo" and not has_data:
        with unit_of_work(write=True):
            summary = demo.load(password=_settings().demo_password, now=clock.now())
        click.echo(summary)


def _save_before_migrating() -> None:
    from app.cli import backup

    now = clock.now()
    target = _settings().data_dir / "backups" / f"before-migration-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    try:
        archive = backup.create(_settings(), target, now=now)
    except backup.BackupError as error:
        _exit_with_error(f"The schema has to change, and the backup before it failed: {error}")
    click.echo(f"The schema changes. The database as it was: {archive.path}")


# ------------------------------------------------------------------ demo


@demo_group.command("load")
@click.option("--if-empty", is_flag=True, help="Do nothing when there is a clinic already.")
@_report_errors
def load_demo(if_empty: bool) -> None:
    """Write the demo clinic into an empty database, dated around today."""
    from app.cli import demo

    _refuse_in_production()
    try:
        with unit_of_work(write=True):
            summary = demo.load(password=_settings().demo_password, now=clock.now())
    except demo.NotEmpty:
        if if_empty:
            return
        _exit_with_error("There is a clinic in this database already: flask demo reset replaces all of it.")
    click.echo(summary)


@demo_group.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_report_errors
def reset_demo(yes: bool) -> None:
    """Throw away everything in the database and load the demo clinic again."""
    from app.cli import demo, schema

    _refuse_in_production()
    if not yes and schema.has_data():
        click.confirm("This deletes every row of this database. Go on?", abort=True)
    schema.recreate()
    with unit_of_work(write=True):
        summary = demo.load(password=_settings().demo_password, now=clock.now())
    click.echo(summary)


def _refuse_in_production() -> None:
    if _settings().env == "production":
        _exit_with_error("MEDICONNECT_ENV is production: demo data has no place here.")


# ------------------------------------------------------------------ accounts


@admin_group.command("create")
@click.option("--email", prompt=True)
@click.option("--name", "full_name", prompt="Full name")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.option("--organization", default="Mi organización", help="Name, when the database is empty.")
@click.option("--clinic", default="Sede principal", help="Name of the first clinic, when the database is empty.")
@_report_errors
def create_admin(email: str, full_name: str, password: str, organization: str, clinic: str) -> None:
    """Make an administrator of every clinic; in an empty database also the organization and its first clinic.

    Without --password it is asked for, so that it stands in no history of commands.
    """
    from app.cli import admin
    from app.identity.rules import check_password
    from app.kernel.passwords import hash_password

    check_password(password, words=(email, full_name, organization, clinic))
    password_hash = hash_password(password)
    with unit_of_work(write=True):
        created = admin.create_admin(
            email=email,
            full_name=full_name,
            password_hash=password_hash,
            organization=organization,
            clinic=clinic,
            now=clock.now(),
        )
    click.echo(f"{email} administers {', '.join(created.clinics)}.")


# ------------------------------------------------------------------ maintenance


@click.command("verify")
@with_appcontext
@_report_errors
def verify_data() -> None:
    """Ask the live database for everything that must always be true; status 1 when something is not."""
    from app.kernel import integrity

    with unit_of_work(write=False):
        findings = integrity.run(integrity.CheckContext(clock.now(), _settings().data_dir / "files"))
    for finding in findings:
        click.echo(f"{'BREACH' if finding.breaches else 'ok':7}{finding.name}")
        for breach in finding.breaches[:MAX_SHOWN]:
            click.echo(f"         {breach}")
        if len(finding.breaches) > MAX_SHOWN:
            click.echo(f"         and {len(finding.breaches) - MAX_SHOWN} more")
    if any(finding.breaches for finding in findings):
        raise click.exceptions.Exit(1)


@click.command("status")
@with_appcontext
@_report_errors
def show_status() -> None:
    """Print what waits, when the workers last showed life and how much space is left; status 1 when one is bad."""
    from app.kernel import status

    with unit_of_work(write=False):
        lines = status.lines(_settings().data_dir, now=clock.now())
    for line in lines:
        click.echo(f"{'BAD' if line.is_bad else 'ok':7}{line.name}: {line.value}")
    if any(line.is_bad for line in lines):
        raise click.exceptions.Exit(1)


@click.command("cleanup")
@with_appcontext
@_report_errors
def clean_up() -> None:
    """Delete expired rows, as the scheduler does every hour, and stored files without a row."""
    from app.kernel import expiry
    from app.reports import retention as stored_files

    with unit_of_work(write=True):
        gone = expiry.delete_expired(now=clock.now())
    with unit_of_work(write=False):
        gone["files without a row"] = stored_files.remove_orphans(_settings().data_dir / "files", now=clock.now())
    for name, count in gone.items():
        click.echo(f"{count:7} {name}")


@backup_group.command("create")
@click.argument("target", required=False, type=click.Path(path_type=Path, dir_okay=False))
@_report_errors
def create_backup(target: Path | None) -> None:
    """Write database and files into TARGET (DATA_DIR/backups/…); the server may run meanwhile."""
    from app.cli import backup

    try:
        archive = backup.create(_settings(), target, now=clock.now())
    except backup.BackupError as error:
        _exit_with_error(str(error))
    click.echo(f"{archive.path} holds the database and {archive.files} files.")


@backup_group.command("check")
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False))
@_report_errors
def check_backup(source: Path) -> None:
    """Read the backup SOURCE whole and compare every hash; nothing is changed."""
    from app.cli import backup

    try:
        archive = backup.check(_settings(), source)
    except backup.BackupError as error:
        _exit_with_error(str(error))
    click.echo(f"{source} is whole: the backup of {archive.created_at}, database and {archive.files} files.")


@backup_group.command("restore")
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Overwrite the data that is there.")
@_report_errors
def restore_backup(source: Path, replace: bool) -> None:
    """Put the backup SOURCE in place of the data. The server has to be stopped."""
    from app.cli import backup

    _refuse_while_running()
    try:
        archive = backup.restore(_settings(), source, replace=replace)
    except backup.BackupError as error:
        _exit_with_error(str(error))
    click.echo(
        f"Restored the backup of {archive.created_at}: database and {archive.files} files."
        " Now run flask prepare and flask verify."
    )


def _refuse_while_running() -> None:
    """The supervisor holds this lock for as long as it runs (script/supervisor.py)."""
    descriptor = os.open(_settings().data_dir / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _exit_with_error("The server runs on this data: stop it first.")
    finally:
        os.close(descriptor)
