"""A database as the first release left it, with its demo."""

import gzip
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.conftest import SERVER

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def first_release(tmp_path: Path) -> Iterator[str]:
    """Its URL."""
    if SERVER:
        name = f"t_{uuid.uuid4().hex}"
        url = services.new_database(SERVER, name)
        dump = gzip.decompress((DATA / "first_release.postgresql.sql.gz").read_bytes())
        command = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", url.replace("+psycopg", "")]
        subprocess.run(command, input=dump, check=True, stdout=subprocess.DEVNULL)
        yield url
        services.drop_database(SERVER, name)
    else:
        connection = sqlite3.connect(tmp_path / "first.sqlite3")
        connection.executescript(gzip.decompress((DATA / "first_release.sqlite.sql.gz").read_bytes()).decode())
        connection.close()
        yield f"sqlite:///{tmp_path}/first.sqlite3"
