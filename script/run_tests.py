"""The stages of script/test and how long each took: the checks of the code together, then the test runs.

All of them run even if one fails. A path among the arguments for pytest replaces the whole suite;
lint, types and contracts are of the project and always run whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import services  # noqa: E402 - the project's root has to be on the path first

BROWSER = "tests/browser"
# Debian 12's own Python: older than tarfile's filters and other things that 3.11.4 brought.
FLOOR_PYTHON = Path("/usr/bin/python3")
FLOOR = (3, 11)
FLOOR_TESTS = ("tests/operations/test_cli.py", "tests/operations/test_config.py", "tests/operations/test_logs.py")
NO_TESTS_COLLECTED = 5
OUTCOME = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|warnings?|deselected)")
# Settings of the machine or a developer's `.env`: the suite sets its own.
INHERITED_SETTINGS = {
    *("MEDICONNECT_ENV", "DATA_DIR", "DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SMTP_URL"),
    *("SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_URL", "HOST", "PORT", "TEST_DATABASE_URL"),
}


@dataclass(frozen=True)
class Stage:
    name: str
    ok: bool
    seconds: float
    note: str = ""


class Run:
    def __init__(self, arguments: Sequence[str]) -> None:
        self.options = [argument for argument in arguments if not is_path(argument)]
        self.paths = [argument for argument in arguments if is_path(argument)]
        self.stages: list[Stage] = []
        self.totals: Counter[str] = Counter()

    def checks(self, commands: Mapping[str, Sequence[str]]) -> None:
        """Run all of them at once and print the output of each as a whole."""
        with ThreadPoolExecutor(len(commands)) as pool:
            for name, (stage, output) in zip(commands, pool.map(check, commands, commands.values()), strict=True):
                heading(name)
                print(output, end="", flush=True)
                self.stages.append(stage)

    def pytest(
        self,
        name: str,
        paths: Sequence[str],
        *options: str,
        extra: Mapping[str, str],
        python: str = sys.executable,
    ) -> None:
        heading(name)
        started_at = time.monotonic()
        with subprocess.Popen(
            [python, "-m", "pytest", *options, *self.options, *paths],
            cwd=ROOT,
            env=environment() | dict(extra),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            summary = ""
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                summary = line.strip() or summary
        found = OUTCOME.findall(summary)
        self.totals.update({outcome.rstrip("s") if outcome[0] in "ew" else outcome: int(n) for n, outcome in found})
        # With a selection (-k, -m, one path) a stage may rightly have nothing to do.
        nothing = process.returncode == NO_TESTS_COLLECTED and bool(self.options or self.paths)
        note = ", ".join(f"{n} {outcome}" for n, outcome in found) or summary.strip("= ")
        self.stages.append(Stage(name, process.returncode == 0 or nothing, time.monotonic() - started_at, note))


def main(arguments: list[str]) -> int:
    fast = "--fast" in arguments
    run = Run([argument for argument in arguments if argument != "--fast"])
    started_at = time.monotonic()

    run.checks(
        {
            "lint": (tool("ruff"), "check", "--quiet", "--output-format=concise", "."),
            "format": (tool("ruff"), "format", "--check", "--output-format=concise", "."),
            "types": (tool("mypy"),),
            "contracts": (tool("lint-imports"), "--no-logo"),
            **script_checks(),
        }
    )

    in_browser = [path for path in run.paths if path.startswith(BROWSER)]
    elsewhere = [path for path in run.paths if path not in in_browser]
    # One process more than two cores: some tests wait most of their time for a server of their own.
    ordinary = ("-n", "3", "--dist", "worksteal", f"--ignore={BROWSER}")
    if elsewhere or not run.paths:
        run.pytest("pytest on SQLite", elsewhere or ["tests"], *ordinary, extra={})
        if not fast:
            with ExitStack() as stack:
                url = stack.enter_context(services.postgres_server())
                run.pytest(
                    "pytest on PostgreSQL",
                    elsewhere or ["tests"],
                    *ordinary,
                    extra={"TEST_DATABASE_URL": url},
                )
    if not run.paths and not fast and (floor := floor_environment()):
        run.pytest("pytest on the floor", FLOOR_TESTS, extra={}, python=str(floor))
    if (in_browser or not run.paths) and not fast and (ROOT / BROWSER).is_dir():
        run.pytest("browser", in_browser or [BROWSER], extra={})

    return report(run, time.monotonic() - started_at)


def floor_environment() -> Path | None:
    """The Python of a virtual environment of the oldest version there is support for, made once; None without one.

    Installed offline or from the index that pip is set up with, like .venv itself.
    """
    asked = "import ensurepip, sys; print(*sys.version_info[:3])"
    found = subprocess.run([str(FLOOR_PYTHON), "-c", asked], capture_output=True, text=True)
    version = tuple(map(int, found.stdout.split()))
    if found.returncode or version[:2] != FLOOR or version >= sys.version_info[:3]:
        return None
    folder, locked = ROOT / ".cache/floor", ("requirements.txt", "requirements-dev.txt")
    stamp = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in locked)).hexdigest()
    python = folder / "bin/python"
    if not (folder / stamp).exists():
        heading("the packages for the floor")
        subprocess.run([str(FLOOR_PYTHON), "-m", "venv", "--clear", str(folder)], check=True)
        for name in locked:
            command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install"]
            subprocess.run([*command, "--require-hashes", "--no-deps", "-r", name], cwd=ROOT, check=True)
        (folder / stamp).touch()
    return python


def check(name: str, command: Sequence[str]) -> tuple[Stage, str]:
    started_at = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return Stage(name, done.returncode == 0, time.monotonic() - started_at), done.stdout


def script_checks() -> dict[str, tuple[str, ...]]:
    """Lint and unit tests of static/js; without node the stage fails with a message what to install."""
    lint = ROOT / "node_modules/.bin/biome"
    if shutil.which("node") is None or not lint.exists():
        missing = "node or its packages are missing: run script/setup --dev (Debian: apt-get install nodejs npm)"
        return {"scripts": (sys.executable, "-c", f"raise SystemExit({missing!r})")}
    tests = sorted(str(path) for path in (ROOT / "tests/js").glob("*.test.js"))
    return {
        "scripts: lint": (str(lint), "lint", "--error-on-warnings"),
        "scripts: unit tests": ("node", "--test", *tests),
    }


def report(run: Run, seconds: float) -> int:
    heading("result")
    for stage in run.stages:
        print(f"{'ok' if stage.ok else 'FAILED':7}{stage.seconds:7.1f} s  {stage.name:22}{stage.note}")
    failed = [stage.name for stage in run.stages if not stage.ok]
    # Last of all one line in pytest's own form, over all its runs: what a build server looks for.
    order = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error")
    outcomes = [f"{run.totals[outcome]} {outcome}" for outcome in order if run.totals[outcome]]
    if failed:
        print(f"Failed: {', '.join(failed)}")
    print(f" {', '.join(outcomes) or 'no tests ran'} in {seconds:.2f}s ".center(80, "="), flush=True)
    return 1 if failed else 0


def heading(text: str) -> None:
    print(f"--- {text} ".ljust(80, "-"), flush=True)


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def is_path(argument: str) -> bool:
    return not argument.startswith("-") and (ROOT / argument.partition("::")[0]).exists()


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in INHERITED_SETTINGS}
    return kept | {"MEDICONNECT_ENV": "test"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
