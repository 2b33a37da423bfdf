"""Files that the product keeps: generated reports now, uploads later.

A key is random and carries no information; a file is written, synced and renamed before its row is
committed, so that no row refers to a partial file.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from flask import current_app

from app.kernel import ids


def _root() -> Path:
    return Path(current_app.config["SETTINGS"].data_dir) / "files"


def save(content: bytes, *, suffix: str) -> str:
    """Keep ``content``; returns its key (``ab/abcd….pdf``)."""
    name = ids.uid().replace("-", "")
    path = _root() / name[:2] / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return f"{name[:2]}/{path.name}"


def read(key: str) -> bytes:
    """The content of a key. Raises FileNotFoundError."""
    path = (_root() / key).resolve()
    if not path.is_relative_to(_root().resolve()):
        raise FileNotFoundError(key)
    return path.read_bytes()


def delete(key: str) -> None:
    (_root() / key).unlink(missing_ok=True)


def orphans(folder: Path, known: set[str], *, older_than: datetime) -> Iterator[Path]:
    """Files without a row, and unfinished drafts."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        is_known = path.relative_to(folder).as_posix() in known
        if path.is_file() and not is_known and path.stat().st_mtime < older_than.timestamp():
            yield path
