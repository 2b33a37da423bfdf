"""``flask status`` names what stands still."""

import os
import shutil
import time
from collections import namedtuple
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import insert

import beats
from app.kernel import clock, status
from app.kernel.db import db, unit_of_work
from app.kernel.outbox import EventRow
from app.kernel.tasks import Task
from tests.operations.test_cli import run


@pytest.fixture
def beating(app: Flask) -> Path:
    """The folder of an application whose workers live."""
    data_dir = Path(app.config["SETTINGS"].data_dir)
    for name in beats.LIMITS:
        beats.Beat(data_dir, name)()
    return data_dir


def bad(app: Flask) -> list[str]:
    status_code, said = run(app, "status")
    lines = [line.removeprefix("BAD").strip() for line in said.splitlines() if line.startswith("BAD")]
    assert status_code == (1 if lines else 0)
    return lines


def test_all_is_well(app: Flask, beating: Path) -> None:
    assert bad(app) == []


def test_a_worker_that_shows_no_life_is_named(app: Flask, beating: Path) -> None:
    long_ago = time.time() - 1000
    os.utime(beats.file_of(beating, "fast.relay"), (long_ago, long_ago))
    beats.file_of(beating, "slow.tasks").unlink()

    first, second = bad(app)

    assert first.startswith("beat of worker fast.relay: 1000 s ago")
    assert second == "beat of worker slow.tasks: never on this machine"


def test_what_waits_too_long_is_named(app: Flask, beating: Path) -> None:
    at = clock.now() - timedelta(minutes=6)
    origin = {"organization_id": 1, "actor_kind": "system", "channel": "system", "subject_type": "test"}
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(insert(EventRow), {"type": "test.v1", "at": at, "data": {}, "published": False, **origin})
        task = {"kind": "x", "key": "1", "organization_id": 1, "payload": {}, "due_at": at, "created_at": at}
        db.session.execute(insert(Task), task)

    assert [line.partition(":")[0] for line in bad(app)] == ["oldest event to publish", "oldest task that is due"]


def test_little_space_is_named(app: Flask, beating: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, status.LITTLE_SPACE - 1))

    assert bad(app) == ["free space in DATA_DIR: 511 MB"]
