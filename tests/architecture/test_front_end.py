"""Promises of sheets, scripts and templates that no linter knows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.is_file())
PAGES = [path for path in TEMPLATES if path.suffix == ".html" and "messages" not in path.parts]
SHEETS = sorted((ROOT / "static/css").glob("*.css"))
ON_SCREEN = [path for path in SHEETS if path.name not in ("tokens.css", "paper.css")]
MAX_LINE_LENGTH = 160
LITERAL_SIZES = 100
"""Sizes in px outside tokens.css: columns and marks of one component that no other shares. It may only sink."""
COLOUR = re.compile(
    r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|rgba|hsl|hsla|oklch|light-dark)\(|:\s*(?:white|black|red|green|blue)\b"
)


def rules(path: Path) -> str:
    """A sheet without comments and without the conditions of its media and container queries."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"@(?:media|container)[^{]*", "", text)


def declared(text: str) -> str:
    return "\n".join(re.findall(r"\{([^{}]*)\}", text))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_lines_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE_LENGTH] == []


def test_colours_stand_in_the_tokens_alone() -> None:
    found = [f"{path.name}: {match[0]}" for path in ON_SCREEN for match in COLOUR.finditer(declared(rules(path)))]
    assert found == []


def test_literal_sizes_do_not_grow() -> None:
    sizes = {path.name: len(re.findall(r"\d+px", rules(path))) for path in ON_SCREEN}
    assert sum(sizes.values()) <= LITERAL_SIZES, sizes


def test_layers_are_of_the_scale() -> None:
    found = [f"{path.name}: {value}" for path in ON_SCREEN for value in re.findall(r"z-index:\s*([^;}]+)", rules(path))]
    assert [line for line in found if "var(--z-" not in line] == []


def test_every_token_that_is_used_is_defined() -> None:
    text = "\n".join(rules(path) for path in SHEETS)
    assert set(re.findall(r"var\((--[\w-]+)", text)) <= set(re.findall(r"(--[\w-]+):", text))


def test_every_sheet_is_loaded() -> None:
    imported = re.findall(r'@import url\("([^"]+)"\)', (ROOT / "static/css/app.css").read_text(encoding="utf-8"))
    assert len(imported) == len(set(imported))
    assert {*imported, "app.css", "paper.css"} == {path.name for path in SHEETS}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_escaping_is_never_switched_off(path: Path) -> None:
    assert not re.search(r"autoescape|\|\s*safe\b", path.read_text(encoding="utf-8"))


def test_modules_import_files_that_exist() -> None:
    folder = ROOT / "static/js"
    for path in folder.glob("*.js"):
        for name in re.findall(r'(?:from|import) "\./([^"]+)"', path.read_text(encoding="utf-8")):
            assert (folder / name).is_file(), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_line_breaks_inside_what_htmx_parses(path: Path) -> None:
    """``hx-trigger="input changed<newline>delay:200ms"`` never fires."""
    assert re.findall(r'hx-[\w:-]+="[^"]*\n[^"]*"', path.read_text(encoding="utf-8")) == []
