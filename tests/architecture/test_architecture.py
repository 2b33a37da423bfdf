"""Rules of the architecture that neither the type checker nor the import contracts enforce."""

import ast
import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from app.kernel.db import Base, db
from app.kernel.events import Event

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SOURCES = sorted((ROOT / "app").rglob("*.py"))
ADDRESS = re.compile(r'(href|action|hx-get|hx-post)="(/[^"]*)"')


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_migrations_equal_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def _event_types(kind: type[Event]) -> list[type[Event]]:
    return [
        k for child in kind.__subclasses__() for k in (child, *_event_types(child)) if k.__module__.startswith("app.")
    ]


def test_every_event_is_named_by_its_domain_and_documented() -> None:
    documented = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    # a slotted dataclass is made twice: the first, unslotted one is a subclass too
    kinds = {(k.__module__, k.__name__): k for k in _event_types(Event) if k.type}
    types = [k.type for k in kinds.values()]
    assert len(set(types)) == len(types)
    for kind in kinds.values():
        domain = kind.__module__.split(".")[1]
        assert re.fullmatch(rf"{domain}\.[a-z_]+\.[a-z_]+\.v\d+", kind.type), kind
        assert f"`{kind.type}`" in documented, f"{kind.type} is missing in docs/events.md"


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_templates_comply_with_the_content_security_policy(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    mail = "messages" in path.parts or path.name == "base_email.html"
    assert "|safe" not in text.replace(" ", "")
    assert mail or not re.search(r"\sstyle=", text)
    assert mail or "<style" not in text or "print" in path.name or "print" in path.parts
    assert not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"url_for\(", text), "literal paths: url_for costs in loops"


def _fits(address: str, rule: list[str]) -> bool:
    """Whether an address with ``{{ holes }}`` can be one of a rule's."""
    plain = re.sub(r"\{\{.*?\}\}", "*", re.sub(r"\{%.*?%\}", "", address)).partition("?")[0].partition("#")[0]
    segments = plain.strip("/").split("/")
    return len(segments) == len(rule) and all(
        "*" in segment or part.startswith("<") or segment == part for segment, part in zip(segments, rule, strict=True)
    )


@pytest.mark.any_engine
@pytest.mark.parametrize("path", [t for t in TEMPLATES if "base" not in t.name], ids=name_of)
def test_addresses_in_templates_match_a_route(app: Flask, path: Path) -> None:
    rules = [rule.rule.strip("/").split("/") for rule in app.url_map.iter_rules()]
    unmatched = [
        raw
        for _attribute, raw in ADDRESS.findall(path.read_text(encoding="utf-8"))
        if not raw.startswith(("/static/", "//")) and not any(_fits(raw, rule) for rule in rules)
    ]
    assert not unmatched


def test_templates_listen_to_no_browser_event_of_another_package() -> None:
    """No package names a browser event of another: one event carries the changed topics."""
    listeners = [name_of(path) for path in TEMPLATES if "from:document" in path.read_text(encoding="utf-8")]
    writers = [name_of(path) for path in SOURCES if '["HX-Trigger"]' in path.read_text(encoding="utf-8")]
    assert listeners == []
    assert writers == ["app/http/fragments.py"]


def test_event_type_strings_appear_in_events_modules_only() -> None:
    text = re.compile(r"""["'][a-z]+\.[a-z_]+\.[a-z_]+\.v\d+["']""")
    elsewhere = [
        name_of(path) for path in SOURCES if path.name != "events.py" and text.search(path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


def test_only_the_unit_of_work_commits() -> None:
    allowed = {"app/kernel/db.py"}
    commits = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        if name_of(path) not in allowed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert commits == []


def test_the_clock_is_read_at_entry_points_only() -> None:
    """``now`` is an argument everywhere else."""
    allowed = {
        "app/kernel/clock.py", "app/kernel/task_runner.py", "app/kernel/scheduler.py", "app/http/cycle.py",
        "app/identity/login.py", "app/identity/queries/__init__.py", "app/realtime/handshake.py",
        "app/realtime/relay.py", "app/notifications/jobs.py", "app/reports/jobs.py",
    }  # fmt: skip
    readers = {
        name_of(path)
        for path in SOURCES
        if re.search(r"clock\.now\(|read_clock\(|datetime\.now\(", path.read_text(encoding="utf-8"))
    }
    assert {r for r in readers if not r.startswith("app/cli/")} <= allowed


def test_files_and_functions_stay_small() -> None:
    long_files = [name_of(p) for p in SOURCES if len(p.read_text(encoding="utf-8").splitlines()) > 400]
    long_functions = [
        f"{name_of(path)}:{node.name} {node.end_lineno - node.lineno + 1}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > 80
    ]
    assert long_files == []
    assert long_functions == []


def test_vendored_files_match_the_manifest() -> None:
    import hashlib
    import json

    manifest = json.loads((ROOT / "static/vendor/manifest.json").read_text(encoding="utf-8"))
    entries = manifest if isinstance(manifest, list) else manifest["files"]
    for entry in entries:
        assert entry["version"]
        assert entry["licence"]
        content = (ROOT / "static" / entry["file"].removeprefix("static/")).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]


def test_cited_decisions_are_explained() -> None:
    explained = set(re.findall(r"^\| (D\d+) \|", (ROOT / "docs/decisions.md").read_text(encoding="utf-8"), re.M))
    cited = {
        (name_of(path), number)
        for path in (*SOURCES, *TEMPLATES, *sorted((ROOT / "tests").rglob("*.py")))
        for number in re.findall(r"\bD\d{1,2}\b", path.read_text(encoding="utf-8"))
    }
    assert {place for place in cited if place[1] not in explained} == set()
