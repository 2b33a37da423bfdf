"""A migration that has landed is never edited: databases that have run it would not get the change."""

import hashlib
import re
from pathlib import Path

MIGRATIONS = Path(__file__).parents[2] / "migrations"
REVISES = re.compile(r"^down_revision[^=]*= *(.+)$", re.MULTILINE)


def listed() -> dict[str, str]:
    """The names in ``migrations/landed.txt``, as ``sha256sum`` writes it, with their SHA-256."""
    lines = (MIGRATIONS / "landed.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def present() -> dict[str, str]:
    files = (MIGRATIONS / "versions").glob("*.py")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_no_landed_migration_was_edited() -> None:
    now = present()

    edited = [name for name, digest in listed().items() if now.get(name) != digest]

    assert edited == [], "write a new migration instead: databases have run these as they were"


def test_every_migration_with_a_successor_is_listed() -> None:
    """The newest may still change; the one before it has landed."""
    revised = "".join(
        found for path in (MIGRATIONS / "versions").glob("*.py") for found in REVISES.findall(path.read_text())
    )

    missing = [name for name in sorted(present()) if f'"{Path(name).stem}"' in revised and name not in listed()]

    assert missing == [], f"cd migrations/versions && sha256sum {' '.join(missing)} >> ../landed.txt"
