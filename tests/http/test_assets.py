"""How static files are published and served."""

import gzip
import re
from pathlib import Path

import brotli
import pytest
from flask import Flask

from app.http import assets
from tests.client import Client


@pytest.fixture
def sheet(app: Flask) -> str:
    return str(app.jinja_env.globals["asset"]("css/app.css"))


def test_a_sheet_is_served_compressed_for_a_year_with_the_security_headers(client: Client, sheet: str) -> None:
    with client.http.get(sheet) as answer:
        plain = answer.get_data()
    for encoding, unpack in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        with client.http.get(sheet, headers={"Accept-Encoding": encoding}) as packed:
            body = packed.get_data()
        assert packed.headers["Content-Encoding"] == encoding
        assert unpack(body) == plain
        assert len(body) < len(plain) / 4
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert "immutable" in packed.headers["Cache-Control"]
        assert packed.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in packed.headers


def test_a_file_that_is_known_already_is_not_sent_again(client: Client, sheet: str) -> None:
    with client.http.get(sheet) as answer:
        tag = answer.headers["ETag"]
    assert tag.startswith('W/"')
    again = client.http.get(sheet, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_version_that_does_not_exist_is_not_found(client: Client) -> None:
    assert client.http.get("/static/0000000000/css/app.css").status_code == 404
    assert client.http.get("/static/../config.py").status_code == 404


def test_one_sheet_holds_all_the_others(client: Client, sheet: str) -> None:
    with client.http.get(sheet) as answer:
        text = answer.get_data(as_text=True)
    assert "@import" not in text
    for url in re.findall(r'url\("(\.\./[^"]+)"\)', text):
        with client.http.get(f"{sheet.rpartition('/')[0]}/{url}".replace("/css/..", "")) as file:
            assert file.status_code == 200, url


def test_a_change_makes_a_new_version_and_old_ones_go(tmp_path: Path) -> None:
    source, published = tmp_path / "static", tmp_path / "published"
    (source / "css").mkdir(parents=True)
    (source / "css/base.css").write_text("p { margin: 0; }\n")
    (source / "css/paper.css").write_text("p { color: var(--ink); }\n")
    names = []
    for size in range(5):
        (source / "css/app.css").write_text(
            f'/* {size} */\n@import url("base.css");\n@import url("paper.css") print;\n', encoding="utf-8"
        )
        assets.publish.cache_clear()
        folder = assets.publish(source, published)
        names.append(folder.name)
        assert (
            (folder / "css/app.css")
            .read_text(encoding="utf-8")
            .endswith("p { margin: 0; }\n\n@media print {\np { color: var(--ink); }\n}\n")
        )
    assert len(set(names)) == 5
    assert len(list(published.iterdir())) == assets.VERSIONS_KEPT
    assert names[-1] in {folder.name for folder in published.iterdir()}
