"""No package reaches an upper one around the import rules: by a table's name, a foreign key, or a name as text."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table

from app import tables
from app.kernel.db import Base
from app.wiring import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "app").rglob("*.py"))
LAYERS = (*PACKAGES, "realtime", "http", "kernel")  # from above to below


def package_of(path: Path) -> str:
    return path.relative_to(ROOT / "app").parts[0].removesuffix(".py")


def strings(path: Path) -> Iterator[ast.Constant]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def packages_of_tables() -> dict[str, str]:
    """``{table: package}`` of every table, also those without a class."""
    found: dict[str, str] = {}
    for package in tables.__all__:
        module = getattr(tables, package)
        owner = module.__name__.split(".")[1]
        for value in vars(module).values():
            if isinstance(value, Table):
                found[value.name] = owner
            elif isinstance(value, type) and issubclass(value, Base) and value.__module__ == module.__name__:
                found[value.__tablename__] = owner
    return found


def test_every_table_has_its_package() -> None:
    assert packages_of_tables().keys() == Base.metadata.tables.keys()


def test_no_foreign_key_leads_to_a_table_of_an_upper_package() -> None:
    owners = packages_of_tables()
    upward = [
        f"{table.name}.{key.parent.name} -> {key.column.table.name}"
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if LAYERS.index(owners[key.column.table.name]) < LAYERS.index(owners[table.name])
    ]
    assert upward == []


def test_foreign_keys_to_lower_packages_name_the_column_itself() -> None:
    """A column, not its name as text: the import rules see it. Billing and scheduling still name them as text."""
    owners = packages_of_tables()
    named = [
        f"{path.relative_to(ROOT)}:{call.lineno} {call.args[0].value}"
        for path in SOURCES
        if path.name == "models.py" and package_of(path) not in {"billing", "scheduling"}
        for call in calls(path, "ForeignKey")
        if isinstance(call.args[0], ast.Constant)
        and owners[str(call.args[0].value).partition(".")[0]] != package_of(path)
    ]
    assert named == []


def test_no_table_is_read_by_its_name() -> None:
    owners = packages_of_tables()
    raw = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for call in calls(path, "table")
        if isinstance(call.args[0], ast.Constant)
        and owners.get(str(call.args[0].value), package_of(path)) != package_of(path)
    }
    assert raw == set()


def test_the_jobs_of_another_package_are_no_text() -> None:
    """``app.reports.jobs.build_report`` is imported, not spelt."""
    spelt = [
        f"{path.relative_to(ROOT)}:{text.lineno}"
        for path in SOURCES
        for text in strings(path)
        if (match := re.fullmatch(r"app\.([a-z_]+)\.(jobs|subscribers|actions|queries)(\.[a-z_]+)+", str(text.value)))
        and match.group(1) != package_of(path)
    ]
    assert spelt == []
