"""Throw-away Redis and PostgreSQL servers, for script/test and for fixtures."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

import psycopg
from psycopg import sql

from script import supervisor

START_WITHIN = 90.0
STOP_WITHIN = 10.0


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of an empty server that keeps its files in `folder`; gone at the end."""
    # pytest's folders can be too long for a socket's path.
    with tempfile.TemporaryDirectory(prefix="mc-redis-") as short:
        socket_path = Path(short) / "redis.sock"
        with _running(
            supervisor.redis_command(socket_path, folder),
            ready=lambda: supervisor.redis_answers(socket_path),
            stop_with=signal.SIGKILL,
        ):
            yield f"unix://{quote(str(socket_path))}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of the `postgres` database of a new cluster; gone at the end.

    Fast and forgetful: nothing is flushed to disk. It listens on a unix socket alone.
    """
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="mc-postgres-"))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    data = folder / "data"
    try:
        subprocess.run(
            [
                _postgres_binary("initdb"),
                *("--pgdata", str(data), "--username", "mediconnect", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **_identity(user),
        )
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "64MB",
            "max_connections": "100",
            # Tests provoke errors on purpose; the client sees them anyway.
            "log_min_messages": "panic",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with _running(
            [_postgres_binary("postgres"), "-D", str(data), *options],
            ready=lambda: _cluster_is_ready(data),
            stop_with=signal.SIGINT,  # the "fast" shutdown: it does not wait for clients
            user=user,
            cwd=folder,
        ):
            yield f"postgresql+psycopg://mediconnect@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server_url: str, name: str, template: str = "template1") -> str:
    """The URL of a new database `name` on the server of `postgres_server`, a copy of `template`."""
    _run_sql(server_url, "CREATE DATABASE {} TEMPLATE {}", name, template)
    return server_url.replace("/postgres?", f"/{name}?")


def drop_database(server_url: str, name: str) -> None:
    _run_sql(server_url, "DROP DATABASE {} WITH (FORCE)", name)


def _run_sql(server_url: str, statement: str, *names: str) -> None:
    with psycopg.connect(server_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def _running(
    command: Sequence[str],
    *,
    ready: Callable[[], bool],
    stop_with: signal.Signals,
    user: str | None = None,
    cwd: Path | None = None,
) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for pytest; its fixtures stop this
        preexec_fn=supervisor.die_with_parent,
        **_identity(user),
    )
    try:
        deadline = time.monotonic() + START_WITHIN
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start (status {process.poll()}).")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(stop_with)
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cluster_is_ready(data: Path) -> bool:
    try:
        # PostgreSQL's own answer to pg_ctl: the last line of this file is its state.
        return (data / "postmaster.pid").read_text().splitlines()[-1].strip() == "ready"
    except (OSError, IndexError):
        return False


def _unprivileged_user() -> str | None:
    """The account that runs PostgreSQL, which refuses root; None if this process is not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class _Identity(TypedDict):
    """The arguments of subprocess that change the user; none for the present user."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def _identity(user: str | None) -> _Identity:
    if user is None:
        return {"user": None, "group": None, "extra_groups": None}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _postgres_binary(name: str) -> str:
    """Of the newest version that Debian has installed, or the one on the PATH."""
    versions = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: float(path.split("/")[4]))
    found = versions[-1] if versions else shutil.which(name)
    if not found:
        raise RuntimeError(f"PostgreSQL's {name} was not found: run script/setup --test.")
    return found
