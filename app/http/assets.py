"""Static files: published under a version, compressed beforehand, served by WhiteNoise before Flask.

``static/`` is copied to ``.cache/static/<version>``, the version being a hash of everything in it: an address names
its content, may be kept for a year, and modules and sheets reach each other by relative paths. ``script/setup``
publishes; ``create_app`` publishes again only when a source has changed.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from wsgiref.headers import Headers

from flask import Flask
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "static"
PUBLISHED = ROOT / ".cache/static"
VERSIONS_KEPT = 3
ONE_YEAR = 31_536_000  # seconds
IMPORT = re.compile(r'^@import url\("(?P<sheet>[^"/]+)"\)(?: (?P<media>\w+))?;\n', re.MULTILINE)


def register(app: Flask, headers: dict[str, str]) -> None:
    """Serve ``/static/<version>/…`` with ``headers`` and give templates ``asset(path)``."""
    folder = publish()
    prefix = f"/static/{folder.name}/"

    def add_headers(response_headers: Headers, path: str, url: str) -> None:
        # Weak: the compressed forms of a file share it. The version identifies the content as a hash of the file would.
        response_headers["ETag"] = f'W/"{folder.name}"'
        for name, value in headers.items():
            response_headers[name] = value

    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=folder,
        prefix=prefix,
        max_age=ONE_YEAR,
        allow_all_origins=False,
        add_headers_function=add_headers,
        immutable_file_test=lambda path, url: True,
    )
    app.jinja_env.globals["asset"] = lambda path: prefix + path


@lru_cache(maxsize=4)
def publish(source: Path = SOURCE, published: Path = PUBLISHED) -> Path:
    """The folder of the current version, made if it is not there yet. Safe in several processes at once."""
    folder = published / version(source)
    if folder.exists():
        return folder
    published.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=published))
    shutil.copytree(source, making, dirs_exist_ok=True, ignore=shutil.ignore_patterns("licences", "manifest.json"))
    bundle(making / "css")
    compress(making)
    making.chmod(0o755)
    try:
        making.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(making)
    _delete_old_versions(published, keep=folder)
    return folder


def version(source: Path) -> str:
    """Ten digits of a hash over the names and contents of all files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(source)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:10]


def bundle(sheets: Path) -> None:
    """Write the imports of ``app.css`` into it: one request instead of one for each component."""
    index = sheets / "app.css"
    index.write_text(IMPORT.sub(lambda match: _imported(sheets, match), index.read_text("utf-8")), "utf-8")


def _imported(sheets: Path, match: re.Match[str]) -> str:
    file = sheets / match["sheet"]
    text = file.read_text("utf-8")
    file.unlink()
    return f"@media {match['media']} {{\n{text}}}\n" if match["media"] else text + "\n"


def compress(folder: Path) -> None:
    """Write ``.gz`` and ``.br`` beside every file that gets smaller by it."""
    compressor = Compressor(quiet=True)
    for file in [path for path in folder.rglob("*") if path.is_file() and compressor.should_compress(path.name)]:
        for made in compressor.compress(str(file)):
            os.utime(made, (file.stat().st_atime, file.stat().st_mtime))


def _delete_old_versions(published: Path, keep: Path) -> None:
    def age(folder: Path) -> float:
        return folder.stat().st_mtime

    versions: Iterable[Path] = (path for path in published.iterdir() if path != keep and path.is_dir())
    for folder in sorted((path for path in versions if path.name[0] != "."), key=age)[: 1 - VERSIONS_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    publish()
