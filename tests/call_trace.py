"""Trace a value through the code while it runs: which components get it, and whether one calls a component above it.

A component is a package with a layer (``scheduling.actions``). Every call of a function of the application that gets
the value in an argument, or inside one (a field of a dataclass, an entry of a mapping), is a step from the component
of its caller to its own. The order of the components is read from the import contracts in ``pyproject.toml``. A step
to a component above is an upward call; entering again a component that was left is a reentry.

``kernel.clock``, ``kernel.db`` and ``kernel.money`` convert and store values for every component: calls of them are
not recorded.
"""

import dataclasses
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONVERSIONS = ("app/kernel/clock.py", "app/kernel/db.py", "app/kernel/money.py", "app/kernel/events.py")
DEPTH = 2  # how deep inside an argument the value is looked for

Component = tuple[str, str]


class Order:
    """The ranks of packages and layers, 0 at the top, as the import contracts state them."""

    def __init__(self) -> None:
        contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
        packages, layers = (contract["layers"] for contract in contracts["contracts"][:2])
        self.packages = self._ranks(packages)
        self.layers = self._ranks(layers)

    @staticmethod
    def _ranks(rows: list[str]) -> dict[str, int]:
        return {name.strip(" ()"): rank for rank, row in enumerate(rows) for name in row.split("|")}

    def component(self, path: str) -> Component:
        """``app/scheduling/actions/booking.py`` is in ``("scheduling", "actions")``; the kernel is one component."""
        _app, package, *rest = path.removesuffix(".py").split("/")
        layer = rest[0] if rest and rest[0] in self.layers else ""
        return package, layer

    def rank(self, component: Component) -> tuple[int, int]:
        package, layer = component
        return self.packages.get(package, -1), self.layers.get(layer, -1)

    def is_upward(self, origin: Component, target: Component) -> bool:
        return self.rank(target) < self.rank(origin)


@dataclasses.dataclass
class Trace:
    """What a value did: ``steps`` as (from, to, function), the first without a caller."""

    order: Order
    steps: list[tuple[Component | None, Component, str]] = dataclasses.field(default_factory=list)

    def until(self, function: str) -> "Trace":
        """The trace up to the last call of a function: what follows the write is the answer, read anew."""
        last = max(number for number, step in enumerate(self.steps) if step[2] == function)
        return Trace(self.order, self.steps[: last + 1])

    @property
    def components(self) -> list[Component]:
        """The components in the order in which they are first entered."""
        return list(dict.fromkeys(target for _origin, target, _name in self.steps))

    @property
    def upward_calls(self) -> list[tuple[Component, Component, str]]:
        return [(a, b, name) for a, b, name in self.steps if a is not None and self.order.is_upward(a, b)]

    @property
    def reentries(self) -> list[tuple[Component, str]]:
        """Entries from another component into one that was entered, and left, before."""
        entered: set[Component] = set()
        found = []
        for origin, target, name in self.steps:
            if origin == target:
                continue
            if target in entered:
                found.append((target, name))
            entered.add(target)
        return found


def _contains(argument: Any, value: Any, depth: int = DEPTH) -> bool:
    if type(argument) is type(value) and argument == value:
        return True
    if depth == 0:
        return False
    if dataclasses.is_dataclass(argument) and not isinstance(argument, type):
        return any(_contains(getattr(argument, f.name), value, depth - 1) for f in dataclasses.fields(argument))
    if isinstance(argument, Mapping):
        return any(_contains(entry, value, depth - 1) for entry in argument.values())
    return False


def _path_of(code: CodeType, folder: Path) -> str | None:
    if not code.co_filename.startswith(f"{folder}/"):
        return None
    path = f"app/{Path(code.co_filename).relative_to(folder)}"
    return None if path in CONVERSIONS or code.co_name.startswith("<") else path


@contextmanager
def follow(value: Any, folder: Path = ROOT / "app") -> Iterator[Trace]:
    """Record the trace of ``value`` through the calls of this thread until the block ends."""
    trace, order = Trace(Order()), Order()

    def on_event(frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call":
            return
        path = _path_of(frame.f_code, folder)
        if path is None or not any(_contains(local, value) for local in list(frame.f_locals.values())):
            return
        component = order.component(path)
        trace.steps.append((_caller_component(frame, folder, order), component, frame.f_code.co_name))

    previous: Callable[..., Any] | None = sys.getprofile()
    sys.setprofile(on_event)
    try:
        yield trace
    finally:
        sys.setprofile(previous)


def _caller_component(frame: FrameType, folder: Path, order: Order) -> Component | None:
    """The component of the nearest function of the application below this one in the stack."""
    caller = frame.f_back
    while caller is not None:
        path = _path_of(caller.f_code, folder)
        if path is not None and not path.startswith("app/http/"):
            return order.component(path)
        caller = caller.f_back
    return None
