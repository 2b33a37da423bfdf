"""The supervisor: a process that stands still, a Redis that cannot read its log, files for the owner alone."""

import os
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import beats
import config
from script import supervisor
from script.supervisor import Child, Supervisor


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    return config.load({"MEDICONNECT_ENV": "test", "DATA_DIR": str(tmp_path)})


@pytest.fixture
def sleeper() -> Iterator[Child]:
    child = Child("sleeper", ["sleep", "60"])
    yield child
    child.end_session()


def test_a_process_that_shows_no_life_is_ended_and_starts_again(sleeper: Child) -> None:
    alive = [1]
    sleeper.signs = {"loop": (lambda: alive[0], 90.0)}
    sleeper.start()
    began = sleeper.started_at
    sleeper.kill_if_hung(began + 80)
    alive[0] = 2
    sleeper.kill_if_hung(began + 100)  # it has moved
    sleeper.kill_if_hung(began + 180)
    assert not sleeper.ended()

    sleeper.kill_if_hung(began + 200)
    assert sleeper.ended()

    first = sleeper.process
    sleeper.restart_if_ended(time.monotonic())
    sleeper.restart_if_ended(time.monotonic() + 1)
    assert sleeper.process is not first
    assert not sleeper.ended()


def test_a_process_that_never_shows_life_is_ended_too(sleeper: Child) -> None:
    sleeper.signs = {"loop": (lambda: None, 90.0)}
    sleeper.start()
    sleeper.kill_if_hung(sleeper.started_at + 89)
    assert not sleeper.ended()
    sleeper.kill_if_hung(sleeper.started_at + 91)
    assert sleeper.ended()


def test_every_loop_of_the_workers_is_watched(settings: config.Settings) -> None:
    watched = {name for child in Supervisor(settings).workers for name in child.signs}

    assert watched == set(beats.LIMITS)
    look, _limit = supervisor.worker_part("fast", settings).signs["fast.relay"]
    assert look() is None
    beats.Beat(settings.data_dir, "fast.relay")()
    assert look() is not None


def test_redis_starts_empty_when_its_log_is_damaged(
    tmp_path: Path, settings: config.Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(os.path.realpath(f"/tmp/mc-aof-{os.getpid()}"))  # short enough for a socket
    folder.mkdir(mode=0o700)
    started = Supervisor(replace(settings, data_dir=folder))
    assert started.redis is not None
    try:
        started.start_redis(started.redis)
        started.redis.end_session()
        (log,) = (folder / "redis" / "appendonlydir").glob("*.incr.aof")
        log.write_bytes(b"*3\r\n$3\r\nSET" + bytes(64) + b"garbage" * 9)

        started.start_redis(started.redis)

        assert started.redis_is_ready()
        assert (folder / "redis.damaged" / "appendonlydir" / log.name).read_bytes().endswith(b"garbage")
        assert "it starts empty" in capfd.readouterr().err
    finally:
        started.redis.end_session()
        supervisor.shutil.rmtree(folder)


def test_what_a_command_writes_is_for_the_owner_alone(tmp_path: Path) -> None:
    """Whatever the mode of the folder: it may have been made by somebody else."""
    import subprocess

    os.chmod(tmp_path, 0o755)
    environment = {**os.environ, "MEDICONNECT_ENV": "test", "DATA_DIR": str(tmp_path)}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    old = os.umask(0o022)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "prepare"],
            check=False,
            cwd=supervisor.ROOT,
            env=environment,
            capture_output=True,
        )
    finally:
        os.umask(old)

    assert (done.returncode, done.stderr) == (0, b"")  # and it is quiet
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert "mediconnect.sqlite3" in modes
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
