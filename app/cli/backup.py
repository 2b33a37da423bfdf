"""Backups: database and stored files in one archive, with a manifest of their SHA-256.

The database is copied at one instant (``VACUUM INTO``, ``pg_dump``), before the files: a file
written meanwhile may be superfluous, but none is missing. Keys are not included: archive and keys
together can decrypt everything, so they are kept apart.
"""

import glob
import hashlib
import io
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import orjson

import config
from app.cli import schema

FORMAT = 1
MANIFEST = "manifest.json"
SQLITE, POSTGRESQL = "database.sqlite3", "database.dump"


class BackupError(Exception):
    """One sentence for the operator: what is wrong with the archive, the database or the tools."""


@dataclass(frozen=True, slots=True)
class Archive:
    path: Path
    created_at: str
    files: int


def create(settings: config.Settings, target: Path | None, *, now: datetime) -> Archive:
    """Write a backup; without a target into DATA_DIR/backups. It is renamed to its name when complete.

    Raises BackupError, also when there is nothing to keep: whoever runs this without the server's settings would
    otherwise keep copies of an empty database.
    """
    if not _database_exists(settings.database_url) or not schema.has_data():
        raise BackupError(
            f"There is no clinic in {dict(config.describe(settings))['DATABASE_URL']}: nothing to back up. "
            "Are DATA_DIR and DATABASE_URL those of the server?"
        )
    folder = settings.data_dir / "backups"
    target = target or folder / f"mediconnect-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    if target.exists():
        raise BackupError(f"{target} exists already.")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        database = _dump(settings.database_url, Path(work))
        files = {database.name: database, **_stored(settings.data_dir / "files")}
        manifest = {
            "format": FORMAT,
            "created_at": now.isoformat(),
            "files": {name: _digest(path) for name, path in files.items()},
        }
        try:
            _pack(draft, manifest, files)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    return Archive(target, str(manifest["created_at"]), len(files) - 1)


def check(settings: config.Settings, source: Path) -> Archive:
    """Read a backup as a restore does, and change nothing. Raises BackupError."""
    with tempfile.TemporaryDirectory(dir=settings.data_dir) as work:
        manifest = _unpack(source, Path(work))
        if SQLITE in manifest["files"]:
            _check_sqlite(Path(work) / SQLITE)
        elif POSTGRESQL in manifest["files"]:
            _run_tool("pg_restore", "--list", str(Path(work) / POSTGRESQL))
        else:
            raise BackupError(f"{source} holds no database.")
    return Archive(source, manifest["created_at"], len(manifest["files"]) - 1)


def restore(settings: config.Settings, source: Path, *, replace: bool) -> Archive:
    """Put a backup in place of the data; everything is checked before anything is touched.

    Raises BackupError: a damaged archive, another kind of database, existing data without
    ``replace``.
    """
    with tempfile.TemporaryDirectory(dir=settings.data_dir) as work:
        manifest = _unpack(source, Path(work))
        database = POSTGRESQL if settings.database_url.startswith("postgresql") else SQLITE
        if database not in manifest["files"]:
            raise BackupError(f"{source} is a backup of another kind of database: set DATABASE_URL to one of its kind.")
        if not replace and schema.has_data():
            raise BackupError("There is data in the database already: say --replace to overwrite it.")
        schema.close_connections()
        _load(settings.database_url, Path(work) / database)
        _put_files(Path(work) / "files", settings.data_dir / "files")
    return Archive(source, manifest["created_at"], len(manifest["files"]) - 1)


# ------------------------------------------------------------------ the archive


def _stored(folder: Path) -> dict[str, Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return {f"files/{path.relative_to(folder).as_posix()}": path for path in found if not path.name.startswith(".")}


def _pack(target: Path, manifest: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
            head = tarfile.TarInfo(MANIFEST)
            head.size = len(text)
            archive.addfile(head, io.BytesIO(text))
            for name, path in files.items():
                archive.add(path, arcname=name, recursive=False)
        file.flush()
        os.fsync(file.fileno())


def _unpack(source: Path, work: Path) -> dict[str, Any]:
    """The manifest, after extracting exactly its files into ``work`` and comparing their hashes."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            members = {member.name: member for member in archive.getmembers() if member.isfile()}
            head = archive.extractfile(members[MANIFEST])
            manifest: dict[str, Any] = orjson.loads(head.read() if head else b"")
            for name in manifest["files"]:
                _extract(archive, members[_safe(name)], work / name)
    except (OSError, KeyError, ValueError, tarfile.TarError, EOFError) as error:
        raise BackupError(f"{source} is not a backup or is damaged ({type(error).__name__}).") from error
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{source} has another format: restore it with the release that made it.")
    for name, digest in manifest["files"].items():
        if _digest(work / name) != digest:
            raise BackupError(f"{name} in {source} was changed after the backup.")
    return manifest


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """The content alone: owners, modes and links of an archive from elsewhere are not ours."""
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    if content is None:
        raise ValueError(member.name)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _safe(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] not in {"files", SQLITE, POSTGRESQL}:
        raise ValueError(name)
    return name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put_files(source: Path, target: Path) -> None:
    """The backup's files in place of the present ones, which stay beside them until the swap is done."""
    source.mkdir(exist_ok=True)
    old = target.with_name("files.before-restore")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)


# ------------------------------------------------------------------ SQLite


def _dump(url: str, work: Path) -> Path:
    if url.startswith("postgresql"):
        target = work / POSTGRESQL
        _run("pg_dump", "--format=custom", "--no-owner", f"--file={target}", url=url)
        return target
    target = work / SQLITE
    with closing(sqlite3.connect(_sqlite_file(url), timeout=30)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    return target


def _load(url: str, dump: Path) -> None:
    if url.startswith("postgresql"):
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
        _run("pg_restore", *options, str(dump), url=url)
        return
    _check_sqlite(dump)
    # through SQLite itself: a server that has the file open sees a consistent change
    with closing(sqlite3.connect(dump)) as source, closing(sqlite3.connect(_sqlite_file(url), timeout=30)) as target:
        source.backup(target)


def _check_sqlite(dump: Path) -> None:
    with closing(sqlite3.connect(dump)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if answer != "ok":
        raise BackupError(f"The database in the backup is damaged: {answer}")


def _database_exists(url: str) -> bool:
    """A file that is not there would be made by looking into it."""
    return not url.startswith("sqlite") or os.path.exists(_sqlite_file(url))


def _sqlite_file(url: str) -> str:
    return urlsplit(url).path[1:] if url.startswith("sqlite:////") else url.removeprefix("sqlite:///")


# ------------------------------------------------------------------ PostgreSQL


def _run(tool: str, *arguments: str, url: str) -> None:
    """A tool of PostgreSQL on a database; the password goes by the environment, where `ps` does not show it."""
    parts = urlsplit(url.replace("+psycopg", "", 1))
    secret = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
    host = parts.netloc.replace(f":{parts.password}@", "@", 1) if parts.password else parts.netloc
    _run_tool(tool, *arguments, f"--dbname={urlunsplit(parts._replace(netloc=host))}", environment=secret)


def _run_tool(tool: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        [_tool(tool), *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"{tool} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")


def _tool(name: str) -> str:
    """Of the newest version that Debian has installed, or the one on the PATH."""
    versions = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: float(path.split("/")[4]))
    found = versions[-1] if versions else shutil.which(name)
    if not found:
        raise BackupError(f"{name} was not found: install PostgreSQL's client programs.")
    return found
